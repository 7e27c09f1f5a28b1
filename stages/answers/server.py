"""A Label Studio server, by its API (labelstud.io/api; tried with 1.23.2): a project's tasks, and new ones.

Five requests need no SDK: label-studio-sdk 2.1.2 brings 36 more packages, and an older numpy than is locked.
The token comes from the environment alone, since other users of a machine see a command line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from stages.base.errors import UserError

TOKEN = "LABEL_STUDIO_API_KEY"
_WAIT = 120.0  # seconds without a byte; a server writes an export before it sends it
_PAGE = 100  # projects of a page, and tasks sent at once: some 4 MB, where 200 are allowed

Task = dict[str, Any]


class Server:
    """Label Studio at a URL. Every method raises UserError: for no answer, a refused token, what is not there."""

    def __init__(self, url: str) -> None:
        """Signs in, by a personal access token or a legacy one."""
        import requests

        self.url = url.rstrip("/")
        try:
            parts = urlsplit(url)
            fit = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        except ValueError:
            fit = False
        if not fit:
            raise UserError(f"{url}: must be Label Studio's address, such as http://localhost:8080")
        self.host = parts.netloc.replace(":", "-")
        token = os.environ.get(TOKEN, "").strip()
        if not token:
            raise UserError(f"{TOKEN} is not set; copy a token from Account & Settings of {self.url}, and export it")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise UserError(f"{TOKEN} is no token; copy one from Account & Settings of {self.url}")
        self._session, self._header = requests.Session(), ""
        # else a .netrc would speak for the user
        self._session.auth = self._signed
        if token.count(".") == 2:  # a personal one is a JSON Web Token, and buys one for five minutes
            self._header = f"Bearer {self._refreshed(token)}"
        else:
            self._header = f"Token {token}"
            self._asked("GET", "/api/current-user/whoami")

    def projects(self, title: str) -> list[int]:
        """The numbers of the projects of exactly this title."""
        found, page = list[int](), 1
        while True:
            got = self._asked("GET", "/api/projects/", query={"page": page, "page_size": _PAGE})
            listed = self._part(got, "results", list)
            found += [one["id"] for one in listed if one["title"] == title]
            if not self._part(got, "next", str | None):
                return sorted(found)
            page += 1

    def create(self, title: str, config: str) -> int:
        """A new project's number. title: of 3 to 50 characters."""
        made = self._asked("POST", "/api/projects/", {"title": title, "label_config": config})
        return self._part(made, "id", int)

    def add(self, project: int, tasks: Sequence[Task]) -> None:
        """Imports tasks, in parts: what is killed halfway has the first of them."""
        for start in range(0, len(tasks), _PAGE):
            self._asked("POST", f"/api/projects/{project}/import", list(tasks[start : start + _PAGE]))

    def tasks(self, project: int) -> list[Task]:
        """All tasks of a project, as its JSON export has them: with annotations, those that were skipped too."""
        query = {"exportType": "JSON", "download_all_tasks": "true"}
        got = self._asked("GET", f"/api/projects/{project}/export", query=query, missing=f"no project {project}")
        if not isinstance(got, list) or not all(isinstance(one, dict) for one in got):
            raise self._strange()
        return got

    def _refreshed(self, token: str) -> str:
        return self._part(self._asked("POST", "/api/token/refresh", {"refresh": token}), "access", str)

    def _asked(
        self, verb: str, path: str, sent: Any = None, query: Mapping[str, Any] | None = None, missing: str | None = None
    ) -> Any:
        import requests

        try:
            # a redirect would make a GET of a POST
            got = self._session.request(
                verb, self.url + path, params=query, json=sent, timeout=_WAIT, allow_redirects=verb == "GET"
            )
        except (requests.RequestException, UnicodeError) as error:
            reason = "no answer in time" if isinstance(error, requests.Timeout) else type(error).__name__
            raise UserError(f"{self.url}: can't be reached ({reason}); is Label Studio running there?") from None
        if got.status_code in (401, 403):
            raise UserError(f"{self.url}: refused the token in {TOKEN}; copy one from its Account & Settings")
        if got.status_code == 404 and missing is not None:
            raise UserError(f"{self.url}: {missing}, or none that this token's account may see; see its address there")
        try:
            answer = got.json()
        except ValueError:
            raise self._strange() from None
        if not got.ok:
            said = answer.get("validation_errors") or answer.get("detail") if isinstance(answer, dict) else answer
            raise UserError(f"{self.url}{path}: refused with status {got.status_code}: {str(said)[:300]}")
        return answer

    def _part(self, answer: Any, key: str, kind: Any) -> Any:
        if not isinstance(answer, dict) or not isinstance(answer.get(key), kind):
            raise self._strange()
        return answer[key]

    def _strange(self) -> UserError:
        return UserError(f"{self.url}: does not answer as Label Studio does; give the address of its first page")

    def _signed(self, request: Any) -> Any:
        if self._header:
            request.headers["Authorization"] = self._header
        return request

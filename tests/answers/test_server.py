"""A small server that answers as Label Studio 1.23.2 did, and what is said where one does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stages import answers, handout
from stages.answers.server import TOKEN, Server
from stages.base.errors import UserError
from stages.handout import push as pushing
from stages.handout.push import push
from stages.pull import pull
from tests.handout.made import handout as made

LEGACY, PERSONAL = "secret", "a.personal.one"


class Studio(BaseHTTPRequestHandler):
    """Projects by number: a title and tasks. What `fails` is refused."""

    projects: dict[int, dict[str, Any]]
    fails: dict[str, tuple[int, bytes]]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        if parts.path == "/api/projects/":
            page, size = int(query["page"]), 1
            listed = [{"id": key, "title": one["title"]} for key, one in self.projects.items()]
            more = f"http://x/?page={page + 1}" if page * size < len(listed) else None
            self.answer({"results": listed[(page - 1) * size : page * size], "next": more})
        elif parts.path.endswith("/export"):
            assert query == {"exportType": "JSON", "download_all_tasks": "true"}
            project = self.projects.get(int(parts.path.split("/")[3]))
            self.answer(project["tasks"] if project else {"detail": "No Project matches"}, 200 if project else 404)
        else:
            self.answer({"id": 1})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/api/token/refresh":
            known = sent["refresh"] == PERSONAL
            self.answer({"access": LEGACY} if known else {"detail": "Token is invalid"}, 200 if known else 401)
        elif self.path == "/api/projects/":
            number = len(self.projects) + 1
            self.projects[number] = {"title": sent["title"], "config": sent["label_config"], "tasks": []}
            self.answer({"id": number}, 201)
        else:
            project = self.projects[int(self.path.split("/")[3])]
            project["tasks"] += [one | {"annotations": []} for one in sent]
            self.answer({"task_count": len(sent)}, 201)

    def answer(self, said: Any, status: int = 200) -> None:
        text = json.dumps(said).encode()
        if "refresh" not in self.path and self.headers["Authorization"] not in (f"Token {LEGACY}", f"Bearer {LEGACY}"):
            status, text = 401, b'{"detail": "Invalid token."}'
        for path, failure in self.fails.items():
            status, text = failure if self.path.startswith(path) else (status, text)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Studio]]:
    class Own(Studio):
        projects: dict[int, dict[str, Any]] = {}  # noqa: RUF012
        fails: dict[str, tuple[int, bytes]] = {}  # noqa: RUF012
        url = ""

    monkeypatch.setenv(TOKEN, LEGACY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Own) as server:
        Own.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Own
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    handout.write(tmp_path / "labels" / "1", made(5), None)
    return tmp_path / "labels" / "1"


def annotate(studio: type[Studio], place: int, label: str | None, by: int = 1) -> None:
    """Nothing for a label: skipped."""
    value = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label]}}
    given = {"completed_by": by, "result": [value] if label else [], "was_cancelled": label is None}
    studio.projects[1]["tasks"][place]["annotations"].append(given)


@pytest.mark.parametrize("token", [LEGACY, PERSONAL])
def test_what_is_pushed_and_labelled_comes_back(
    token: str, studio: type[Studio], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN, token)
    server = Server(f"{studio.url}/")
    assert push(server, folder) == (1, 5)
    project = studio.projects[1]
    assert project["title"].endswith("/labels/1") and len(project["title"]) <= 50
    assert project["config"] == (folder / "config.xml").read_text()
    annotate(studio, 0, "cat"), annotate(studio, 0, "dog", by=2), annotate(studio, 3, None)
    pull(server, 1, folder)
    found = answers.read_all(folder.parent).answers
    assert [(one.image[6], one.label, one.annotator) for one in found] == [
        ("0", "cat", "1"),
        ("0", "dog", "2"),
        ("3", "", ""),
    ]
    file = folder / f"127.0.0.1-{studio.url.split(':')[2]}-1.json"
    assert "base64" not in file.read_text() and LEGACY not in file.read_text()
    # more is labelled, and a label mended: the file is made anew
    annotate(studio, 1, "dog")
    project["tasks"][0]["annotations"][0]["result"][0]["value"]["choices"] = ["dog"]
    pull(server, 1, folder)
    assert [one.label for one in answers.read(folder.parent)] == ["dog", "dog", "dog"]


def test_pushed_again_it_is_one_project_which_is_given_what_it_lacks(
    studio: type[Studio], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.projects[1] = {"title": "another", "tasks": []}
    monkeypatch.setattr("stages.answers.server._PAGE", 2)
    server = Server(studio.url)
    assert push(server, folder) == (2, 5)
    assert push(server, folder) == (2, 0)
    del studio.projects[2]["tasks"][2:]  # killed between two parts
    assert push(server, folder) == (2, 3)
    assert len({one["data"]["path"] for one in studio.projects[2]["tasks"]}) == len(studio.projects[2]["tasks"]) == 5
    handout.write(folder, made(4), None)
    with pytest.raises(UserError, match=r"project 2 is named .* and has 1 other images; pull its labels"):
        push(server, folder)
    studio.projects[3] = studio.projects[2]
    with pytest.raises(UserError, match=r"projects \[2, 3\] are named"):
        push(server, folder)


def test_a_title_has_50_characters_at_most(studio: type[Studio], tmp_path: Path) -> None:
    handout.write(tmp_path / ("a" * 60), made(1), None)
    push(Server(studio.url), tmp_path / ("a" * 60))
    assert studio.projects[1]["title"] == "…" + "a" * (pushing._LONGEST - 1)


def test_an_answer_that_is_gone_there_stays_here(studio: type[Studio], folder: Path) -> None:
    server = Server(studio.url)
    push(server, folder)
    annotate(studio, 0, "cat")
    pull(server, 1, folder)
    studio.projects[1]["tasks"][0]["annotations"].clear()
    annotate(studio, 1, "dog")
    with pytest.raises(UserError, match=r"1\.json: 1 of its answers, such as that for shots/0.*, are no longer in"):
        pull(server, 1, folder)
    assert [one.label for one in answers.read(folder)] == ["cat"]


def test_a_project_of_other_tasks_is_refused_and_leaves_no_file(studio: type[Studio], folder: Path) -> None:
    server = Server(studio.url)
    push(server, folder)
    annotate(studio, 0, "cat")
    del studio.projects[1]["tasks"][0]["data"]["path"]
    before = sorted(folder.iterdir())
    with pytest.raises(UserError, match=rf"^{studio.url}, project 1, task 1: no path in its data"):
        pull(server, 1, folder)
    assert sorted(folder.iterdir()) == before
    with pytest.raises(UserError, match=f"^{studio.url}: no project 7, or none that this token's account may see"):
        pull(server, 7, folder)


def test_refusals_are_one_line(studio: type[Studio], monkeypatch: pytest.MonkeyPatch) -> None:
    for url in ("localhost:8080", "ftp://x", "http://", "http://me:pass@x", "http://[x"):
        with pytest.raises(UserError, match="must be Label Studio's address"):
            Server(url)
    with pytest.raises(UserError, match=r"^http://127\.0\.0\.1:1: can't be reached \(ConnectionError\); is Label"):
        Server("http://127.0.0.1:1")
    for token, said in [
        ("", f"{TOKEN} is not set; copy a token"),
        ("wrong", f"refused the token in {TOKEN}"),
        ("a.wrong.one", f"refused the token in {TOKEN}"),
        ("a\nb", f"{TOKEN} is no token"),
    ]:
        monkeypatch.setenv(TOKEN, token)
        with pytest.raises(UserError, match=said) as refused:
            Server(studio.url)
        assert not token or token not in str(refused.value).replace(said, "")
    monkeypatch.setenv(TOKEN, LEGACY)
    server = Server(studio.url)
    for answer, said in [
        ((200, b"<html>"), "does not answer as Label Studio does"),
        ((200, b"[]"), "does not answer as Label Studio does"),
        ((200, b'{"results": 3}'), "does not answer as Label Studio does"),
        ((400, b'{"detail": "no", "validation_errors": {"title": ["long"]}}'), r"refused with status 400: {'title'"),
        ((500, b'{"detail": "broken"}'), "refused with status 500: broken"),
    ]:
        studio.fails["/api/projects/"] = answer
        with pytest.raises(UserError, match=said):
            server.projects("x")

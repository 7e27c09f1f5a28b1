"""A headless Chromium for tests, spoken to through its DevTools pipe: what a page asks for, says and shows."""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_SECONDS = 60  # for one answer; a busy machine takes some to start


def needed() -> str:
    """The browser's path; skips the test where there is none, and fails it where CI is set."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        reason = "no chromium here; Debian: apt-get install chromium, as `make test` does for root"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Browser:
    """One page. `requests`: what it asked for, but for data: and blob:; `complaints`: errors of scripts and console;
    `questions`: the kinds of dialogs it opened, all of which are agreed to."""

    def __init__(self, asks: int, answers: int, downloads: Path) -> None:
        self._asks, self._answers, self._rest = asks, answers, b""
        self._number, self._session = 0, ""
        self.downloads = downloads
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.questions: list[str] = []
        self._loaded = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def open(self, path: Path) -> None:
        """Loads a file and waits until all of it is there."""
        before = self._loaded
        self.call("Page.navigate", url=path.resolve().as_uri())
        while self._loaded == before:
            self._read()

    def run(self, script: str) -> Any:
        """The value of an expression in the page; waits for a promise."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def screenshot(self, path: Path, width: int = 1200, height: int = 1000, *, dark: bool = False) -> None:
        """Writes a PNG of the page's upper part."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def fetched(self, name: str) -> Path:
        """A file that the page gives to download, once it is whole."""
        path, end = self.downloads / name, time.monotonic() + _SECONDS
        while not path.exists():
            assert time.monotonic() < end, f"no {name} after {_SECONDS} s"
            time.sleep(0.05)
        return path

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """A command of the DevTools protocol, and its result."""
        number = self._ask(method, arguments)
        while True:
            answer = self._read()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result

    def _ask(self, method: str, arguments: dict[str, Any]) -> int:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": arguments}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._asks, json.dumps(message).encode() + b"\0")
        return self._number

    def _read(self) -> dict[str, Any]:
        """The next message; events are noted on the way."""
        end = time.monotonic() + _SECONDS
        with selectors.DefaultSelector() as ready:
            ready.register(self._answers, selectors.EVENT_READ)
            while b"\0" not in self._rest:
                assert ready.select(max(0, end - time.monotonic())), f"the browser says nothing for {_SECONDS} s"
                more = os.read(self._answers, 1 << 20)
                assert more, "the browser ended"
                self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(first)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, facts: dict[str, Any]) -> None:
        if event == "Page.loadEventFired":
            self._loaded += 1
        elif event == "Network.requestWillBeSent":
            url = facts["request"]["url"]
            self.requests += [] if url.startswith(("data:", "blob:")) else [url]
        elif event == "Page.javascriptDialogOpening":
            self.questions.append(facts["type"])
            self._ask("Page.handleJavaScriptDialog", {"accept": True})
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(facts["exceptionDetails"].get("exception", facts["exceptionDetails"])))
        elif event == "Runtime.consoleAPICalled" and facts["type"] in ("error", "warning", "assert"):
            self.complaints.append(str(facts["args"]))
        elif event == "Log.entryAdded" and facts["entry"]["level"] in ("error", "warning"):
            self.complaints.append(facts["entry"]["text"])


@contextmanager
def browser(room: Path) -> Iterator[Browser]:
    """A browser of its own, with a new profile in the folder `room`; ends with the block."""
    program = needed()
    room.mkdir(parents=True, exist_ok=True)
    to_browser, asks = os.pipe()
    answers, from_browser = os.pipe()
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
    ]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-extensions"]
    command = [program, *flags, *quiet, f"--user-data-dir={room / 'profile'}", "--remote-debugging-pipe", "about:blank"]
    # it reads from file descriptor 3 and writes to 4; a shell puts ours there, as Debian's wrapper is a script anyway
    script = f'exec {{a}}<&{to_browser} {{b}}>&{from_browser}; exec 3<&$a 4>&$b; exec "$@"'
    with (room / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(to_browser)
    os.close(from_browser)
    try:
        yield Browser(asks, answers, room / "downloads")
    finally:
        os.close(asks)  # which ends it
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait(20)
        os.close(answers)

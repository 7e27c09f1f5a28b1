"""The loop through a real Label Studio: pushed, labelled there, pulled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stages import answers, handout
from stages.answers.server import TOKEN, Server
from stages.base.errors import UserError
from stages.handout.push import push
from stages.pull import pull
from tests.handout.made import handout as made

pytestmark = [pytest.mark.slow, pytest.mark.anywhere]

LEGACY, VERSION = "0123456789abcdef0123456789abcdef01234567", "1.23.2"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address. It has an environment and a data base of its own, which go with it."""
    room = tmp_path_factory.mktemp("studio")
    subprocess.run([sys.executable, "-m", "venv", room / "env"], check=True)
    subprocess.run([room / "env/bin/pip", "install", "--quiet", f"label-studio=={VERSION}"], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, quiet = f"http://127.0.0.1:{port}", {"COLLECT_ANALYTICS": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": ""}
    own = {"LABEL_STUDIO_BASE_DATA_DIR": str(room / "data"), "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true"}
    user = ["--username", "a@example.org", "--password", "example-password", "--user-token", LEGACY]
    start = [room / "env/bin/label-studio", "start", "--no-browser", "--internal-host", "127.0.0.1"]
    with (room / "log").open("w") as log:
        process = subprocess.Popen(
            [*start, "--port", str(port), *user],
            env=os.environ | own | quiet,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            wait(f"{url}/api/version", process)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def wait(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until it answers: it makes its data base first."""
    for _ in range(300):
        assert process.poll() is None
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(1)
    raise AssertionError("Label Studio did not start")


def test_the_loop(studio: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, LEGACY)
    folder = tmp_path / "labels" / "1"
    digits = [str(number) for number in range(10)]
    # three parts of it are sent
    handout.write(folder, made(205, classes=digits), None)
    server = Server(studio)
    project, new = push(server, folder)
    assert new == 205
    assert push(server, folder) == (project, 0)
    tasks = {one["data"]["rank"]: one for one in server.tasks(project)}
    assert [len(one["predictions"]) for one in tasks.values()] == [1] * 205
    assert tasks[1]["data"]["image"].startswith("data:image/")
    signed = {"Authorization": f"Token {LEGACY}"}
    kept = requests.get(f"{studio}/api/projects/{project}", headers=signed, timeout=60).json()
    assert '<Choice value="5" hotkey="5"/>' in kept["label_config"]
    for rank, label in ((1, "5"), (204, "0"), (3, None)):
        value = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": [label]}}
        sent = {"result": [value] if label else [], "was_cancelled": label is None}
        address = f"{studio}/api/tasks/{tasks[rank]['id']}/annotations/"
        requests.post(address, headers=signed, json=sent, timeout=60).raise_for_status()
    pull(server, project, folder)
    found = answers.read_all(folder)
    assert {(one.image.split(",")[0], one.label, one.annotator) for one in found.answers} == {
        ("shots/0", "5", "1"),
        ("shots/203", "0", "1"),
        ("shots/2", "", ""),
    }
    assert found.notes == []
    # by a personal access token, as well
    made_there = requests.post(f"{studio}/api/token/", headers=signed, timeout=60).json()
    monkeypatch.setenv(TOKEN, made_there["token"])
    assert push(Server(studio), folder) == (project, 0)


def test_what_it_refuses_is_said_in_a_line(studio: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, LEGACY)
    with pytest.raises(UserError, match="no project 99"):
        Server(studio).tasks(99)
    with pytest.raises(UserError, match="does not answer as Label Studio does"):
        Server(f"{studio}/projects")
    with pytest.raises(UserError, match=r"refused with status 400: .'label_config'"):
        Server(studio).create("A title", "<View><Choices/></View>")
    for token in ("0" * 40, "a.b.c"):
        monkeypatch.setenv(TOKEN, token)
        with pytest.raises(UserError, match="refused the token"):
            Server(studio)

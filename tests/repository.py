"""The project's files as they are now, in a git repository of their own, and commands called there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests import blocks

ROOT = Path(__file__).parent.parent
WHO = {f"GIT_{role}_{part}": "test@test" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
ENVIRONMENT = {
    **os.environ,
    **WHO,
    # dash keeps a process of its own for a command, unlike bash
    "SHELL": "/bin/sh",
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),  # noqa: PTH120
}


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


def done(folder: Path, *command: str) -> str:
    """What a command that must succeed prints."""
    result = call(folder, *command)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(.+?)'", output)


def commit(folder: Path, message: str) -> None:
    done(folder, "git", "add", "--all")
    done(folder, "git", "commit", "--quiet", "--message", message)


def unpack(folder: Path, parameters: dict[str, Any]) -> None:
    """The project's files with other parameters, as from an archive: without git."""
    files = done(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for file in filter(None, files):
        if (ROOT / file).is_file():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, folder / file)
    (folder / "params.yaml").write_text(blocks.written(parameters))


def make(folder: Path, parameters: dict[str, Any]) -> None:
    """The same in a repository, as one commit on the branch main."""
    unpack(folder, parameters)
    done(folder, "git", "init", "--quiet", "--initial-branch", "main")
    commit(folder, "the project")

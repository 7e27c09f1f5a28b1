"""What a killed DVC leaves half-written stops every later command, until it is mended."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import heal
from stages.base.errors import UserError
from tests import blocks
from tests.repository import ENVIRONMENT, ROOT, call, done, stages_run

pytestmark = pytest.mark.anywhere


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of DVC without git, of three stages that have run."""
    folder = tmp_path_factory.mktemp("reproduced")
    done(folder, "dvc", "init", "--quiet", "--no-scm")
    done(folder, "dvc", "config", "core.analytics", "false")
    stages = {
        name: {"cmd": f"cp {before} {name}.txt", "deps": [before], "outs": [f"{name}.txt"]}
        for name, before in (("one", "zero.txt"), ("two", "one.txt"), ("three", "two.txt"))
    }
    (folder / "zero.txt").write_text("0")
    (folder / "dvc.yaml").write_text(blocks.written({"stages": stages}))
    assert len(stages_run(done(folder, "dvc", "repro"))) == 3
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".dvc" / "tmp" / "exps" / "run" / "workspace").mkdir(parents=True)
    return tmp_path


def healed(folder: Path) -> str:
    """What the command prints, which must succeed."""
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "stages.heal"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


def test_dvc_goes_on_after_a_kill_while_it_wrote(reproduced: Path) -> None:
    lock, rwlock = reproduced / "dvc.lock", reproduced / ".dvc" / "tmp" / "rwlock"
    before = lock.read_text()
    for file, content in ((lock, before[: before.index("two.txt") + 20]), (lock, ""), (rwlock, "")):
        file.write_text(content)
        assert call(reproduced, "dvc", "repro").returncode != 0, "DVC heals it itself"
        assert "by a DVC that was killed" in healed(reproduced)
        # from the cache of runs
        assert stages_run(done(reproduced, "dvc", "repro")) == []
        assert parsed(lock.read_text()) == parsed(before)
        assert healed(reproduced) == ""


def test_a_lock_cut_off_anywhere_keeps_its_whole_stages(reproduced: Path, folder: Path) -> None:
    whole = (reproduced / "dvc.lock").read_text()
    for cut in range(len(whole)):
        text = whole[:cut]
        (folder / "dvc.lock").write_text(text)
        readable = heal._readable(text)
        said = list(heal.heal(folder))
        assert bool(said) != readable
        kept = (folder / "dvc.lock").read_text() if (folder / "dvc.lock").exists() else ""
        assert whole.startswith(kept)
        assert not kept or heal._readable(kept)
        if not readable:
            begun = len(re.findall(r"^  \S", text, re.M))
            stages = parsed(kept)["stages"] if kept else {}
            assert list(stages) == list(parsed(whole)["stages"])[: max(begun - 1, 0)]


@pytest.mark.parametrize("text", ["<<<<<<< ours\nschema: '2.0'\n=======\n", "no lock at all", "{schema: '2.0'"])
def test_a_lock_that_something_else_broke_is_left_alone(folder: Path, text: str) -> None:
    (folder / "dvc.lock").write_text(text)
    assert not list(heal.heal(folder))
    assert (folder / "dvc.lock").read_text() == text


def test_a_conflict_of_git_is_left_alone(reproduced: Path, folder: Path) -> None:
    whole = (reproduced / "dvc.lock").read_text()
    text = whole.replace("  two:", "<<<<<<< ours\n  two:").replace("  three:", ">>>>>>> theirs\n  three:")
    (folder / "dvc.lock").write_text(text)
    assert not list(heal.heal(folder))
    assert (folder / "dvc.lock").read_text() == text


@pytest.mark.parametrize(
    ("file", "lock"),
    [("dvc.lock", "lock"), (".dvc/tmp/rwlock", "rwlock.lock"), (".dvc/tmp/exps/rwlock", "exps/rwlock.lock")],
)
def test_what_a_living_dvc_holds_is_left_alone(folder: Path, file: str, lock: str) -> None:
    (folder / file).touch()
    with (folder / ".dvc" / "tmp" / lock).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not list(heal.heal(folder))
    assert (folder / file).exists()
    assert len(list(heal.heal(folder))) == 1
    assert not (folder / file).exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_another_process_with_the_number_of_a_killed_dvc_blocks_nothing(reproduced: Path) -> None:
    """As after a restart of the machine, where numbers begin anew."""
    rwlock = reproduced / ".dvc" / "tmp" / "rwlock"
    other = subprocess.Popen(["sleep", "60"])
    try:
        note = {"pid": other.pid, "cmd": "dvc repro"}
        path = str(reproduced / "one.txt")
        rwlock.write_text(json.dumps({"write": {path: note}, "read": {path: [note]}}))
        assert "is busy" in call(reproduced, "dvc", "repro").stderr
        assert "a DVC that was killed held outputs" in healed(reproduced)
        done(reproduced, "dvc", "repro")
    finally:
        other.kill()
        other.wait()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_living_dvc_keeps_what_it_works_on(folder: Path) -> None:
    # its command line is what was noted
    command = [sys.executable, "-c", "print(flush=True); input()", "dvc", "repro"]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout and other.stdout.readline()
    text = json.dumps({"write": {"x": {"pid": other.pid, "cmd": "dvc repro"}}})
    (folder / ".dvc" / "tmp" / "rwlock").write_text(text)
    try:
        assert not list(heal.heal(folder))
        assert (folder / ".dvc" / "tmp" / "rwlock").read_text() == text
    finally:
        other.kill()
        other.wait()


def test_a_broken_note_of_an_experiment_is_removed_once_nobody_writes_it(folder: Path) -> None:
    note = folder / ".dvc" / "tmp" / "exps" / "run" / "workspace" / "workspace.run"
    note.touch()
    assert not list(heal.heal(folder))
    os.utime(note, (1, 1))
    assert len(list(heal.heal(folder))) == 1
    assert not note.exists()


def test_without_git_it_says_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after unpacking an archive of the project."""
    with pytest.raises(UserError, match=r"no git repository.*`git init`.*`dvc config --local core.no_scm true`"):
        heal.check_git(folder)
    (folder / ".git").mkdir()
    heal.check_git(folder)
    (folder / ".git").rmdir()
    # a project in a folder of a larger repository, and one that is to do without
    (folder / "sub").mkdir()
    (folder / ".git").touch()
    heal.check_git(folder / "sub")
    (folder / ".git").unlink()
    (folder / ".dvc" / "config.local").write_text("[core]\n    no_scm = true\n")
    heal.check_git(folder)

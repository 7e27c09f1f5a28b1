from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from stages.base.files import whole_file, whole_folder


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def hidden(folder: Path) -> list[str]:
    return [name for name in names(folder) if name.startswith(".")]


def test_a_file_appears_only_at_success(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.json"
    with whole_file(target) as partial:
        partial.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert not hidden(target.parent)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), whole_file(target) as partial:
        partial.write_text("ne")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert not hidden(tmp_path)


def test_a_link_into_the_cache_is_replaced_not_written_through(tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("old")
    link = tmp_path / "result"
    link.symlink_to(cached)
    with whole_file(link) as partial:
        partial.write_text("new")
    assert cached.read_text() == "old"
    assert link.read_text() == "new"


def test_a_linked_folder_is_replaced_not_emptied(tmp_path: Path) -> None:
    (tmp_path / "cached").mkdir()
    (tmp_path / "cached" / "a").write_text("old")
    (tmp_path / "result").symlink_to("cached")
    with whole_folder(tmp_path / "result") as partial:
        (partial / "b").write_text("new")
    assert (tmp_path / "cached" / "a").read_text() == "old"
    assert names(tmp_path / "result") == ["b"]


def test_a_folder_appears_whole_and_holds_nothing_of_the_old(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with whole_folder(target) as partial:
        (partial / "new").touch()
        assert names(target) == ["old"]
    assert names(target) == ["new"]
    assert not hidden(tmp_path)


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(KeyboardInterrupt), whole_folder(target) as partial:
        (partial / "new").touch()
        raise KeyboardInterrupt
    assert names(target) == ["old"]
    assert not hidden(tmp_path)


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_a_file_has_the_rights_of_any_other_here(tmp_path: Path, umask: int) -> None:
    """Also one that a library writes for its owner alone, as safetensors does."""
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "weights") as partial:
            save_file({"a": np.zeros(3)}, partial)
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    assert (tmp_path / "weights").stat().st_mode == (tmp_path / "other").stat().st_mode


KILLED = """
import os, signal
from pathlib import Path
from stages.base.files import {context}
with {context}(Path({target!r})) as partial:
    if partial.is_dir():
        (partial / "half").write_text("half")
    else:
        partial.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("context", [whole_file, whole_folder])
def test_what_a_killed_process_left_is_swept(tmp_path: Path, context) -> None:
    target = tmp_path / "a[1].x"
    program = KILLED.format(context=context.__name__, target=str(target))
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not target.exists()
    assert len(hidden(tmp_path)) == 1
    with context(target) as partial:
        (partial / "whole" if partial.is_dir() else partial).write_text("whole")
        assert hidden(tmp_path) == [partial.name]
    assert not hidden(tmp_path)


@pytest.mark.parametrize("context", [whole_file, whole_folder])
def test_what_others_are_at_work_on_is_not_swept(tmp_path: Path, context) -> None:
    living = tmp_path / f".x.{os.getppid()}.partial"
    other_target = tmp_path / ".y.999999999.partial"
    no_number = tmp_path / ".x.backup.partial"
    for path in (living, other_target, no_number):
        path.touch()
    with context(tmp_path / "x") as partial:
        (partial / "whole" if partial.is_dir() else partial).write_text("whole")
    assert sorted(hidden(tmp_path)) == sorted(path.name for path in (living, other_target, no_number))

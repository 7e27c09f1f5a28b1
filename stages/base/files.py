"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yields a new path beside `path`, renamed onto it at success and removed at failure.

    Never writes in place, since DVC may have made `path` a link into its cache. Whoever wrote it, others may read it as
    any file of this folder.
    """
    partial = _beside(path)
    try:
        partial.touch()
        mode = partial.stat().st_mode
        partial.unlink()
        yield partial
        # safetensors writes files for their owner alone
        partial.chmod(mode)
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yields a new folder beside `path`, renamed onto it at success and removed at failure."""
    partial = _beside(path)
    partial.mkdir()
    try:
        yield partial
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _beside(path: Path) -> Path:
    """This process's partial name for `path`. Removes what killed processes left of theirs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        pid = stale.name.removesuffix(".partial").rpartition(".")[2]
        if pid.isdecimal() and (int(pid) == os.getpid() or not _lives(int(pid))):
            _remove(stale)
    return path.with_name(f".{path.name}.{os.getpid()}.partial")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

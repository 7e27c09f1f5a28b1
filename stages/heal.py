"""python -m stages.heal: mends what a killed DVC left half-written, so that the same command goes on.

DVC 3.67 writes these files in place: .dvc/tmp/rwlock at every stage that it looks at, dvc.lock after every stage that
ran, .dvc/tmp/exps/rwlock and .dvc/tmp/exps/run/*/*.run at an experiment. Killed in between it leaves one empty or cut
off, and each later command fails. `make repro` calls this before `dvc repro`. What DVC can read stays as it is, and so
does what a living DVC holds.
"""

from __future__ import annotations

import fcntl
import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.base.errors import UserError, run
from stages.base.files import whole_file

_LOCK_HEAD = "schema: '2.0'\nstages:\n"


def main() -> None:
    check_git(Path.cwd())
    for said in heal(Path()):
        print(said)


def check_git(folder: Path) -> None:
    """Raises UserError where DVC will look for a git repository and there is none, as after unpacking an archive."""
    configured = [folder / ".dvc" / name for name in ("config", "config.local")]
    without = any(
        re.search(r"^\s*no_scm\s*=\s*true", path.read_text(), re.M | re.I) for path in configured if path.exists()
    )
    if not without and not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        way = "`git init` makes one, or `dvc config --local core.no_scm true`, with which there is no `dvc exp`"
        raise UserError(f"{folder}: no git repository, and DVC looks for one; {way}")


def heal(folder: Path) -> Iterator[str]:
    """Mends DVC's files in the repository `folder`, and says of each in a line what was done."""
    tmp = folder / ".dvc" / "tmp"
    if not tmp.is_dir():
        return
    # of stages, and of experiments
    for room in (tmp, tmp / "exps"):
        if room.is_dir():
            with _held(room / "rwlock.lock") as mine:
                if mine and (said := _rwlock(room / "rwlock")):
                    yield said
    with _held(tmp / "lock") as mine:
        if mine and (said := _dvc_lock(folder / "dvc.lock")):
            yield said
    for path in sorted((tmp / "exps" / "run").glob("*/*.run")):
        # no lock goes with it: one that is being written is of this moment
        if _broken(path) and time.time() - path.stat().st_mtime > 1:
            path.unlink()
            yield f"{path}: left half-written by a DVC that was killed; removed"


@contextmanager
def _held(lock: Path) -> Iterator[bool]:
    """Whether DVC's lock file is ours meanwhile, as zc.lockfile, which DVC takes for it, would have it."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _broken(path: Path) -> bool:
    try:
        return not isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except ValueError:
        return True


def _rwlock(path: Path) -> str | None:
    """Removes it if it is broken, and otherwise who is noted there and no DVC: after a restart of the machine the
    number of a killed one is soon another process's."""
    if not path.exists():
        return None
    if _broken(path):
        path.unlink()
        return f"{path}: left half-written by a DVC that was killed; removed"
    noted: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    write = {name: one for name, one in noted.get("write", {}).items() if not _another(one)}
    read = {name: [one for one in some if not _another(one)] for name, some in noted.get("read", {}).items()}
    kept = {"write": write, "read": {name: some for name, some in read.items() if some}}
    if all(kept[kind] == noted.get(kind, {}) for kind in kept):
        return None
    with whole_file(path) as partial:
        partial.write_text(json.dumps(kept), encoding="utf-8")
    return f"{path}: a DVC that was killed held outputs; taken out"


def _another(noted: dict[str, Any]) -> bool:
    """Whether a living process has the number, and it is not the DVC that was noted. Of the dead DVC takes care."""
    try:
        words = Path(f"/proc/{noted['pid']}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return False
    return "dvc" not in words and noted["cmd"] not in words


def _dvc_lock(path: Path) -> str | None:
    """Drops the stage at which the file was cut off; DVC finds its results in its cache of runs."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    if text is None or _readable(text):
        return None
    begins = [match.start() for match in re.finditer(r"^  \S", text, re.M)]
    whole = text[: begins[-1]] if begins else text.rstrip(" ")
    if _LOCK_HEAD.startswith(whole):
        path.unlink()
        return f"{path}: left empty by a DVC that was killed; removed"
    if not _readable(whole):
        # no prefix of what DVC writes: with git's conflict in it, say, and DVC will tell
        return None
    with whole_file(path) as partial:
        partial.write_text(whole, encoding="utf-8")
    return f"{path}: cut off by a DVC that was killed; its last stage is looked up anew"


def _readable(text: str) -> bool:
    """Whether DVC can read a dvc.lock."""
    from dvc.exceptions import DvcException
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from dvc.utils.serialize import parse_yaml
    from voluptuous import Invalid

    try:
        # what is empty counts as {} to the parser, and not to the schema
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, "dvc.lock"))
    except (DvcException, Invalid):
        return False
    return True


if __name__ == "__main__":
    run(main)

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from stages.base.errors import UserError, run

ROOT = Path(__file__).parent.parent.parent


def raises(error: BaseException):
    def main() -> None:
        raise error

    return main


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UserError("labels.budget=9: more\n  than the pool"), "error: labels.budget=9: more than the pool\n"),
        (OSError(errno.ENOSPC, "No space left on device", "data/raw"), "error: data/raw: no space left on the disk"),
        (OSError("3072 requested and 100 written"), "error: an output: no space left on the disk"),
        (PermissionError(errno.EACCES, "Permission denied", "data/raw"), "error: data/raw: Permission denied"),
        (OutOfMemoryError("CUDA out of memory.\nTried to"), "error: the GPU is out of memory (CUDA out of memory.)"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_status_1(error, said, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raises(error))
    out, err = capsys.readouterr()
    assert ended.value.code == 1
    assert err.startswith(said)
    assert err.count("\n") == 1
    assert not out


def test_an_interrupted_run_ends_without_a_traceback(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        run(raises(KeyboardInterrupt()))
    assert ended.value.code == 130
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), RuntimeError("a bug"), OSError(errno.EIO, "a fault")])
def test_a_bug_keeps_its_traceback(error) -> None:
    with pytest.raises(type(error)):
        run(raises(error))


def test_the_collector_rests_while_a_stage_is_imported_and_works_in_it() -> None:
    """As `python -m stages.<stage>` would find it; who imports the package finds it as it was."""
    said = "import gc, stages.base.errors as e; print(gc.isenabled()); e.run(lambda: print(gc.isenabled()))"
    for start, wanted in (("import sys; sys.argv[0] = '-m'", ["False", "True"]), ("pass", ["True", "True"])):
        command = [sys.executable, "-c", f"{start}; {said}"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split() == wanted

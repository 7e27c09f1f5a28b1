from __future__ import annotations

import errno

import pytest

from stages.base.errors import UserError, run


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

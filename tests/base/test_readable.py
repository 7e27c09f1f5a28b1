import errno
import os
import socket
import struct
import zlib
from pathlib import Path

import pytest

from stages.base import readable
from stages.base.errors import UserError


def test_files_and_folders_are_fit(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert readable.unfit(tmp_path) is None
    assert readable.unfit(tmp_path / "x") is None


def test_what_is_not_there_or_never_ends_is_unfit(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "x").touch()
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        for name in ("pipe", "socket", "/dev/zero"):
            assert readable.unfit(tmp_path / name) == "neither a file nor a folder, but a pipe or a device"
    for name in ("gone", "x/gone", "zero\0byte"):
        assert readable.unfit(tmp_path / name) == "no such file or folder"
    assert readable.unfit(tmp_path / ("x" * 300)) == "the name is too long"
    assert readable.unfit(tmp_path / "loop") == "too many levels of symbolic links"


@pytest.mark.parametrize(
    "error",
    [
        EOFError(),
        IndexError("x"),
        KeyError("x"),
        OSError("x"),
        OSError(errno.EINVAL, "x"),
        RecursionError("x"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "x"),
        ValueError("x\ny" * 500),
        struct.error("x"),
        zlib.error("x"),
    ],
)
def test_what_a_broken_file_raises_becomes_a_line(error: Exception) -> None:
    with pytest.raises(UserError) as raised, readable.refused(lambda reason: f"x.npy ({reason})"):
        raise error
    assert "\n" not in str(raised.value)
    assert 8 < len(str(raised.value)) < 250


@pytest.mark.parametrize("error", [NameError("x"), TypeError("x"), OSError(errno.ENOSPC, "x"), UserError("x")])
def test_what_is_no_fault_of_the_file_stays(error: Exception) -> None:
    with pytest.raises(type(error), match="x"), readable.refused(lambda reason: f"y.npy ({reason})"):
        raise error


def test_a_reader_may_raise_more() -> None:
    with pytest.raises(UserError, match=r"^y$"), readable.refused(lambda reason: "y", TypeError):
        raise TypeError

"""Files that can't be read, in words: not there, without an end, cut short, damaged, of another kind."""

from __future__ import annotations

import errno
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.base.errors import UserError

# what readers of archives, arrays, tables and weights raise on a broken file; a RecursionError is a RuntimeError
_ERRORS = (EOFError, LookupError, OverflowError, RuntimeError, ValueError, struct.error, zlib.error)
# of modules that are not imported for their errors' sake, since importing costs
_NAMED = {
    "BadZipFile",
    "LZMAError",
    "MatReadError",
    "SafetensorError",
    "TarError",
    "TokenError",
    "UnpicklingError",
    "ZstdError",
}
# the machine's, which `errors.run` puts into words, and no fault of the file
_MACHINE = {errno.EACCES, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EROFS, errno.EINTR}
_LONG = 200  # characters of a reason: readers quote what they stumbled over


def unfit(path: Path) -> str | None:
    """Why nothing can be read from a path that a user names; None for a file and for a folder.

    A pipe or a socket would be waited for, and a device may never end.
    """
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "no such file or folder"
    except OSError as error:
        return "the name is too long" if error.errno == errno.ENAMETOOLONG else (error.strerror or str(error)).lower()
    except ValueError:  # a zero byte
        return "no such file or folder"
    return None if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "neither a file nor a folder, but a pipe or a device"


def reason(error: BaseException) -> str:
    """What an error says, in one line that is not too long."""
    said = f"it has no {error}" if type(error) is KeyError else str(error)
    if isinstance(error, OSError) and error.strerror:  # without its number, and its path again
        said = error.strerror
    first = next(iter(said.strip().splitlines()), "") or type(error).__name__
    return first if len(first) <= _LONG else f"{first[: _LONG - 3]}..."


@contextmanager
def refused(said: Callable[[str], str], *more: type[Exception]) -> Iterator[None]:
    """Turns what readers raise on a broken file, and `more`, into the UserError that `said` makes of the reason.

    It holds reading alone, since the same errors elsewhere are bugs.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        names = {kind.__name__ for kind in type(error).__mro__}
        of_file = isinstance(error, OSError) and error.errno not in _MACHINE
        # torch's, a RuntimeError, is the machine's too
        if "OutOfMemoryError" in names or not (of_file or isinstance(error, (*_ERRORS, *more)) or names & _NAMED):
            raise
        raise UserError(said(reason(error))) from error

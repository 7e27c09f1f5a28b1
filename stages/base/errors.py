"""What the user can mend, said in one line."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable

from stages.base import start


class UserError(Exception):
    """A wrong parameter, a broken archive, a missing network: one line that names the thing and the way out."""


def run(main: Callable[[], None]) -> None:
    """Calls the main function of a stage; what the user can mend ends in one line on stderr and exit status 1.

    Ctrl-C ends in a line and status 130, output that nobody reads any more in silence and status 141, as for any tool.
    """
    start.imported()
    try:
        main()
        # here, where an error is one of these; at exit it is told of at length
        _flush()
    except UserError as error:
        _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        _drop_output()
        sys.exit(141)
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        _refuse(reason)


_MEMORY = "free some, or lower batch_size or data.size"
# numbers of an OSError; the same in the words of numpy, safetensors or torch; what is said of it
_LACKS = [
    (
        {errno.ENOSPC},
        r"\d+ requested and \d+ written|No space left on device",
        "{where}: no space left on the disk; free some and run again",
    ),
    ({errno.EDQUOT}, "Disk quota exceeded", "{where}: the quota of the disk is used up; free some and run again"),
    ({errno.EFBIG}, "File too large", "{where}: larger than a file may be on this disk, or by ulimit -f; raise that"),
    (
        {errno.EMFILE, errno.ENFILE},
        "Too many open files",
        "{where}: too many open files; raise ulimit -n and run again",
    ),
    (
        {errno.EACCES, errno.EPERM, errno.EROFS},
        "Permission denied|Read-only file system|Operation not permitted",
        "{where}: {text}; mend its rights and run again",
    ),
    ({errno.ENOTDIR, errno.ELOOP}, None, "{where}: {text}; move away what is in its way and run again"),
    (
        set(),
        r"CUDA out of memory|HIP out of memory|CUDA error: out of memory|CU\w+_STATUS_ALLOC_FAILED",
        "the GPU is out of memory ({text}); lower batch_size, or set compute.device=cpu",
    ),
    (
        set(),
        "no kernel image is available",
        "torch has no code for this GPU ({text}); set compute.device=cpu, or install a torch that has",
    ),
    (
        {errno.ENOMEM},
        r"DefaultCPUAllocator: |Cannot allocate memory|Unable to allocate .* for an array|std::bad_alloc",
        "out of memory ({text}); " + _MEMORY,
    ),
    (set(), "can't start new thread", "{text}: the limit of processes is reached; raise ulimit -u, or end some"),
]


def _reason(error: Exception) -> str | None:
    """What the machine lacks, in a line, where that is what the error says."""
    where = str(getattr(error, "filename", None) or "an output")
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    said = str(error)
    text = (error.strerror if isinstance(error, OSError) else None) or next(iter(said.splitlines()), "")
    # where in torch's source an allocation failed tells a user nothing
    text = re.sub(r"^\[enforce fail .*?\] .*?DefaultCPUAllocator: ", "", text)
    for numbers, words, line in _LACKS:
        if number in numbers or (words and re.search(words, said)):
            return line.format(where=where, text=text)
    if isinstance(error, MemoryError):
        return f"out of memory; {_MEMORY}"
    return None


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    try:
        _flush()
    except OSError:
        _drop_output()
    sys.exit(1)


def _flush() -> None:
    # None where it was closed (>&-)
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """What is left in the buffer would fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

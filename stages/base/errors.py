"""What the user can mend, said in one line."""

from __future__ import annotations

import errno
import gc
import re
import sys
from collections.abc import Callable


class UserError(Exception):
    """A wrong parameter, a broken archive, a missing network: one line that names the thing and the way out."""


def run(main: Callable[[], None]) -> None:
    """Calls the main function of a stage; what the user can mend ends in one line on stderr and exit status 1."""
    if not gc.isenabled():
        # what was imported so far stays: no need to look through it again and again
        gc.freeze()
        gc.enable()
    try:
        main()
    except UserError as error:
        _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
    except Exception as error:
        reason = _reason(error)
        if reason is None:
            raise
        _refuse(reason)


def _reason(error: Exception) -> str | None:
    """What the machine lacks, in a line, where that is what the error says; types are named, as importing costs."""
    text = str(error)
    where = getattr(error, "filename", None) or "an output"
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    # numpy and safetensors have words of their own for a disk that is full
    if full or re.search(r"\d+ requested and \d+ written|No space left on device", text):
        return f"{where}: no space left on the disk; free some and run again"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
        return f"{where}: {error.strerror}; mend its rights and run again"
    if type(error).__name__ == "OutOfMemoryError":
        return f"the GPU is out of memory ({text.splitlines()[0]}); lower batch_size, or set compute.device=cpu"
    return None


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)

"""What the user can mend, said in one line."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable


class UserError(Exception):
    """A wrong parameter, a broken archive, a missing network: one line that names the thing and the way out."""


def run(main: Callable[[], None]) -> None:
    """Calls the main function of a stage; what the user can mend ends in one line on stderr and exit status 1."""
    try:
        main()
    except UserError as error:
        _refuse(" ".join(str(error).split()))
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept, run it again to go on", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        _refuse(f"{error.filename or 'an output'}: {error.strerror}; free some space or mend its rights and run again")
    except RuntimeError as error:
        # torch raises OutOfMemoryError, a RuntimeError; naming it would import torch
        if type(error).__name__ != "OutOfMemoryError":
            raise
        _refuse(f"the GPU is out of memory ({str(error).splitlines()[0]}); lower batch_size, or set compute.device=cpu")


def _refuse(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)

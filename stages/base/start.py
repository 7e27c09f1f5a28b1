"""What `python -m stages.<stage>` asks of the system before it imports what takes seconds."""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
from pathlib import Path


def begin() -> None:
    """To be called first of all: dies with DVC, ends without a traceback on Ctrl-C, waits without spinning, and imports
    at full speed, until errors.run takes over."""
    die_with_dvc()
    wait_asleep()
    # unless it is ignored, as after nohup
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # what is imported stays, and the collector's looking through it takes a fifth of a short stage
    gc.disable()


def imported() -> None:
    """To be called when all is imported: Ctrl-C is an exception again, the collector works, and any name can be
    printed."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal shows what it can; a file is UTF-8, as all of the project's
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")
        else:
            sys.stdout.reconfigure(encoding="utf-8")
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if not gc.isenabled():
        # what was imported so far stays: no need to look through it again and again
        gc.freeze()
        gc.enable()


def wait_asleep() -> None:
    """Has OpenMP's threads sleep while they wait for each other, unless the user has said how they wait. Where other
    processes run, they spin for what these take of a core, which doubles or triples the processor time of a stage.

    To be called before torch is imported: OpenMP reads its environment once, when it is loaded, and every process that
    this one starts inherits it.
    """
    # the standard's name, which all runtimes read, and what GNU's and LLVM's have of their own
    if not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


def die_with_dvc() -> None:
    """Under DVC, has Linux kill this process when the one that started it dies; ends it if that has died already. So
    no orphan goes on writing. Workers of torchrun die with torchrun, which dies with DVC."""
    if "DVC_STAGE" not in os.environ or not sys.platform.startswith("linux"):
        return
    import ctypes

    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if _orphaned():
        sys.exit("error: DVC ended before this stage began; run the same command again")


def _orphaned() -> bool:
    """Whether another process than DVC, or what DVC started, has become the parent.

    DVC, and the shell that it starts, put no stage into a process group of its own; torchrun does.
    """
    parent = os.getppid()
    if parent == 1:
        # init adopts orphans; the first process of a container may be DVC itself, with which all others end
        return b"dvc" not in Path("/proc/1/cmdline").read_bytes()
    try:
        return "RANK" not in os.environ and os.getpgid(parent) != os.getpgrp()
    except ProcessLookupError:
        return True

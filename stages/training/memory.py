"""How glibc keeps freed memory, while a network trains on the CPU."""

from __future__ import annotations

import ctypes
import os
import sys

import torch

# their numbers in <malloc.h>, and bytes
_TRIM_THRESHOLD = (-1, 512 * 2**20)
# the largest that glibc takes
_MMAP_THRESHOLD = (-3, 32 * 2**20)
# whoever chose an allocator or its settings knows better
_CHOICES = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_freed(device: torch.device) -> bool:
    """On the CPU, has glibc keep up to 512 MB of what is freed for what is asked for next, and returns whether it will.
    No figure changes.

    A step frees the maps of all its layers, and the next one asks for them again. By itself glibc gives them back to
    the system in between, which clears each page anew: up to 8 % of the processor time of a small network. Blocks above
    32 MB go back as ever. Does nothing elsewhere, and where the environment sets MALLOC_..., GLIBC_TUNABLES or
    LD_PRELOAD.
    """
    if device.type != "cpu" or not sys.platform.startswith("linux"):
        return False
    if any(name.startswith(_CHOICES) for name in os.environ):
        return False
    library = ctypes.CDLL(None)
    # musl has no such function
    if not hasattr(library, "mallopt"):
        return False
    return all(bool(library.mallopt(*setting)) for setting in (_TRIM_THRESHOLD, _MMAP_THRESHOLD))

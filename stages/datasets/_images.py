"""Packed arrays of images, and work on many of them in several threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

CHUNK = 64  # pictures a thread takes at once
_T = TypeVar("_T")
_R = TypeVar("_R")


def packed(path: Path, count: int, size: int) -> np.ndarray:
    """A new array uint8 [count, size, size, 3] in the file `path`, so that any number of images fits."""
    if not count:  # an empty file can't be mapped
        return np.zeros((0, size, size, 3), dtype=np.uint8)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
    if hasattr(os, "posix_fallocate"):
        # a full disk is an error here; on writing to the map it would be a bus error, which ends the process
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def resize(images: np.ndarray, size: int, path: Path) -> np.ndarray:
    """uint8 [N, H, H] or [N, H, H, 3] to uint8 [N, size, size, 3], bilinear; grey fills all three channels.

    What has the right size already is handed back as it is, else the result lies in the file `path`.
    """
    if images.shape[1] == size:
        return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
    out = packed(path, len(images), size)

    def chunk(rows: list[int]) -> int:
        for row in rows:
            image = Image.fromarray(images[row]).resize((size, size), Image.Resampling.BILINEAR)
            out[row] = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
        return len(rows)

    deque(in_threads(chunk, range(len(images))), maxlen=0)
    return out


def in_threads(work: Callable[[list[_T]], _R], items: Iterable[_T], size: int = CHUNK) -> Iterator[_R]:
    """Does the work on chunks of the items, a few at a time, and gives the results in order."""
    threads = min(8, os.cpu_count() or 1)  # more only wait for the interpreter
    waiting: deque[Future[_R]] = deque()
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        while chunk := list(islice(source, size)):
            waiting.append(pool.submit(work, chunk))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

"""Pictures of any size, decoded and resized into packed arrays by several threads."""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from stages.errors import UserError

_CHUNK = 64  # pictures a thread takes at once
# what a folder may hold: Pillow knows formats that would start other programs
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG2000")
_T = TypeVar("_T")

Picture = tuple[np.ndarray, str, Callable[[], bytes]]  # where it goes uint8 [S, S, 3], its name, its file's bytes


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


def decode_into(pictures: Iterable[Picture], count: int) -> None:
    """Decodes each picture into its place. Raises UserError, which names the first that is not a picture."""
    from tqdm import tqdm

    Image.init()  # once, before the threads
    with tqdm(total=count, desc="decoding", unit=" images", disable=None) as bar:
        for done in _in_threads(_decode_chunk, pictures):
            bar.update(done)


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

    deque(_in_threads(chunk, range(len(images))), maxlen=0)
    return out


def decode(data: bytes, size: int) -> np.ndarray:
    """One picture file as uint8 [size, size, 3].

    The largest centred square of the picture is kept (no stretching) and resized, averaging where it shrinks.
    The camera's orientation mark is followed, transparent parts become white, 16-bit greys lose a byte.
    """
    with Image.open(io.BytesIO(data), formats=_FORMATS) as file:
        image: Image.Image = file
        if image.format == "JPEG" and min(image.size) >= 4 * size:
            image.draft("RGB", (2 * size, 2 * size))  # decodes at a fraction of the size
        if "exif" in image.info:
            image = ImageOps.exif_transpose(image)
        image = _rgb(image)
        width, height = image.size
        if (width, height) != (size, size):
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
            image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        return np.asarray(image)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits, not 8 or 16")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _decode_chunk(chunk: list[Picture]) -> int:
    for place, name, read in chunk:
        data = read()
        try:
            place[...] = decode(data, place.shape[0])
        except Exception as error:  # Pillow's readers raise nearly anything on a broken file
            reason = "unknown format" if isinstance(error, UnidentifiedImageError) else error
            raise UserError(f"{name} is not a picture that can be read ({reason}); mend it or take it out") from error
    return len(chunk)


def _in_threads(work: Callable[[list[_T]], int], items: Iterable[_T]) -> Iterator[int]:
    """Does the work on chunks of the items, a few at a time, and gives the results in order."""
    threads = min(8, os.cpu_count() or 1)  # more only wait for the interpreter
    waiting: deque[Future[int]] = deque()
    source = iter(items)
    pool = ThreadPoolExecutor(threads)
    try:
        while chunk := list(islice(source, _CHUNK)):
            waiting.append(pool.submit(work, chunk))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

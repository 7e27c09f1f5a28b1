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
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from stages.base.errors import UserError

_CHUNK = 64  # pictures a thread takes at once
_ALIKE = 4.0  # of 255, on average over a picture: what another version of Pillow may change
# what a folder may hold: Pillow knows formats that would start other programs
_FORMATS = ("JPEG", "PNG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "JPEG2000")
_T = TypeVar("_T")
_R = TypeVar("_R")

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
        image = _upright(file, size)
        width, height = image.size
        if (width, height) != (size, size):
            side = min(width, height)
            left, top = (width - side) / 2, (height - side) / 2
            box = (left, top, left + side, top + side)
            image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        return np.asarray(image)


def whole(data: bytes, side: int) -> np.ndarray:
    """One picture file as uint8 [h, w, 3], nothing cut off: scaled down until neither side is above `side`, never up;
    its orientation and its pixels as in `decode`."""
    with Image.open(io.BytesIO(data), formats=_FORMATS) as file:
        image = _upright(file, max(1, side * min(file.size) // max(file.size)))
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return np.asarray(image)


def originals(pictures: Iterable[Picture], count: int, side: int) -> Iterator[tuple[str, np.ndarray | None]]:
    """Name and `whole` picture of each, in order, or None for what can't be read and for another picture than the one
    that was packed, to which its place holds it."""
    from tqdm import tqdm

    def chunk(some: list[Picture]) -> list[tuple[str, np.ndarray | None]]:
        return [(name, _original(packed, read, side)) for packed, name, read in some]

    Image.init()  # once, before the threads
    with tqdm(total=count, desc="reading originals", unit=" images", disable=None) as bar:
        # few at once: files of cameras are large
        for found in _in_threads(chunk, pictures, 4):
            bar.update(len(found))
            yield from found


def _original(packed: np.ndarray, read: Callable[[], bytes], side: int) -> np.ndarray | None:
    try:
        data = read()
        there = decode(data, len(packed))
        alike = np.abs(there.astype(np.int16) - packed).mean() <= _ALIKE
        return whole(data, side) if alike else None
    except Exception:  # Pillow's readers raise nearly anything on a broken file
        return None


def _upright(file: ImageFile.ImageFile, least: int) -> Image.Image:
    """The picture as it is looked at, in RGB; a JPEG perhaps at a fraction of its size, if both sides stay at twice
    `least` or more."""
    image: Image.Image = file
    if image.format == "JPEG" and min(image.size) >= 4 * least:
        image.draft("RGB", (2 * least, 2 * least))
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    return _rgb(image)


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


def _in_threads(work: Callable[[list[_T]], _R], items: Iterable[_T], size: int = _CHUNK) -> Iterator[_R]:
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

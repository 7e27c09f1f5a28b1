"""Pictures of any size, decoded into packed arrays: all of them, or a refusal that names those that can't be."""

from __future__ import annotations

import errno
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from stages.base.errors import UserError
from stages.datasets import _pixels
from stages.datasets._images import in_threads

_ALIKE = 4.0  # of 255, on average over a picture: what another version of Pillow may change
_DARK = 16  # of 255: of a picture below it people see nothing
_SHOWN = 10  # names in one line

Picture = tuple[str, Callable[[], bytes]]  # its name and its file's bytes
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class _Outcome:
    """Of one picture: why it can't be had, or the brightest of what was made of it, from 0 to 255; and the highest of
    its values, if it has more than 8 bits and doesn't say how many, with the bits that it was decoded by."""

    name: str
    wrong: str | None = None
    brightest: int = 0
    highest: int | None = None
    bits: int = 16


def decode_into(
    read: Callable[[Collection[str]], Iterable[Picture]], places: dict[str, np.ndarray], max_pixels: float, source: str
) -> list[str]:
    """Decodes each picture into its place, uint8 [S, S, 3], and gives what is to be said of it: how values of 16 bits
    were taken, if any were, and that all are black, if they are.

    read: gives of these names the pictures that are there, in any order. max_pixels: in millions.
    Raises UserError, which names the pictures, if one is not there or can't be decoded: no place stays empty.
    """
    from tqdm import tqdm

    # the most that any picture has needed so far: most sets need no second look
    bits = [_pixels.DEPTHS[0]]

    def chunk(some: list[Picture]) -> list[_Outcome]:
        return [_into(places[name], name, read, bits[0]) for name, read in some]

    brightest = 0
    missing, wrong, deep = dict.fromkeys(places), dict[str, str](), dict[str, _Outcome]()
    with _bounded(max_pixels), tqdm(total=len(places), desc="decoding", unit=" images", disable=None) as bar:
        for done in in_threads(chunk, read(places)):
            bar.update(len(done))
            for one in done:
                missing.pop(one.name, None)
                if one.wrong:
                    wrong[one.name] = one.wrong
                elif one.highest is not None:
                    deep[one.name] = one
                    bits[0] = max(bits[0], _pixels.depth(one.highest))
                else:
                    brightest = max(brightest, one.brightest)
        wrong |= dict.fromkeys(missing, _GONE)
        again = [name for name, one in deep.items() if one.bits != bits[0]]
        for done in in_threads(chunk, read(again) if again and not wrong else ()):
            deep.update((one.name, one) for one in done)
        if not wrong:
            wrong |= {name: deep[name].wrong or _GONE for name in again if deep[name].bits != bits[0]}
    if wrong:
        raise UserError(_refusal(source, wrong, len(places), max_pixels))
    notes = [_said(deep, bits[0])] if deep else []
    brightest = max([brightest, *(one.brightest for one in deep.values())])
    if places and brightest < _DARK:
        notes.append(
            f"every image is black or nearly so: no value is above {brightest} of 255; scale them, if they are not"
        )
    return notes


def decode(data: bytes, size: int, name: str = "", bits: int = 16) -> np.ndarray:
    """One picture file as uint8 [size, size, 3].

    The largest centred square of the picture is kept (no stretching) and resized, averaging where it shrinks.
    The camera's orientation mark is followed, transparent parts become white; of values of more than 8 bits 2^bits - 1
    is white, unless the file says itself how many it uses.
    """
    return _square(_pixels.read(data, name, size), size, bits)


def whole(data: bytes, side: int, name: str = "", bits: int = 16) -> np.ndarray:
    """One picture file as uint8 [h, w, 3], nothing cut off: scaled down until neither side is above `side`, never up;
    its orientation and its pixels as in `decode`."""
    # a JPEG may come at a fraction of its size: its shorter side is not known yet, and is no longer than this
    found = _pixels.read(data, name, side)
    image = found.image(bits) if isinstance(found, _pixels.Deep) else found
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return np.asarray(image)


def originals(
    pictures: Iterable[Picture], packed: dict[str, np.ndarray], side: int, max_pixels: float
) -> Iterator[tuple[str, np.ndarray | None]]:
    """Name and `whole` picture of each, in order, or None for what can't be read and for another picture than the one
    that was packed under its name, uint8 [S, S, 3]."""
    return _each(pictures, packed, max_pixels, lambda data, name, bits: whole(data, side, name, bits))


def files(
    pictures: Iterable[Picture], packed: dict[str, np.ndarray], max_pixels: float
) -> Iterator[tuple[str, bytes | None]]:
    """Name and file of each, as `originals` gives its pixels."""
    return _each(pictures, packed, max_pixels, lambda data, name, bits: data)


def _each(
    pictures: Iterable[Picture],
    packed: dict[str, np.ndarray],
    max_pixels: float,
    work: Callable[[bytes, str, int], _Made],
) -> Iterator[tuple[str, _Made | None]]:
    """Name of each, in order, and what is made of its file, its name and the bits it is decoded by; or None."""
    from tqdm import tqdm

    def chunk(some: list[Picture]) -> list[tuple[str, _Made | None]]:
        return [(name, _of_same(packed[name], name, read, work)) for name, read in some]

    with _bounded(max_pixels), tqdm(total=len(packed), desc="reading originals", unit=" images", disable=None) as bar:
        # few at once: files of cameras are large
        for found in in_threads(chunk, pictures, 4):
            bar.update(len(found))
            yield from found


def _square(found: Image.Image | _pixels.Deep, size: int, bits: int) -> np.ndarray:
    image = found.image(bits) if isinstance(found, _pixels.Deep) else found
    width, height = image.size
    if (width, height) != (size, size):
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    return np.asarray(image)


def _into(place: np.ndarray, name: str, read: Callable[[], bytes], bits: int) -> _Outcome:
    try:
        data = read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return _Outcome(name, _GONE)
        return _Outcome(name, error.strerror or str(error))
    try:
        found = _pixels.read(data, name, len(place))
        if isinstance(found, _pixels.Deep) and found.bits is None:
            bits = max(bits, _pixels.depth(found.highest))
            place[...] = _square(found, len(place), bits)
            return _Outcome(name, None, int(place.max()), found.highest, bits)
        place[...] = _square(found, len(place), bits)
    except MemoryError:
        raise
    except UnidentifiedImageError:
        return _Outcome(name, "unknown format")
    except Image.DecompressionBombError as error:
        pixels = re.search(r"(\d+) pixels", str(error))
        return _Outcome(name, f"{int(pixels[1]) / 1e6:,.4g} {_LARGE}" if pixels else _LARGE)
    except Exception as error:  # Pillow's readers raise nearly anything on a broken file
        return _Outcome(name, " ".join(str(error).split()) or type(error).__name__)
    return _Outcome(name, brightest=int(place.max()))


_GONE = "it was there when the files were listed, and is gone"
_LARGE = "million pixels"


def _refusal(source: str, wrong: dict[str, str], count: int, max_pixels: float) -> str:
    ways = []
    if any(reason.endswith(_LARGE) for reason in wrong.values()):
        ways.append(f"raise data.max_pixels={max_pixels:g} (millions), or make such pictures smaller")
    if any(reason == _GONE for reason in wrong.values()):
        ways.append("run it again when nothing else works on the source")
    if any(reason != _GONE and not reason.endswith(_LARGE) for reason in wrong.values()):
        ways.append("mend it or take it out" if len(wrong) == 1 else "mend them or take them out")
    shown = [(name, wrong[name]) for name in sorted(wrong)[:_SHOWN]]
    way = "; ".join(ways)
    if len(wrong) == 1:
        return f"{source}: {shown[0][0]} is not a picture that can be read ({shown[0][1]}); {way}"
    names = ", ".join(f"{name} ({reason})" for name, reason in shown)
    more = f" and {len(wrong) - _SHOWN:,} more" if len(wrong) > _SHOWN else ""
    return f"{source}: {len(wrong):,} of {count:,} are not pictures that can be read: {names}{more}; {way}"


def _said(deep: dict[str, _Outcome], bits: int) -> str:
    top = (1 << bits) - 1
    highest = [one.highest or 0 for one in deep.values()]
    dark = sum(value <= top // 16 for value in highest)
    count = "1 image has" if len(deep) == 1 else f"{len(deep):,} images have"
    said = f"{count} values of 16 bits, {max(highest):,} at most: {top:,} ({bits} bits) becomes 255"
    return said + (f"; {dark:,} of these with no value above {top // 16:,}: nearly black" if dark else "")


def _of_same(
    packed: np.ndarray, name: str, read: Callable[[], bytes], work: Callable[[bytes, str, int], _Made]
) -> _Made | None:
    try:
        data, size = read(), len(packed)
        found = _pixels.read(data, name, size)
        # the set's bits are not known here, and show in what was packed
        choices = _pixels.DEPTHS if isinstance(found, _pixels.Deep) else _pixels.DEPTHS[-1:]
        apart = {bits: np.abs(_square(found, size, bits).astype(np.int16) - packed).mean() for bits in choices}
        bits = min(apart, key=lambda one: apart[one])
        return work(data, name, bits) if apart[bits] <= _ALIKE else None
    except MemoryError:
        raise
    except Exception:  # Pillow's readers raise nearly anything on a broken file
        return None


@contextmanager
def _bounded(max_pixels: float) -> Iterator[None]:
    """Pillow opens no picture of more than so many millions of pixels, whatever the file says."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = max(1, round(max_pixels * 1e6) // 2)  # it refuses above twice that, and warns above it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before

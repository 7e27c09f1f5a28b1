"""From what a picture file holds to 8-bit RGB: orientation, transparency, and values of more than 8 bits."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageFile, ImageOps

from stages.datasets import _kinds

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras and scanners use of 16
_ORIENTATION = 0x0112
_ORIENTED = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}  # where Pillow looks for it
_TIFF_BITS, _TIFF_WHITE = 258, 262  # tags: bits of a value; whether 0 is white
_TWO_BYTES = {f"{stem};16{order}" for stem in ("RGB", "RGBA", "RGBX", "LA", "R", "G", "B", "A") for order in "BLN"}


@dataclass(frozen=True)
class Deep:
    """The values of a picture with more than 8 bits: uint16 [h, w] or [h, w, 3 or 4]. `bits`: how many the file says
    that it uses, None if it says 16, which may mean any; `negative`: 0 is white; `orientation`: EXIF's, if it is still
    to be followed."""

    values: np.ndarray
    bits: int | None
    negative: bool
    orientation: int | None

    @property
    def highest(self) -> int:
        """The highest value, opacity apart."""
        return int(self.values[..., :3].max() if self.values.ndim == 3 else self.values.max())

    def image(self, bits: int) -> Image.Image:
        """RGB, upright, with 2^bits - 1 as 255. bits: of the set, for a file that doesn't say its own."""
        shown = _table(self.bits or bits)[self.values]
        if self.negative:
            shown = 255 - shown
        if self.values.ndim == 3 and self.values.shape[2] == 4:
            opacity = self.values[..., 3]
            shown[..., 3] = _table(depth(int(opacity.max())))[opacity]
        image = Image.fromarray(shown)
        if self.orientation:
            image.getexif()[_ORIENTATION] = self.orientation
            image = ImageOps.exif_transpose(image)
        return _rgb(image)


def depth(highest: int) -> int:
    """How many bits a set uses whose highest value is this."""
    return next(bits for bits in DEPTHS if highest < 1 << bits)


def read(data: bytes, name: str, least: int) -> Image.Image | Deep:
    """A picture file as an image in RGB, upright, or its values, if they have more than 8 bits.

    A JPEG comes perhaps at a fraction of its size, if both sides stay at twice `least` or more. Of several frames or
    pages the first counts. Raises what Pillow raises, and ValueError for numbers that are no shades.
    """
    with _kinds.opened(data, name) as file:
        if file.mode == "F":
            raise ValueError("its pixels are fractions, and nothing says which is white; save it with 8 or 16 bits")
        if file.mode == "I" or file.mode.startswith("I;16"):
            return _greys(file)
        if file.format in ("PNG", "TIFF") and file.tile and {_rawmode(tile) for tile in file.tile} <= _TWO_BYTES:
            return _colours(file, data, name)
        if file.format == "JPEG" and min(file.size) >= 4 * least:
            file.draft("RGB", (2 * least, 2 * least))
        return _rgb(ImageOps.exif_transpose(file) if _ORIENTED & file.info.keys() else file)


def _rgb(image: Image.Image) -> Image.Image:
    """In RGB, on white where it is transparent."""
    if image.mode == "RGB" and "transparency" not in image.info:
        image.load()  # before its file is closed
        return image
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _greys(file: ImageFile.ImageFile) -> Deep:
    tags = file.tag_v2 if file.format == "TIFF" else {}  # type: ignore[attr-defined]
    # Pillow turns negatives of 8 bits alone (findings/)
    stated, negative = tags.get(_TIFF_BITS, (16,))[0], tags.get(_TIFF_WHITE) == 0
    values = np.asarray(file)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 0xFFFF:
        raise ValueError(f"its pixels go from {low:,} to {high:,}, outside of 16 bits; save it with 8 or 16 bits")
    return Deep(values.astype(np.uint16), stated if stated < 16 else None, negative, _orientation(file))


def _colours(file: ImageFile.ImageFile, data: bytes, name: str) -> Deep:
    """Of colours, and of greys with opacity, Pillow keeps one byte of two."""
    if {_rawmode(tile) for tile in file.tile} == {"LA;16B"}:
        # read as one number of four bytes
        file._mode = "I"
        file.tile = [_reading(tile, "I;32B") for tile in file.tile]
        both = np.asarray(file).astype(np.uint32)
        values = np.stack([both >> 16] * 3 + [both & 0xFFFF], axis=2)
        return Deep(values.astype(np.uint16), None, False, _orientation(file))
    high = np.asarray(file).astype(np.uint16)
    with _kinds.opened(data, name) as again:
        # told that the bytes are swapped, it keeps the other
        again.tile = [_reading(tile, _swapped(_rawmode(tile))) for tile in again.tile]
        low = np.asarray(again)
    return Deep(high << 8 | low, None, False, _orientation(file))


def _rawmode(tile: ImageFile._Tile) -> str:
    return str(tile.args[0] if isinstance(tile.args, tuple) else tile.args)


def _reading(tile: ImageFile._Tile, rawmode: str) -> ImageFile._Tile:
    return tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)


def _swapped(rawmode: str) -> str:
    order = rawmode[-1]
    if order == "N":
        order = "L" if sys.byteorder == "little" else "B"
    return rawmode[:-1] + ("B" if order == "L" else "L")


def _orientation(file: ImageFile.ImageFile) -> int | None:
    """EXIF's; of a TIFF none, since Pillow turns these by itself."""
    found = None if file.format == "TIFF" else file.getexif().get(_ORIENTATION)
    return found if isinstance(found, int) and 1 < found <= 8 else None


@cache
def _table(bits: int) -> np.ndarray:
    """Of each value of 16 bits its shade, uint8 [65536]."""
    top = (1 << bits) - 1
    values = np.minimum(np.arange(1 << 16, dtype=np.int64), top)
    return ((values * 255 + top // 2) // top).astype(np.uint8)

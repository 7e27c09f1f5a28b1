"""Which files are pictures, by their names or, where these say nothing, by their first bytes; how they are opened."""

from __future__ import annotations

import io
import re
from functools import cache

from PIL import Image, ImageFile

HEAD = 64  # bytes that tell a picture

# what people's pictures are; each is told by its first bytes (Pillow's JPEG opens MPO as well)
_PHOTOS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "JPEG2000", "AVIF", "PPM")
# Pillow would start another program for the first two, needs a library for the next three, and reads no film
_LEFT_OUT = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG"}
_HEIF = {".heic", ".heics", ".heif", ".heifs", ".hif"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
# TIFFs, most of them, in which Pillow finds nothing but a preview
# fmt: off
_RAW = {
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}
# fmt: on
_OTHERS = {".icb", ".vda", ".vst"}  # of TGA, which nothing else tells; the last is Visio's, too
_BMP_HEADS = {12, 40, 52, 56, 64, 108, 124}  # lengths of the header that follows


def by_name(name: str) -> bool | None:
    """Whether a file is a picture by its suffix, in any letters; None where the suffix says too little."""
    suffix = _suffix(name)
    if suffix in _RAW:
        return False
    return True if suffix in _HEIF or (_suffixes().get(suffix) in (*_PHOTOS, "TGA") and suffix not in _OTHERS) else None


def by_content(head: bytes, name: str) -> bool:
    """Whether a file is a picture by its first bytes, `HEAD` of them; of a rare format only if its suffix says so, too:
    else a .fit may be a bicycle tour, and a .gbr a circuit."""
    own = _suffixes().get(_suffix(name))
    if own is not None and (accept := Image.OPEN[own][1]) is not None and accept(head) is True:
        return True
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in _BMP_HEADS
    if head.startswith(b"P"):
        return re.match(rb"P[1-6]\s+(#[^\n]*\s+)*\d", head) is not None
    if _is_heif(head):
        return True
    return any((accept := Image.OPEN[kind][1]) is not None and accept(head) is True for kind in _photos())


def opened(data: bytes, name: str) -> ImageFile.ImageFile:
    """The picture of a file's bytes, of which Pillow has read no more than its size. Raises what Pillow raises."""
    formats = _photos()
    if _is_heif(data[:HEAD]):
        formats = (*formats, _with_heif())
    elif own := _suffixes().get(_suffix(name)):
        # some formats take nearly anything for their own: they are tried last, and where the name says so
        formats = (*formats, own)
    return Image.open(io.BytesIO(data), formats=formats)


def _suffix(name: str) -> str:
    last = name.rsplit("/", 1)[-1]
    return last[last.rindex(".") :].lower() if "." in last else ""


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


@cache
def _photos() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in _PHOTOS if kind in Image.OPEN)


@cache
def _suffixes() -> dict[str, str]:
    """Of each suffix the format that Pillow reads."""
    known = Image.registered_extensions()
    return {suffix: kind for suffix, kind in known.items() if kind in Image.OPEN and kind not in _LEFT_OUT}


@cache
def _with_heif() -> str:
    # imported only where an iPhone's picture is met
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)
    return "HEIF"

"""Pictures as they are shown: whole, crisp where they are small, embedded in a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from stages.base.errors import UserError

# given what was packed of images by name, uint8 [S, S, 3], and the longest side in px, yields each name with the
# original, uint8 [h, w, 3], or None where it is not to be had; may raise UserError
Reader = Callable[[Mapping[str, np.ndarray], int], Iterable[tuple[str, np.ndarray | None]]]

SIDE = 384  # px, the longer side of what people see
FULL = 1200  # images at that side; of more the pictures are smaller, so that a page of photos stays near 47 MB
_SMALL = 64  # px; up to it every pixel counts
_QUALITY = 85


@dataclass(frozen=True)
class Picture:
    """`data`: a file of `kind` png or jpeg; its width and height in px."""

    data: bytes
    kind: str
    width: int
    height: int

    @property
    def small(self) -> bool:
        """Whether it has to be scaled up to be looked at."""
        return max(self.width, self.height) <= _SMALL

    @property
    def uri(self) -> str:
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode('ascii')}"

    def fitted(self, least: int, most: int) -> tuple[int, int]:
        """Width and height to show it at, its shape kept: the longer side its own, or `least` or `most` where beyond
        these; small ones by a whole factor to about `least`."""
        longer = max(self.width, self.height)
        scale = max(1, round(least / longer)) if self.small else min(max(longer, least), most) / longer
        return max(1, round(scale * self.width)), max(1, round(scale * self.height))

    def within(self, side: int) -> tuple[int, int]:
        """Width and height to print it at, its shape kept: the longer side `side` px long; small ones by a whole factor
        to no more."""
        longer = max(self.width, self.height)
        scale = max(1, side // longer) if self.small else side / longer
        return max(1, round(scale * self.width)), max(1, round(scale * self.height))

    def scaled(self, side: int) -> Image.Image:
        """The pixels, at the size that `within` says; small ones without smoothing."""
        with Image.open(io.BytesIO(self.data)) as file:
            way = Image.Resampling.NEAREST if self.small else Image.Resampling.LANCZOS
            return file.convert("RGB").resize(self.within(side), way)


def picture(pixels: np.ndarray) -> Picture:
    """Of uint8 [h, w, 3]: PNG for small ones and for drawings that are no larger so, JPEG for the rest."""
    image = Image.fromarray(pixels)
    small = max(image.size) <= _SMALL
    data, kind = b"", "png"
    if not small:
        data, kind = _file(image, "jpeg", quality=_QUALITY, optimize=True, progressive=True), "jpeg"
    # no photo in colour has that few colours, and the search for the best PNG takes its time
    if small or image.getcolors(256) is not None:
        png = _file(image, "png", optimize=True)
        if small or len(png) <= len(data):
            data, kind = png, "png"
    return Picture(data, kind, *image.size)


def pictured(packed: Mapping[str, np.ndarray], read: Reader | None, data: str) -> tuple[list[Picture], str | None]:
    """What people see of images by name: the originals, whole, as `read` gives them; where one is not to be had, what
    was packed of it, uint8 [S, S, 3], and a line that says so. read: None for a set, named `data`, that has no others.
    """
    originals: dict[str, Picture] = {}
    look, why = "picture", f"data.name={data} has no other"
    if read is not None:
        look, why = "crop", "not in data.source now, not to be read, or changed since the download"
        try:
            side = round(SIDE * min(1, FULL / len(packed)) ** 0.5)
            for name, pixels in read(packed, side):
                if pixels is not None:
                    originals[name] = picture(pixels)
        except UserError as error:
            why = str(error)
    pictures = [originals.get(name) or picture(pixels) for name, pixels in packed.items()]
    lacking = [name for name in packed if name not in originals]
    if not lacking:
        return pictures, None
    which = f"{len(lacking):,} of {len(packed):,} images ({lacking[0]} ...)" if originals else "each image"
    width = packed[lacking[0]].shape[1]
    return pictures, f"People see the {width} px {look} of {which} that the network sees: {why}"


def _file(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()

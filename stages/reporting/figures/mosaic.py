"""Rows of small images, in blocks side by side, each with a number below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stages.reporting.figures.style import picture

_SIDE = 64  # px of an image in the picture
_GAP, _BETWEEN, _CAPTION = 6, 30, 20  # px


@dataclass(frozen=True)
class Row:
    """`name`, and for each block its images, uint8 [n, S, S, 3], with their captions."""

    name: str
    blocks: Sequence[tuple[np.ndarray, Sequence[str]]]


def mosaic(rows: Sequence[Row], heads: Sequence[str], path: Path) -> None:
    """Rows and blocks as given; heads: one for each block. A block is as wide as its longest row."""
    widths = [max(len(row.blocks[block][0]) for row in rows) for block in range(len(heads))]
    lefts = np.cumsum([0, *(max(width, 1) * (_SIDE + _GAP) + _BETWEEN for width in widths)])
    step = _SIDE + _CAPTION
    canvas = np.full((len(rows) * step, int(lefts[-1]) - _BETWEEN, 3), 255, dtype=np.uint8)
    texts: list[tuple[int, int, str]] = []
    for number, row in enumerate(rows):
        for left, (images, captions) in zip(lefts, row.blocks, strict=False):
            for place, (image, caption) in enumerate(zip(images, captions, strict=True)):
                x, y = int(left) + place * (_SIDE + _GAP), number * step
                canvas[y : y + _SIDE, x : x + _SIDE] = _scaled(image)
                texts.append((x + _SIDE // 2, y + _SIDE + 2, caption))
    height, width = canvas.shape[:2]
    with picture(path, 1.2 + width / 100, 0.5 + height / 100) as figure:
        axis = figure.add_subplot()
        axis.imshow(canvas, interpolation="nearest")
        for x, y, caption in texts:
            axis.text(x, y, caption, ha="center", va="top", fontsize=6)
        for left, head in zip(lefts, heads, strict=False):
            axis.text(int(left), -8, head, ha="left", va="bottom", fontsize=8)
        axis.set_yticks([number * step + _SIDE // 2 for number in range(len(rows))], [row.name for row in rows])
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)


def _scaled(image: np.ndarray) -> np.ndarray:
    from PIL import Image

    small = image.shape[0] <= _SIDE
    way = Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(image).resize((_SIDE, _SIDE), way))

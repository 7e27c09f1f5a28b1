"""Pictures as they are shown: crisp where they are small, embedded in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

_SMALL = 64  # px; below it every pixel counts


def small(size: int) -> bool:
    """Whether images of size x size have to be scaled up to be looked at."""
    return size <= _SMALL


def uri(pixels: np.ndarray) -> str:
    """An image uint8 [S, S, 3] as a data URI: PNG, or JPEG where that is a tenth of its size."""
    out = io.BytesIO()
    kind = "png" if small(len(pixels)) else "jpeg"
    Image.fromarray(pixels).save(out, kind, **({"optimize": True} if kind == "png" else {"quality": 90}))
    return f"data:image/{kind};base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def scaled(pixels: np.ndarray, side: int) -> Image.Image:
    """About `side` px wide: small ones by a whole factor, without smoothing."""
    image = Image.fromarray(pixels)
    if small(len(pixels)):
        factor = max(1, side // len(pixels))
        return image.resize((factor * len(pixels),) * 2, Image.Resampling.NEAREST)
    return image.resize((side, side), Image.Resampling.LANCZOS)

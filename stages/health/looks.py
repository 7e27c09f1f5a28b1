"""What single pictures look like, by simple statistics of their pixels; and a hash by which two are held to be alike.

The hash is phash (Krawetz 2011, "Looks like it"), bit for bit that of the library imagehash 4.3.2, which takes one
picture at a time, and 0.17 ms for each of 32 px; here scipy transforms thousands at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 64  # px; of larger pictures the statistics are those of a smaller copy, as in CleanVision
THUMB = 8  # px
_HASHED, _KEPT = 32, 8  # px of the picture that is transformed; frequencies of each axis that are kept
_BLOCK = 1 << 24  # bytes of pictures at once
# variance of the Laplacian of what is lost where shades are whole numbers of 255
_ROUNDING = 20 / 12 / 255**2
_PAIRS = 1 << 18  # pairs of hashes at once

# CleanVision 0.3.7 calls a picture dark where 99 % of its pixels are below 0.32 of full brightness, bright where 95 %
# are above 0.95
DARK, BRIGHT = 0.32, 0.95
# shares of full brightness between which 98 % of the pixels of a one-colour picture lie
ONE_COLOUR = 0.05
# The deviation of the Laplacian (Pech-Pacheco et al. 2000) over that of the pixels, so that a faint picture is not
# called blurred. Of 3,000 photos of CIFAR-10 the least has 0.28; with Gaussian blur of 1.5 px 68 % are below 0.2, of
# 2 px 97 %. A picture that was enlarged is blurred, too; where all are, as the digits of 8 px, none is odd, and half of
# the median counts.
BLURRED = 0.2


@dataclass(frozen=True)
class Looks:
    """Of N pictures: `hashes` uint64 [N]; `thumbs` float32 [N, 192], of mean 0 and length 1, or 0 where there is but
    one colour, so that the product of two is a correlation; and float32 [N], in shares of full brightness but for the
    last: `high`, below which 99 % of the pixels are, `low`, above which 95 % are, `range`, within which 98 % are, and
    `sharpness`."""

    hashes: np.ndarray
    thumbs: np.ndarray
    high: np.ndarray
    low: np.ndarray
    range: np.ndarray
    sharpness: np.ndarray

    def __len__(self) -> int:
        return len(self.hashes)

    def odd(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Kind -> the pictures of it, int64 [n], the worst first, and the figure float32 [N] by which they are."""
        plain = self.range < ONE_COLOUR
        blurred = min(BLURRED, 0.5 * float(np.median(self.sharpness))) if len(self) else BLURRED
        kinds = {
            "dark": (self.high < DARK, self.high),
            "bright": (self.low > BRIGHT, self.low),
            "one colour": (plain, self.range),
            "blurred": (~plain & (self.sharpness < blurred), self.sharpness),
        }
        found = {}
        for kind, (which, figure) in kinds.items():
            order = np.argsort(-figure if kind == "bright" else figure, kind="stable")
            found[kind] = order[which[order]], figure
        return found


def look(packed: np.ndarray, rows: np.ndarray) -> Looks:
    """Of the pictures packed[rows], uint8 [M, S, S, 3], or a memory map, and int64 [N]."""
    parts = [_look(block) for block in _blocks(packed, rows)]
    if not parts:
        nothing = np.zeros(0, np.float32)
        thumbs = np.zeros((0, 3 * THUMB**2), np.float32)
        return Looks(np.zeros(0, np.uint64), thumbs, nothing, nothing, nothing, nothing)
    return Looks(*(np.concatenate(one) for one in zip(*parts, strict=True)))


def alike(left: np.ndarray, right: np.ndarray, bits: int, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs of hashes that differ by so many bits or fewer: of uint64 [m] and [n] their places int64 [p] and [p], and
    by how many they do, uint8 [p]. Of each on the left there are `most` at most, those that differ least."""
    lefts, rights, differ = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    step = max(1, _PAIRS // max(1, len(right)))
    for start in range(0, len(left), step):
        apart = np.bitwise_count(left[start : start + step, None] ^ right)
        # much faster than in two dimensions, where few are found
        rows, columns = np.divmod(np.flatnonzero((apart <= bits).ravel()), max(1, len(right)))
        found = apart[rows, columns]
        order = np.lexsort((columns, found, rows))
        rows, columns, found = rows[order], columns[order], found[order]
        turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
        lefts.append(rows[turn < most] + start)
        rights.append(columns[turn < most])
        differ.append(found[turn < most])
    return np.concatenate(lefts), np.concatenate(rights), np.concatenate(differ)


def _blocks(packed: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    step = max(1, _BLOCK // max(1, packed[:1].nbytes))
    for start in range(0, len(rows), step):
        yield packed[rows[start : start + step]]


def _look(images: np.ndarray) -> tuple[np.ndarray, ...]:
    """The fields of Looks, of uint8 [n, S, S, 3]."""
    grey = _grey(images)
    small = _scaled(grey, min(SIDE, grey.shape[1]), Image.Resampling.BOX).astype(np.float32) / 255
    low, dim, high = np.percentile(small.reshape(len(small), -1), [1, 5, 99], axis=1).astype(np.float32)
    thumbs = _scaled(images, THUMB, Image.Resampling.BOX).reshape(len(images), -1).astype(np.float32)
    thumbs -= thumbs.mean(axis=1, keepdims=True)
    length = np.linalg.norm(thumbs, axis=1, keepdims=True)
    thumbs /= np.where(length > 0, length, 1)
    hashes = _hashes(_scaled(grey, _HASHED, Image.Resampling.LANCZOS))
    return hashes, thumbs, high, dim, high - low, _sharpness(small)


def _grey(images: np.ndarray) -> np.ndarray:
    """uint8 [n, S, S], of uint8 [n, S, S, 3], as Pillow has it (ITU-R 601-2, in whole numbers)."""
    wide = images.astype(np.uint32)
    grey: np.ndarray = (wide[..., 0] * 19595 + wide[..., 1] * 38470 + wide[..., 2] * 7471 + 0x8000) >> 16
    return grey.astype(np.uint8)


def _scaled(images: np.ndarray, side: int, way: Image.Resampling) -> np.ndarray:
    """The images uint8 [n, S, S] or [n, S, S, 3] at another size."""
    size = images.shape[1]
    if size == side:
        return images
    if way is Image.Resampling.BOX and size % side == 0:
        cut = images.reshape(len(images), side, size // side, side, size // side, *images.shape[3:])
        means: np.ndarray = cut.mean(axis=(2, 4), dtype=np.float32)
        return means
    return np.stack([np.asarray(Image.fromarray(one).resize((side, side), way)) for one in images])


def _hashes(grey: np.ndarray) -> np.ndarray:
    """uint64 [n], of uint8 [n, 32, 32]: which of its 8 x 8 lowest frequencies are above their median."""
    from scipy.fft import dct

    lowest = dct(dct(grey.astype(np.float64), axis=1)[:, :_KEPT], axis=2)[:, :, :_KEPT].reshape(len(grey), -1)
    bits = lowest > np.median(lowest, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64)[:, 0]


def _sharpness(grey: np.ndarray) -> np.ndarray:
    """float32 [n], of [n, s, s]: how much of the contrast lies between neighbouring pixels."""
    inner = grey[:, 1:-1, 1:-1]
    laplacian = 4 * inner - grey[:, :-2, 1:-1] - grey[:, 2:, 1:-1] - grey[:, 1:-1, :-2] - grey[:, 1:-1, 2:]
    fine, all_of_it = (one.reshape(len(grey), -1).var(axis=1) for one in (laplacian, grey))
    shares: np.ndarray = np.sqrt(np.maximum(0, fine - _ROUNDING) / np.maximum(all_of_it, 1 / 255**2))
    return shares

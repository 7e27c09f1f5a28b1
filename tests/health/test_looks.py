"""Single pictures: their hash beside imagehash's, and which are dark, bright, of one colour, blurred."""

from __future__ import annotations

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageFilter

from stages.health.looks import alike, look


def photos(count: int, size: int = 32, seed: int = 0) -> np.ndarray:
    """Pictures with something at every scale, uint8 [count, size, size, 3]."""
    rng = np.random.default_rng(seed)
    found = np.zeros((count, size, size, 3))
    for side in (4, 8, 16, size):
        coarse = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        scaled = [np.asarray(Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC)) for one in coarse]
        found += np.stack(scaled) / 4
    return found.astype(np.uint8)


@pytest.mark.parametrize("size", [8, 32, 48, 96])
def test_hashes_are_those_of_imagehash(size: int) -> None:
    images = photos(20, size)
    ours = look(images, np.arange(20)).hashes
    theirs = [np.packbits(imagehash.phash(Image.fromarray(one)).hash).view(np.uint64)[0] for one in images]
    assert ours.tolist() == [int(one) for one in theirs]


def test_only_the_rows_asked_for_are_looked_at_in_their_order() -> None:
    images = photos(6)
    all_of_them = look(images, np.arange(6)).hashes
    assert look(images, np.array([4, 1])).hashes.tolist() == all_of_them[[4, 1]].tolist()
    assert len(look(images, np.zeros(0, np.int64))) == 0
    assert look(images[:0], np.zeros(0, np.int64)).odd()["dark"][0].tolist() == []


@pytest.mark.parametrize("size", [32, 96])
def test_dark_bright_one_colour_and_blurred_pictures_are_found_worst_first(size: int) -> None:
    images = photos(12, size)
    images[1] = images[1] // 5
    images[2] = images[2] // 6
    images[3] = 250 + images[3] // 64
    images[4] = (40, 120, 200)
    for row, radius in ((5, 2), (6, 4)):
        images[row] = np.asarray(Image.fromarray(images[row]).filter(ImageFilter.GaussianBlur(radius * size / 32)))
    found = {kind: rows.tolist() for kind, (rows, _) in look(images, np.arange(12)).odd().items()}
    assert found == {"dark": [2, 1], "bright": [3], "one colour": [4, 3], "blurred": [6, 5]}


def test_where_all_are_blurred_none_is_odd() -> None:
    """As the digits, enlarged from 8 px."""
    images = np.stack(
        [np.asarray(Image.fromarray(one).resize((64, 64), Image.Resampling.BICUBIC)) for one in photos(20, 8)]
    )
    assert look(images, np.arange(20)).odd()["blurred"][0].tolist() == []


def test_pairs_of_hashes_are_those_that_a_slow_search_finds() -> None:
    rng = np.random.default_rng(0)
    left = rng.integers(0, 2**63, 300, dtype=np.uint64)
    right = left[rng.integers(0, 300, 2000)] ^ np.uint64(1) << rng.integers(0, 64, 2000, dtype=np.uint64)
    rows, columns, bits = alike(left, right, 1, 1000)
    slow = {(i, j) for i in range(300) for j in range(2000) if int(left[i] ^ right[j]).bit_count() <= 1}
    assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == slow and set(bits.tolist()) == {1}
    few, near, differ = alike(left[:2], np.concatenate([right, left[:2]]), 1, 1)
    assert (few.tolist(), near.tolist(), differ.tolist()) == ([0, 1], [2000, 2001], [0, 0])
    assert all(len(one) == 0 for one in alike(left[:0], right, 1, 1))
    assert all(len(one) == 0 for one in alike(left, right[:0], 1, 1))

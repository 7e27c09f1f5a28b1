"""Nearly equal pictures: photos that were stored twice, in other ways."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageEnhance

from stages.health.looks import look
from stages.health.repeats import across, within
from stages.health.space import space
from tests.health.test_looks import photos


def changed(pixels: np.ndarray) -> list[np.ndarray]:
    """As JPEG, at half the size and back, brighter."""
    image, out = Image.fromarray(pixels), io.BytesIO()
    image.save(out, "jpeg", quality=40)
    half = image.resize((16, 16), Image.Resampling.BILINEAR).resize((32, 32), Image.Resampling.BILINEAR)
    return [np.asarray(one) for one in (Image.open(out), half, ImageEnhance.Brightness(image).enhance(0.85))]


IMAGES = np.concatenate([photos(100), np.stack(changed(photos(100)[5]) + changed(photos(100)[70])[:1])])
TWINS = {(5, 100), (5, 101), (5, 102), (70, 103)}


def pairs(left: np.ndarray, right: np.ndarray) -> set[tuple[int, int]]:
    return set(zip(left.tolist(), right.tolist(), strict=True))


def test_pictures_stored_twice_are_found_and_no_others() -> None:
    looks = look(IMAGES, np.arange(104))
    found = within(looks, np.arange(104), None)
    assert TWINS <= pairs(found.left, found.right) <= TWINS | {(100, 101), (100, 102), (101, 102)}
    assert (np.diff(found.bits.astype(int)) >= 0).all()
    # only what is asked about
    few = within(looks, np.array([5, 70, 103]), None)
    assert pairs(few.left, few.right) == {(70, 103)}


def test_pictures_whose_features_are_far_apart_are_not_nearly_equal() -> None:
    looks = look(IMAGES, np.arange(104))
    features = IMAGES.reshape(104, -1).astype(np.float32)
    near = within(looks, np.arange(104), space(features))
    assert (70, 103) in pairs(near.left, near.right)
    features[103] = features[20]
    apart = within(looks, np.arange(104), space(features))
    assert (70, 103) not in pairs(apart.left, apart.right)


def test_across_parts_each_has_the_one_most_alike() -> None:
    looks = look(IMAGES, np.arange(104))
    tests = look(IMAGES[[100, 30]], np.arange(2))
    found = across(tests, np.array([0]), looks, np.arange(100))
    assert pairs(found.left, found.right) == {(0, 5)}
    assert len(across(tests, np.array([1]), looks, np.array([0, 1])).left) == 0
    assert len(across(tests, np.zeros(0, np.int64), looks, np.arange(100)).left) == 0


def test_pictures_of_one_colour_or_strokes_that_are_all_alike_are_no_pairs() -> None:
    plain = np.repeat(np.arange(40, dtype=np.uint8), 32 * 32 * 3).reshape(40, 32, 32, 3)
    assert len(within(look(plain, np.arange(40)), np.arange(40), None).left) == 0

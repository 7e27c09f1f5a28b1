import io

import numpy as np
import pytest
from PIL import Image

from stages.handout import picture
from tests.handout.made import noise


@pytest.mark.parametrize(("width", "height", "kind"), [(64, 64, "png"), (40, 9, "png"), (65, 20, "jpeg")])
def test_small_ones_are_kept_to_the_last_bit(width: int, height: int, kind: str) -> None:
    pixels = noise(1, width, height)[0]
    found = picture(pixels)
    assert (found.kind, found.width, found.height, found.small) == (kind, width, height, kind == "png")
    shown = np.asarray(Image.open(io.BytesIO(found.data)))
    assert shown.shape == pixels.shape
    assert np.array_equal(shown, pixels) == found.small


def test_a_drawing_stays_as_it_is_and_a_grey_photo_does_not() -> None:
    drawing = np.zeros((200, 300, 3), dtype=np.uint8)
    drawing[50:90, 20:280] = (200, 10, 10)
    assert picture(drawing).kind == "png"
    assert picture(np.repeat(noise(1, 300, 200)[0][..., :1], 3, axis=2)).kind == "jpeg"


@pytest.mark.parametrize(
    ("shape", "shown", "printed"),
    [
        ((384, 256), (256, 171), (144, 96)),
        ((256, 384), (171, 256), (96, 144)),
        ((100, 50), (128, 64), (144, 72)),
        ((384, 1), (256, 1), (144, 1)),
        ((32, 32), (128, 128), (128, 128)),
        ((40, 20), (120, 60), (120, 60)),
        ((8, 8), (128, 128), (144, 144)),
    ],
)
def test_the_shape_is_kept(shape: tuple[int, int], shown: tuple[int, int], printed: tuple[int, int]) -> None:
    found = picture(noise(1, *shape)[0])
    assert found.fitted(128, 256) == shown
    assert found.within(144) == printed == found.scaled(144).size

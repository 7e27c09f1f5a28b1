import io
from collections.abc import Collection, Iterator
from functools import partial

import numpy as np
import pytest
from PIL import Image

from stages.base.errors import UserError
from stages.datasets import _decoding
from tests.datasets.sources import noise, picture


def decode_into(files: dict[str, bytes], max_pixels: float = 180) -> dict[str, np.ndarray]:
    """The files decoded, 8 px wide, by name."""
    places = {name: np.zeros((8, 8, 3), dtype=np.uint8) for name in files}

    def read(names: Collection[str]) -> Iterator[_decoding.Picture]:
        return ((name, partial(files.__getitem__, name)) for name in names)

    _decoding.decode_into(read, places, max_pixels, "x")
    return places


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_a_picture_of_the_right_size_is_kept_to_the_last_bit() -> None:
    pixels = noise(1, 32, 32, 3)[0]
    assert np.array_equal(_decoding.decode(saved(Image.fromarray(pixels)), 32), pixels)


def test_the_centred_square_is_kept_without_stretching() -> None:
    pixels = np.zeros((16, 48, 3), dtype=np.uint8)
    pixels[:, 16:32] = 200  # the middle square of three
    for image in (Image.fromarray(pixels), Image.fromarray(pixels.transpose(1, 0, 2))):
        decoded = _decoding.decode(saved(image), 8)
        assert (decoded[1:-1, 1:-1] == 200).all()
        assert decoded.min() > 150  # the filter reaches over the edge of the crop


def test_shrinking_averages() -> None:
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    shrunk = _decoding.decode(saved(Image.fromarray(np.repeat(board[..., None], 3, axis=2).astype(np.uint8))), 8)
    assert np.abs(shrunk.astype(int) - 128).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
def test_formats_and_large_pictures(kind: str) -> None:
    assert np.abs(_decoding.decode(picture(90, 700, 500, kind), 32).astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    ("image", "colour"),
    [
        (Image.new("L", (9, 9), 70), (70, 70, 70)),
        (Image.new("1", (9, 9), 1), (255, 255, 255)),
        (Image.new("RGBA", (9, 9), (10, 20, 30, 0)), (255, 255, 255)),
        (Image.new("RGBA", (9, 9), (10, 20, 30, 255)), (10, 20, 30)),
        (Image.new("LA", (9, 9), (50, 255)), (50, 50, 50)),
        (Image.new("RGB", (9, 9), (10, 20, 30)).quantize(4), (10, 20, 30)),
        (Image.fromarray(np.full((9, 9), 0x4621, dtype=np.uint16)), (0x46, 0x46, 0x46)),
    ],
)
def test_every_kind_of_pixel_becomes_rgb(image: Image.Image, colour: tuple[int, int, int]) -> None:
    decoded = _decoding.decode(saved(image), 9)
    assert decoded.shape == (9, 9, 3)
    assert (decoded == colour).all()


def test_the_orientation_mark_of_a_camera_is_followed() -> None:
    pixels = np.zeros((16, 16, 3), dtype=np.uint8)
    pixels[:8] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    decoded = _decoding.decode(saved(Image.fromarray(pixels), "JPEG", exif=exif), 16)
    assert decoded[:7].max() < 30
    assert decoded[-7:].min() > 225


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((300, 200), (96, 64)),
        ((200, 300), (64, 96)),
        ((3000, 2000), (96, 64)),
        ((2000, 20), (96, 1)),
        ((96, 40), (96, 40)),
        ((7, 5), (7, 5)),
    ],
)
def test_a_whole_picture_keeps_its_edges_and_its_shape(
    kind: str, shape: tuple[int, int], expected: tuple[int, int]
) -> None:
    image = Image.new("RGB", shape, (200, 200, 200))
    image.paste((20, 20, 20), (0, 0, shape[0] // 6, shape[1]))
    found = _decoding.whole(saved(image, kind), 96)
    assert found.shape == (expected[1], expected[0], 3)
    assert found[:, 0].max() < 60
    assert found[:, found.shape[1] // 4 + 1 :].min() > 160


def test_a_whole_picture_is_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # a camera held upright
    image = Image.new("RGB", (120, 60))
    image.paste((255, 255, 255), (0, 0, 60, 60))
    found = _decoding.whole(saved(image, "JPEG", exif=exif), 60)
    assert found.shape == (60, 30, 3)
    assert found[:28].min() > 225 and found[32:].max() < 30


@pytest.mark.parametrize(
    "data",
    [b"", b"no picture", picture()[:60], picture(kind="JPEG")[:-300], saved(Image.new("F", (9, 9)), "TIFF")],
    ids=["empty", "text", "cut PNG", "cut JPEG", "floats"],
)
def test_what_is_not_a_picture_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(UserError, match=r"^x: a/150\.png is not a picture .*; mend it or take it out$"):
        decode_into({f"a/{row}.png": picture() for row in range(200)} | {"a/150.png": data})


def test_each_picture_lands_in_its_place() -> None:
    places = decode_into({f"{row}.png": picture(row) for row in reversed(range(200))})
    assert all((places[f"{row}.png"] == row).all() for row in range(200))

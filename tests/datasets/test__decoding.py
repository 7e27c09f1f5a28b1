import io
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

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


RED, BLUE = (Image.new("RGB", (40, 30), colour) for colour in ((200, 30, 30), (30, 30, 200)))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_frames_the_first_counts(kind: str) -> None:
    data = saved(RED, kind, save_all=True, append_images=[BLUE])
    assert np.abs(_decoding.decode(data, 8).astype(int) - (200, 30, 30)).max() <= 9


@pytest.mark.parametrize(
    ("image", "kind", "options", "colour"),
    [
        (RED.convert("CMYK"), "JPEG", {}, (200, 30, 30)),
        (RED.convert("CMYK"), "TIFF", {}, (200, 30, 30)),
        (RED.convert("YCbCr"), "TIFF", {"compression": "jpeg"}, (200, 30, 30)),
        (RED.quantize(8), "PNG", {"transparency": 0}, (255, 255, 255)),
        (RED.quantize(8), "GIF", {"transparency": 0}, (255, 255, 255)),
        (RED, "PNG", {"transparency": (200, 30, 30)}, (255, 255, 255)),
        (Image.new("L", (9, 9), 70), "PNG", {"transparency": 70}, (255, 255, 255)),
        (Image.new("1", (40, 40), 1), "TIFF", {"compression": "group4"}, (255, 255, 255)),
    ],
)
def test_colours_of_other_kinds(image: Image.Image, kind: str, options: dict[str, Any], colour: Any) -> None:
    assert np.abs(_decoding.decode(saved(image, kind, **options), 8).astype(int) - colour).max() <= 9


@pytest.mark.parametrize("mark", range(1, 9))
def test_every_orientation_means_the_same_in_every_format(mark: int) -> None:
    pixels = np.zeros((32, 64, 3), dtype=np.uint8)
    pixels[:16, :32] = 255  # the corner at the top, left
    exif = Image.Exif()
    exif[0x0112] = mark
    wide, corner = (
        mark < 5,
        {1: (0, 0), 2: (0, 1), 3: (1, 1), 4: (1, 0), 5: (0, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}[mark],
    )
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF"):
        options = {"tiffinfo": {0x0112: mark}} if kind == "TIFF" else {"exif": exif}
        found = _decoding.whole(saved(Image.fromarray(pixels), kind, **options), 64)
        assert found.shape == ((32, 64, 3) if wide else (64, 32, 3))
        bright = {(y, x) for y in (0, 1) for x in (0, 1) if found[4 - 9 * y, 4 - 9 * x, 0] > 128}
        assert bright == {corner}, kind

"""Values of more than 8 bits, and what Pillow makes of files."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from stages.base.errors import UserError
from stages.datasets import folder
from tests.datasets.sources import pack, picture, settings


def png16(values: np.ndarray) -> bytes:
    """uint16 [h, w] or [h, w, 2 to 4] as a PNG of 16 bits, which Pillow writes of greys alone."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff16(values: np.ndarray, **options: object) -> bytes:
    """uint16 [h, w] as a TIFF."""
    out = io.BytesIO()
    Image.fromarray(values).save(out, "TIFF", **options)
    return out.getvalue()


def colour_tiff16(values: np.ndarray) -> bytes:
    """uint16 [h, w, 3] as a plain TIFF of big-endian values, which Pillow does not write."""
    height, width = values.shape[:2]
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 134), (259, 3, 1, 1 << 16), (262, 3, 1, 2 << 16),
        (273, 4, 1, 140), (277, 3, 1, 3 << 16), (278, 4, 1, height), (279, 4, 1, values.size * 2), (284, 3, 1, 1 << 16),
    ]  # fmt: skip
    directory = struct.pack(">H", len(entries)) + b"".join(struct.pack(">HHII", *entry) for entry in entries)
    return (
        b"MM\0*"
        + struct.pack(">I", 8)
        + directory
        + b"\0\0\0\0"
        + struct.pack(">HHH", 16, 16, 16)
        + (values.astype(">u2").tobytes())
    )


def loaded(tmp_path: Path, files: dict[str, bytes], size: int = 8) -> tuple[dict[str, np.ndarray], list[str]]:
    data = folder.load(settings("folder", pack(tmp_path / "x", files), size=size), tmp_path)
    return dict(zip(data.train.names, data.train.images, strict=True)), data.notes


RAMP = np.arange(64, dtype=np.uint16).reshape(8, 8) * 65  # to 4,095: 12 bits
SHADES = np.round(RAMP / 4095 * 255)


@pytest.mark.parametrize("write", [png16, tiff16, lambda values: tiff16(values, compression="tiff_lzw")])
def test_greys_of_12_bits_in_files_of_16_keep_their_shades(tmp_path: Path, write: object) -> None:
    found, notes = loaded(tmp_path, {"1.x": write(RAMP // 9), "2.x": write(RAMP), "3.x": picture(80)})  # type: ignore[operator]
    assert np.abs(found["2.x"][..., 0] - SHADES).max() <= 1
    assert np.abs(found["1.x"][..., 1] - SHADES / 9).max() <= 1  # by the set, and not each by its own
    assert (found["3.x"] == 80).all()
    assert notes == ["2 images have values of 16 bits, 4,095 at most: 4,095 (12 bits) becomes 255"]


@pytest.mark.parametrize(("highest", "bits"), [(200, 8), (1023, 10), (1024, 12), (16383, 14), (40000, 16)])
def test_the_bits_are_those_that_the_set_uses(tmp_path: Path, highest: int, bits: int) -> None:
    values = np.full((8, 8), highest, dtype=np.uint16)
    found, notes = loaded(tmp_path, {"1.png": png16(values), "0.png": png16(values // 2)})
    assert np.abs(found["1.png"] - 255 * highest / (2**bits - 1)).max() <= 1
    assert np.abs(found["0.png"] - 127.5 * highest / (2**bits - 1)).max() <= 1
    assert f"({bits} bits) becomes 255" in notes[0]


def test_what_one_bright_picture_makes_black_is_said(tmp_path: Path) -> None:
    bright = np.full((8, 8), 65535, dtype=np.uint16)
    _, notes = loaded(tmp_path, {"1.png": png16(RAMP), "2.png": png16(bright)})
    assert notes[0].endswith("; 1 of these with no value above 4,095: nearly black")


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_and_greys_with_opacity_of_12_bits_keep_their_shades(tmp_path: Path, channels: int) -> None:
    values = np.repeat(RAMP[..., None], channels, axis=2)
    values[..., 0] //= 1 if channels == 2 else 2
    if channels != 3:
        values[..., -1] = 65535  # opaque
    found, notes = loaded(tmp_path, {"1.png": png16(values)})
    assert np.abs(found["1.png"][..., 1] - SHADES).max() <= 1
    assert np.abs(found["1.png"][..., 0] - SHADES / (1 if channels == 2 else 2)).max() <= 1
    assert "4,095 (12 bits)" in notes[0]


@pytest.mark.parametrize("by_libtiff", [False, True])
def test_colours_of_16_bits_in_a_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_libtiff: bool) -> None:
    monkeypatch.setattr(TiffImagePlugin, "READ_LIBTIFF", by_libtiff)  # as for compressed ones
    found, _ = loaded(tmp_path, {"1.tif": colour_tiff16(np.stack([RAMP, RAMP // 2, RAMP // 3], axis=2))})
    for channel in range(3):
        assert np.abs(found["1.tif"][..., channel] - SHADES / (channel + 1)).max() <= 1


def test_a_tiff_may_say_itself_that_it_has_12_bits(tmp_path: Path) -> None:
    values = np.array([[0x0FF, 0xFFF], [0x800, 0x010]], dtype=np.uint16)
    packed = b"".join(
        bytes([first >> 4, (first & 15) << 4 | second >> 8, second & 255]) for first, second in values.tolist()
    )
    entries = [(256, 4, 2), (257, 4, 2), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 122), (277, 3, 1)]
    entries += [(278, 4, 2), (279, 4, len(packed))]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *one[:2], 1, one[2]) for one in entries)
    data = b"II*\0" + struct.pack("<I", 8) + directory + b"\0\0\0\0" + packed
    found, _ = loaded(tmp_path, {"1.tif": data}, size=8)
    assert len(data) == 122 + 6
    bright = np.full((8, 8), 65535, dtype=np.uint16)
    assert found["1.tif"].max() == 255
    again, _ = loaded(tmp_path / "more", {"1.tif": data, "2.png": png16(bright)}, size=8)
    assert np.array_equal(again["1.tif"], found["1.tif"])


def test_a_negative_is_turned(tmp_path: Path) -> None:
    data = bytearray(tiff16(RAMP))
    place = data.index(struct.pack("<HHI", 262, 3, 1))  # photometric interpretation: 1, black is zero
    data[place + 8] = 0
    found, _ = loaded(tmp_path, {"1.tif": bytes(data)})
    assert np.abs(found["1.tif"][..., 0] - (255 - SHADES)).max() <= 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full((9, 9), 0.5, dtype=np.float32), "its pixels are fractions, and nothing says which is white"),
        (np.full((9, 9), 70_000, dtype=np.int32), "its pixels go from 70,000 to 70,000, outside of 16 bits"),
        (np.full((9, 9), -1, dtype=np.int32), "its pixels go from -1 to -1, outside of 16 bits"),
    ],
)
def test_numbers_that_are_no_shades_are_refused(tmp_path: Path, values: np.ndarray, words: str) -> None:
    with pytest.raises(UserError, match=rf"1\.tif is not a picture that can be read \({words}; save it with"):
        loaded(tmp_path, {"1.tif": tiff16(values), "2.tif": tiff16(RAMP)})


def test_whole_numbers_of_32_bits_within_16(tmp_path: Path) -> None:
    found, _ = loaded(tmp_path, {"1.tif": tiff16(RAMP.astype(np.int32))})
    assert np.abs(found["1.tif"][..., 0] - SHADES).max() <= 1


def test_a_pgm_says_what_is_white(tmp_path: Path) -> None:
    found, _ = loaded(tmp_path, {"1.pgm": b"P5 8 8 4095\n" + RAMP.astype(">u2").tobytes()})
    assert np.abs(found["1.pgm"][..., 0] - SHADES).max() <= 1


@pytest.mark.parametrize("name", ["x", "x.zip"])
def test_people_see_the_same_shades(tmp_path: Path, name: str) -> None:
    dim = RAMP // 40  # to 102 of 4,095
    source = pack(tmp_path / name, {f"{number}.png": png16(np.kron(one, np.ones((4, 4), np.uint16))) for number, one in
                                    enumerate([RAMP, dim])})  # fmt: skip
    part = folder.load(settings("folder", source, size=8), tmp_path).train
    found = dict(folder.originals(str(source), dict(zip(part.names, part.images, strict=True)), 32, 180))
    for number, shades in enumerate([SHADES, SHADES / 40]):
        original = found[f"{number}.png"]
        assert original is not None and original.shape == (32, 32, 3)
        assert np.abs(original[::4, ::4, 0] - shades).max() <= 1


def test_the_orientation_of_16_bits_is_followed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    out = io.BytesIO()
    Image.fromarray(RAMP).save(out, "PNG", exif=exif)
    found, _ = loaded(tmp_path, {"1.png": out.getvalue(), "2.tif": tiff16(RAMP, tiffinfo={0x0112: 3})})
    for name in found:
        assert np.abs(found[name][..., 0] - SHADES[::-1, ::-1]).max() <= 1


@pytest.mark.parametrize("kind", ["8 bits", "16 bits"])
def test_a_set_that_is_black_is_said_to_be(tmp_path: Path, kind: str) -> None:
    black = png16(np.zeros((8, 8), dtype=np.uint16)) if kind == "16 bits" else picture(0)
    masks = {f"{number}.png": picture(number) for number in range(1, 10)}
    _, notes = loaded(tmp_path, {"0.png": black} | (masks if kind == "8 bits" else {}))
    assert notes[-1].startswith("every image is black or nearly so: no value is above")
    assert not loaded(tmp_path / "more", masks | {"1.png": picture(99)})[1]

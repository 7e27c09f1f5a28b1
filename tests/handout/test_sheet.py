from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stages.handout import picture, sheet
from tests.handout.made import handout, noise


@pytest.mark.parametrize("size", [8, 28, 32, 64, 96, 200])
def test_every_picture_is_on_it_and_small_ones_are_not_smoothed(size: int, tmp_path: Path) -> None:
    sheet.write(tmp_path, handout(30, size=size))
    drawn = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    if size > 64:
        return
    found = {bytes(row) for row in np.unique(drawn.reshape(-1, 3), axis=0)}
    assert found >= {bytes(row) for row in noise(30, size, size).reshape(-1, 3)}


def test_whole_and_undistorted_whatever_the_shape(tmp_path: Path) -> None:
    """A frame along the edges of each picture, in a colour of its own."""
    shapes, colours = [(300, 200), (200, 300), (384, 90)], [(250, 0, 0), (0, 200, 0), (0, 0, 250)]
    pictures = []
    for (width, height), colour in zip(shapes, colours, strict=True):
        pixels = np.full((height, width, 3), 128, dtype=np.uint8)
        pixels[:] = colour
        pixels[12:-12, 12:-12] = 128
        pictures.append(picture(pixels))
    sheet.write(tmp_path, replace(handout(3, clusters=0), pictures=pictures))
    drawn = np.asarray(Image.open(tmp_path / "sheet.png")).astype(int)
    for (width, height), colour in zip(shapes, colours, strict=True):
        rows, columns = np.nonzero(np.abs(drawn - colour).sum(2) < 60)
        size = np.ptp(columns) + 1, np.ptp(rows) + 1
        assert max(size) == 144
        assert abs(size[0] * height - size[1] * width) <= max(width, height)


@pytest.mark.parametrize(("count", "pages"), [(1, 1), (240, 1), (241, 2), (700, 3)])
def test_pages(count: int, pages: int, tmp_path: Path) -> None:
    sheet.write(tmp_path, handout(count, size=8))
    names = {"sheet.png", *(f"sheet-{page}.png" for page in range(2, pages + 1))}
    assert {path.name for path in tmp_path.iterdir()} == names
    widths = {Image.open(path).width for path in tmp_path.iterdir()}
    assert len(widths) == 1


def test_a_band_lies_behind_the_images_that_share_a_cluster(tmp_path: Path) -> None:
    def colours(clusters: int) -> set[bytes]:
        sheet.write(tmp_path, handout(24, clusters=clusters))
        drawn = np.asarray(Image.open(tmp_path / "sheet.png")).reshape(-1, 3)
        return {
            bytes(one) for one, count in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True) if count > 500
        }

    alone, together = colours(24), colours(4)
    assert colours(0) == alone
    assert len(together) == len(alone) + 2

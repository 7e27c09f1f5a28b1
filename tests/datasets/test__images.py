from pathlib import Path

import numpy as np
from PIL import Image

from stages.datasets import _images
from tests.datasets.sources import noise


def test_resizing_arrays(tmp_path: Path) -> None:
    colour, grey = noise(70, 8, 8, 3), noise(70, 8, 8)
    assert _images.resize(colour, 8, tmp_path / "a.npy") is colour
    assert np.array_equal(_images.resize(grey, 8, tmp_path / "a.npy")[..., 2], grey)
    large = _images.resize(grey, 16, tmp_path / "a.npy")
    assert large.shape == (70, 16, 16, 3)
    assert np.array_equal(large[..., 0], large[..., 1])
    assert np.array_equal(
        large[69, ..., 0], np.asarray(Image.fromarray(grey[69]).resize((16, 16), Image.Resampling.BILINEAR))
    )
    assert np.array_equal(np.load(tmp_path / "a.npy"), large)
    assert _images.resize(colour, 16, tmp_path / "b.npy").shape == (70, 16, 16, 3)

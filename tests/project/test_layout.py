from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.project import layout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose data are split, without the raw arrays."""
    monkeypatch.chdir(tmp_path)
    layout.SPLIT.mkdir(parents=True)
    (layout.RAW / "train").mkdir(parents=True)
    np.savez(layout.SPLIT / "pool.npz", indices=np.array([1, 4, 5]), labels=np.array([0, -1, 1]), first=np.arange(3))
    return tmp_path


def test_a_part_needs_no_file_before_it_is_asked_for(folder: Path) -> None:
    """What a stage opens it must declare, and so is run again where that changes."""
    pool = layout.part("pool")
    assert pool.labels.tolist() == [0, -1, 1]
    with pytest.raises(UserError, match=r"names\.npy is missing"):
        _ = pool.names
    with pytest.raises(UserError, match=r"images\.npy is missing"):
        pool.images()
    np.save(layout.RAW / "train" / "names.npy", np.array([f"{row}.png" for row in range(6)]))
    assert pool.names.tolist() == ["1.png", "4.png", "5.png"]


def test_images_go_by_their_place_in_the_part(folder: Path) -> None:
    raw = np.arange(6, dtype=np.uint8)[:, None, None, None] * np.ones((8, 8, 3), np.uint8)
    np.save(layout.RAW / "train" / "images.npy", raw)
    pool = layout.part("pool")
    assert pool.images()[:, 0, 0, 0].tolist() == [1, 4, 5]
    assert pool.images(np.array([2, 0])).tolist() == raw[[5, 1]].tolist()

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.training import images
from stages.training.images import Images
from tests.tiny import CPU, pictures


@pytest.mark.parametrize("resident", [True, False])
def test_by_number_in_any_order_and_more_than_once(
    resident: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not resident:
        monkeypatch.setattr(images, "_free_memory", lambda device: 0)
    np.save(tmp_path / "packed.npy", pictures())
    rows = np.array([5, 3, 40, 7])
    ours = Images(np.load(tmp_path / "packed.npy", mmap_mode="r"), rows, CPU)
    picked = ours[torch.tensor([3, 0, 0, 2])]
    assert len(ours) == 4 and picked.dtype == torch.uint8
    assert np.array_equal(picked.numpy(), pictures()[[7, 5, 5, 40]])


def test_large_sets_stay_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_free_memory", lambda device: 10_000)
    assert Images(pictures(), np.arange(60), CPU)._resident is None

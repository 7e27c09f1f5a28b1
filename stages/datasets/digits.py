"""scikit-learn's handwritten digits: 1,797 grey images of 8 x 8 pixels, without a download."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.datasets import Dataset, Part, Settings, _images
from stages.splitting.stratify import held_out

# a mirrored digit is another sign, or none
MIRRORS = False

TRAINING_IMAGES = 1_438


def load(settings: Settings, scratch: Path) -> Dataset:
    """The test part is `test_share` of each class, by `seed`. Raises UserError if a source is named."""
    if settings.source is not None:
        raise UserError(f"data.source={settings.source}: the digits come with scikit-learn; set it to null")
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)  # [1797, 8, 8], 0..16
    images = _images.resize(grey, settings.size, scratch / "digits.npy")
    labels = digits.target.astype(np.int64)
    classes = [str(digit) for digit in range(10)]
    test = held_out(labels, classes, settings.test_share, settings.seed, "data.test_share")

    def part(name: str, rows: np.ndarray) -> Part:
        return Part(images[rows], labels[rows], [f"{name}/{row:05d}" for row in rows])

    return Dataset(part("train", np.flatnonzero(~test)), part("test", np.flatnonzero(test)), classes)

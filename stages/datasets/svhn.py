"""SVHN, cropped digits: 73,257 and 26,032 images of 32 x 32 pixels (Netzer et al. 2011), as MATLAB files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.base import readable
from stages.datasets import Dataset, Part, Settings, _fetch, _images

# a mirrored digit is another sign, or none
MIRRORS = False

TRAINING_IMAGES = 73_257

BASE = "http://ufldl.stanford.edu/housenumbers"
FILES = {
    "train_32x32.mat": "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "md5:eb5a983be6a315427106f1b164d9cef3",
}


def load(settings: Settings, scratch: Path) -> Dataset:
    """Raises UserError. A `source` is a base URL or the folder that holds both files."""
    paths = {
        name: _fetch.official(f"{BASE}/{name}", digest, settings.source, scratch) for name, digest in FILES.items()
    }
    parts = {name: _part(name, paths[f"{name}_32x32.mat"], settings.size, scratch) for name in ("train", "test")}
    return Dataset(parts["train"], parts["test"], [str(digit) for digit in range(10)])


def _part(name: str, path: Path, size: int, scratch: Path) -> Part:
    from scipy.io import loadmat

    def said(reason: str) -> str:
        return f"{path} is cut short, damaged or no MATLAB file of digits ({reason}); fetch it again"

    # only what has the official digest comes here: scipy may end the process over a damaged file, which no except helps
    with readable.refused(said, AttributeError, TypeError):
        matrix = loadmat(path, variable_names=["X", "y"])
        images = np.ascontiguousarray(matrix["X"].transpose(3, 0, 1, 2))  # from [32, 32, 3, N]
        labels = matrix["y"].reshape(-1).astype(np.int64) % 10  # it says 10 for the digit 0
    packed = _images.resize(images, size, scratch / f"{name}.npy")
    return Part(packed, labels, [f"{name}/{row:05d}" for row in range(len(labels))])

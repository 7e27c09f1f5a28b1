"""MNIST: 60,000 and 10,000 grey digits of 28 x 28 pixels (LeCun, Cortes and Burges), as idx files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from stages.base import readable
from stages.datasets import Dataset, Part, Settings, _fetch, _images

# a mirrored digit is another sign, or none
MIRRORS = False

TRAINING_IMAGES = 60_000

_LARGEST = 1 << 26  # bytes; the largest of the four files has 47,040,016

BASE = "https://ossci-datasets.s3.amazonaws.com/mnist"
FILES = {
    "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
}


def load(settings: Settings, scratch: Path) -> Dataset:
    """Raises UserError. A `source` is a base URL or the folder that holds the four files."""
    paths = {
        name: _fetch.official(f"{BASE}/{name}", digest, settings.source, scratch) for name, digest in FILES.items()
    }

    def part(name: str, prefix: str) -> Part:
        grey = _idx(paths[f"{prefix}-images-idx3-ubyte.gz"])
        labels = _idx(paths[f"{prefix}-labels-idx1-ubyte.gz"]).astype(np.int64)
        images = _images.resize(grey, settings.size, scratch / f"{name}.npy")
        return Part(images, labels, [f"{name}/{row:05d}" for row in range(len(labels))])

    return Dataset(part("train", "train"), part("test", "t10k"), [str(digit) for digit in range(10)])


def _idx(path: Path) -> np.ndarray:
    """An idx file of bytes: 0, 0, 8, dimensions, the sizes as big-endian int32, the values."""
    with (
        readable.refused(lambda reason: f"{path} is cut short, damaged or no idx.gz file ({reason}); fetch it again"),
        gzip.open(path) as file,
    ):
        data = file.read(_LARGEST)
        if data[:3] != b"\0\0\x08":
            raise ValueError("it does not begin as one of bytes")
        shape = np.frombuffer(data, dtype=">i4", count=data[3], offset=4)
        values = np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * data[3])
        if (shape < 0).any():  # reshape takes -1 for "what is left"
            raise ValueError(f"its shape is {shape.tolist()}")
        return values.reshape(shape)

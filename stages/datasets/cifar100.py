"""CIFAR-100: 50,000 and 10,000 images of 32 x 32 pixels, 100 fine or 20 coarse classes (Krizhevsky 2009)."""

from __future__ import annotations

from pathlib import Path

from stages.datasets import Dataset, Settings, _cifar, _fetch

TRAINING_IMAGES = 50_000

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
DIGEST = "md5:eb9058c3a382ffc7106e4002c42a8d85"
LABELS = ("fine", "coarse")


def load(settings: Settings, scratch: Path) -> Dataset:
    """Raises UserError. A `source` is a base URL, or a local path of the archive or its folder."""
    archive = _fetch.official(ADDRESS, DIGEST, settings.source, scratch)
    found = _cifar.batches(archive, ["train", "test", "meta"])
    key = f"{settings.labels}_labels"
    return Dataset(
        _cifar.part("train", [found["train"]], key, settings.size, scratch),
        _cifar.part("test", [found["test"]], key, settings.size, scratch),
        found["meta"][f"{settings.labels}_label_names"],
    )

"""CIFAR-10: 50,000 and 10,000 images of 32 x 32 pixels in ten classes (Krizhevsky 2009)."""

from __future__ import annotations

from pathlib import Path

from stages.datasets import Dataset, Settings, _cifar, _fetch

TRAINING_IMAGES = 50_000

ADDRESS = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
DIGEST = "md5:c58f30108f718f92721af3b95e74349a"


def load(settings: Settings, scratch: Path) -> Dataset:
    """Raises UserError. A `source` is a base URL, or a local path of the archive or its folder."""
    archive = _fetch.official(ADDRESS, DIGEST, settings.source, scratch)
    train = [f"data_batch_{number}" for number in range(1, 6)]
    found = _cifar.batches(archive, [*train, "test_batch", "batches.meta"])
    return Dataset(
        _cifar.part("train", [found[name] for name in train], "labels", settings.size, scratch),
        _cifar.part("test", [found["test_batch"]], "labels", settings.size, scratch),
        found["batches.meta"]["label_names"],
    )

"""Splits the raw images into pool, validation and test, by row numbers; the images stay where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from stages import layout, params, splitting
from stages.errors import UserError, run
from stages.files import whole_folder


def main() -> None:
    parameters = params.read()
    split(parameters.split, layout.RAW, layout.SPLIT, parameters.check_data)


def split(
    settings: splitting.Settings, raw: Path, target: Path, check: Callable[[list[str], int], None] | None = None
) -> None:
    """Reads the folder `raw` that download wrote and writes the folder `target`. Raises UserError.

    `check` is handed the classes and the size of the pool before anything is written.
    """
    facts = layout.read_json(raw / "description.json")
    train = np.load(layout.needed(raw / "train" / "labels.npy"))
    test = np.load(layout.needed(raw / "test" / "labels.npy"))
    result = splitting.split(train, test, facts["classes"], settings)
    if not len(result.pool.indices):
        raise UserError("no image is left for the pool; lower split.validation or change split.classes")
    if check is not None:
        check(result.classes, len(result.pool.indices))
    images = np.load(layout.needed(raw / "train" / "images.npy"), mmap_mode="r")
    mean, std = splitting.mean_and_std(images, result.pool.indices)
    parts = {"pool": result.pool, "validation": result.validation, "test": result.test}
    with whole_folder(target) as folder:
        for name, rows in parts.items():
            np.savez(folder / f"{name}.npz", indices=rows.indices, labels=rows.labels)
        description = {
            "classes": result.classes,
            "size": facts["size"],
            "mean": mean,
            "std": std,
            "counts": {name: _counts(rows.labels, result.classes) for name, rows in parts.items()},
        }
        layout.write_json(folder / "description.json", description)
    sizes = ", ".join(f"{len(rows.indices):,} {name}" for name, rows in parts.items())
    print(f"{target}: {sizes} images of {len(result.classes)} classes")


def _counts(labels: np.ndarray, classes: list[str]) -> dict[str, int]:
    """Images per class; "unknown" counts those without a label."""
    counts = np.bincount(labels + 1, minlength=len(classes) + 1).tolist()
    return {**dict(zip(classes, counts[1:], strict=True)), "unknown": counts[0]}


if __name__ == "__main__":
    run(main)

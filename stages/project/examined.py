"""What the report on the data is made of, read from the files of the stages: images, features, predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.base.errors import UserError
from stages.health.report import Images, Report, examine
from stages.project import kept, layout, votes
from stages.reporting.health import without_repeats


def examined(extractor: str, seed: int) -> Report:
    """The report on the images of the split, by the features of that extractor. Raises UserError for a file that is
    missing, and for features of other images."""
    parts = {name: layout.part(name) for name in ("pool", "validation", "test")}
    training = [parts["pool"], parts["validation"]]
    vectors = _features(extractor, training)
    names = [name for name in ("pool", "validation") for _ in parts[name].indices]
    train = Images(
        training[0].packed,
        np.concatenate([one.indices for one in training]),
        [str(name) for one in training for name in one.names],
        np.concatenate([one.labels for one in training]),
        names,
    )
    part = parts["test"]
    test = Images(part.packed, part.indices, part.names.tolist(), part.labels, ["test"] * len(part.indices))
    classes = layout.description()["classes"]
    return examine(train, test, vectors, classes, seed, votes.read(layout.SPLIT / "votes.csv"))


def _features(extractor: str, training: Sequence[layout.Part]) -> np.ndarray | None:
    """Of the pool, then of the validation images, float32 [N, d]; None where nobody has made any."""
    folder, again = layout.FEATURES / extractor, f"run `dvc repro extract@{extractor}`"
    if not folder.exists():
        return None
    features = [kept.array(folder / f"{name}.npy", "f", 2) for name in ("pool", "validation")]
    for one, rows in zip(training, features, strict=True):
        if len(one.indices) != len(rows):
            raise UserError(
                f"{folder}: features of {len(rows):,} images, where the split has {len(one.indices):,}; {again}"
            )
    # a part without images may have no columns
    vectors = np.concatenate([rows for rows in features if len(rows)])
    if not np.isfinite(vectors).all():
        raise UserError(f"{folder}: numbers that are not finite; {again}")
    return vectors


def accuracies(report: Report, models: Sequence[str]) -> dict[str, tuple[float, float]]:
    """By model the test accuracy on all images, and on those that repeat none; of those whose predictions are there."""
    there = [name for name in models if (layout.EVALUATION / name / "predicted.npy").exists()]
    predicted = {name: kept.array(layout.EVALUATION / name / "predicted.npy", "i", 2) for name in there}
    return without_repeats(report.test.labels, predicted, report.repeated())

"""Where the stages' files lie; only stages import it, libraries are handed arrays."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from stages.base.cells import guarded
from stages.project import kept

DATA = Path("data")
CODE = DATA / "code"
RAW = DATA / "raw"
SPLIT = DATA / "split"
SEEN = SPLIT / "seen.npz"
ANSWERED = SPLIT / "answered.npz"
ENCODERS = DATA / "encoders"
FEATURES = DATA / "features"
SELECTION = DATA / "selection"
MODELS = DATA / "models"
EVALUATION = DATA / "evaluation"
PREDICTIONS = DATA / "predictions"
METRICS = Path("metrics")
PLOTS = Path("plots")


def seed_folder(parent: Path, seed: int) -> Path:
    """The folder of one seed's result."""
    return parent / f"seed-{seed}"


@dataclass(frozen=True)
class Part:
    """One part of the split: of the raw arrays in the folder `raw`, which train and test images have each, the rows
    `indices`, int64 [N]; labels: int64 [N]; first: int64 [N], of each image the place in the part of the first equal
    picture, its own where none is before. Images and names are opened when they are asked for, since a stage must
    declare what it opens. Raises UserError, then, for a file that is missing."""

    raw: Path
    indices: np.ndarray
    labels: np.ndarray
    first: np.ndarray

    @cached_property
    def packed(self) -> np.ndarray:
        """All raw images of the folder, uint8 [M, S, S, 3]; they stay on disk until they are asked for."""
        return packed(self.raw)

    @cached_property
    def names(self) -> np.ndarray:
        """The names of this part's images, str [N], such as "train/cat/1.jpg"."""
        names: np.ndarray = kept.array(self.raw / "names.npy", "U", 1)[self.indices]
        return names

    def images(self, places: np.ndarray | slice = slice(None)) -> np.ndarray:
        """This part's images, uint8 [N, S, S, 3], or those at `places` (from 0 to N - 1), in memory."""
        return self.packed[self.indices[places]]


def part(name: str) -> Part:
    """The "pool", "audit", "validation" or "test" part. Raises UserError where split has not written it, or long
    ago."""
    path, rows = SPLIT / f"{name}.npz", ("i", 1)
    found = kept.arrays(path, indices=rows, labels=rows, first=rows)
    with kept.intact(path):
        if len({len(one) for one in found.values()}) != 1:
            raise ValueError("its arrays differ in length")
    return Part(RAW / ("test" if name == "test" else "train"), **found)


def answered(pool_size: int) -> tuple[np.ndarray, np.ndarray]:
    """The places in the pool, int64 each, of the images that have a label already, none in a rehearsal, and of those
    that people left without. Raises UserError where split has not written them, or for another pool."""
    found = kept.arrays(ANSWERED, labelled=("i", 1), skipped=("i", 1))
    both = np.concatenate([found["labelled"], found["skipped"]])
    with kept.intact(ANSWERED):
        if len(np.unique(both)) < len(both) or not ((both >= 0) & (both < pool_size)).all():
            raise ValueError("its images are not those of the pool")
    return found["labelled"], found["skipped"]


def packed(raw: Path) -> np.ndarray:
    """All images that download packed into a folder, uint8 [M, S, S, 3], read-only; they stay on disk until they are
    asked for."""
    return kept.array(raw / "images.npy", "u", 4, mapped=True)


@dataclass(frozen=True)
class PretrainingPool:
    """The pool as pretraining sees it, which no answer of people changes: labels int64 [N] and classes are those of the
    data set itself; mean and std per channel, in [0, 1]; images of size x size."""

    indices: np.ndarray
    labels: np.ndarray
    classes: list[str]
    size: int
    mean: list[float]
    std: list[float]

    def write(self, path: Path) -> None:
        """Writes all of it to one .npz file."""
        np.savez(
            path,
            indices=self.indices,
            labels=self.labels,
            classes=np.array(self.classes, dtype=np.str_),
            size=self.size,
            mean=self.mean,
            std=self.std,
        )

    @classmethod
    def read(cls, path: Path) -> PretrainingPool:
        """Reads what `write` wrote. Raises UserError if it is not there."""
        numbers = {"size": ("i", 0), "mean": ("fi", 1), "std": ("fi", 1)}
        found = kept.arrays(path, indices=("i", 1), labels=("i", 1), classes=("U", 1), **numbers)
        return cls(found.pop("indices"), found.pop("labels"), **{name: one.tolist() for name, one in found.items()})


def description(*keys: str) -> dict[str, Any]:
    """What split says of its result: classes, size, mean, std, counts. Raises UserError where it lacks the classes or
    one of the keys."""
    found: dict[str, Any] = kept.read_json(SPLIT / "description.json", "classes", *keys)
    return found


def write_json(path: Path, content: object) -> None:
    """Writes JSON for people: indented, keys in the order given, no NaN."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes a CSV with a column for every key of any row; a row leaves empty what it lacks. Texts are guarded, as
    `cells.guarded` says: a file's name may look like a formula."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {key: guarded(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows
        )

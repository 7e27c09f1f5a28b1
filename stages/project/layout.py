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

from stages.base.errors import UserError

DATA = Path("data")
CODE = DATA / "code"
RAW = DATA / "raw"
SPLIT = DATA / "split"
SEEN = SPLIT / "seen.npz"
ENCODERS = DATA / "encoders"
FEATURES = DATA / "features"
SELECTION = DATA / "selection"
MODELS = DATA / "models"
EVALUATION = DATA / "evaluation"
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
        return np.load(needed(self.raw / "names.npy"))[self.indices]

    def images(self, places: np.ndarray | slice = slice(None)) -> np.ndarray:
        """This part's images, uint8 [N, S, S, 3], or those at `places` (from 0 to N - 1), in memory."""
        return self.packed[self.indices[places]]


def part(name: str) -> Part:
    """The "pool", "validation" or "test" part. Raises UserError where split has not written it, or long ago."""
    path = needed(SPLIT / f"{name}.npz")
    with np.load(path) as arrays:
        if "first" not in arrays:
            raise UserError(f"{path}: written before copies were looked for; run `dvc repro`")
        folder = RAW / ("test" if name == "test" else "train")
        return Part(folder, arrays["indices"], arrays["labels"], arrays["first"])


def packed(raw: Path) -> np.ndarray:
    """All images that download packed into a folder, uint8 [M, S, S, 3], read-only; they stay on disk until they are
    asked for."""
    return np.load(needed(raw / "images.npy"), mmap_mode="r")


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
        with np.load(needed(path)) as found:
            whole = {name: found[name] for name in ("indices", "labels")}
            return cls(**whole, **{name: found[name].tolist() for name in ("classes", "size", "mean", "std")})


def description() -> dict[str, Any]:
    """What split says of its result: classes, size, mean, std, counts."""
    return read_json(SPLIT / "description.json")


def read_json(path: Path) -> Any:
    return json.loads(needed(path).read_text(encoding="utf-8"))


def write_json(path: Path, content: object) -> None:
    """Writes JSON for people: indented, keys in the order given, no NaN."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes a CSV with a column for every key of any row; a row leaves empty what it lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def needed(path: Path) -> Path:
    """The path, if it exists. Raises UserError that says how to make it."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or the stage before this one)")
    return path

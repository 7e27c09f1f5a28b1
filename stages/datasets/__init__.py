"""The data sets, one file each: every one gives the same packed arrays.

A member is a file of this package with `def load(settings: Settings, scratch: Path) -> Dataset`, where
`scratch` is an existing folder for downloads and for arrays too large for memory. A set with more than the one
kind of labels says so in `LABELS`, a tuple such as ("fine", "coarse"), one whose images must not be mirrored in
`MIRRORS`, which is False. One that cuts its images down has `originals`
(see folder.py), by which people see them whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol, cast

import numpy as np
from pydantic import BaseModel, Field, field_validator, model_validator

from stages.base import families
from stages.base.names import ClassName
from stages.base.numbers import Classes, Fraction, Seed


class Extra(BaseModel, extra="forbid", frozen=True):
    """Classes of another set, which follow the main set's: `classes` are all (null), the first k, or those named, in
    that order. `source` and `labels` are as in Settings."""

    name: str
    source: str | None
    labels: Literal["fine", "coarse"]
    classes: Classes | Annotated[list[ClassName], Field(min_length=1)] | None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        known = families.names("datasets")
        if name not in known:
            raise ValueError(families.choices(name, known))
        return name

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: int | list[str] | None) -> int | list[str] | None:
        if isinstance(classes, list) and len(set(classes)) < len(classes):
            raise ValueError("must not name a class twice")
        return classes


class Settings(BaseModel, extra="forbid", frozen=True):
    """The section `data` of params.yaml.

    `source`: null for the official address; else a mirror (a base URL), the URL of the file, or a local path.
    `size`: side of the square images in pixels. `max_pixels`: of one picture before that, in millions; a larger one may
    be a bomb. `labels`: coarse only where a set has coarse labels.
    `test_share` and `seed`: how a set without a test part is split. `extra`: null, or what _extra.py adds.
    """

    name: str
    source: str | None
    size: int = Field(ge=8, le=512)
    max_pixels: float = Field(gt=0, le=4000, allow_inf_nan=False)
    labels: Literal["fine", "coarse"]
    test_share: Fraction
    seed: Seed
    extra: Extra | None

    @model_validator(mode="after")
    def _another(self) -> Settings:
        if self.extra is not None and self.extra.name == self.name:
            raise ValueError(f"extra.name {self.name} is the main set itself; name another, or set extra to null")
        return self


@dataclass(frozen=True)
class Part:
    """Images uint8 [N, S, S, 3] (perhaps a memmap), labels int64 [N] (-1 unknown), names like "train/cat/1.jpg"."""

    images: np.ndarray
    labels: np.ndarray
    names: list[str]

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] != 3:
            raise ValueError(f"images are {self.images.dtype} {self.images.shape}, not uint8 [N, S, S, 3]")
        if self.labels.shape != (count,) or self.labels.dtype != np.int64 or len(self.names) != count:
            raise ValueError(f"{count} images, labels {self.labels.shape}, {len(self.names)} names")


@dataclass(frozen=True)
class Dataset:
    """Both parts, and the names of the classes, whose places are the labels: none if nothing is labelled. `notes`: what
    its user wants to know of how it was read, a line each; `validation`: int64 [n], the training images that the set
    itself holds out for validation, none for most."""

    train: Part
    test: Part
    classes: list[str]
    notes: list[str] = field(default_factory=list)
    validation: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def assembled(settings: Settings, load: Callable[[Settings, Path], Dataset], scratch: Path) -> Dataset:
    """The main set by `load`, followed by the classes that `extra` asks for (see _extra.py). Raises UserError."""
    from stages.datasets._extra import with_extra  # which imports this package

    return with_extra(settings, load, scratch)


class Member(Protocol):
    """What a file of this package holds, and may hold more."""

    def load(self, settings: Settings, scratch: Path) -> Dataset: ...


def member(name: str) -> Member:
    """The data set of that name. Raises UserError where no file bears it."""
    return cast(Member, families.load("datasets", name))

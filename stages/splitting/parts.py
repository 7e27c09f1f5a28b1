"""Pool and validation: which images are kept, thinned out and held out; pure functions of a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Discriminator, Field, Tag, field_validator

from stages.base import draws, families
from stages.base.errors import UserError
from stages.base.names import ClassName, composed
from stages.base.numbers import Classes, Seed, Share, ShareNotAll
from stages.splitting.stratify import held_out, part_of


class Imbalance(BaseModel, extra="forbid", frozen=True):
    """Keeps `share` of the images of each of `classes`; "half" is the first half of the kept classes."""

    share: Share
    classes: Literal["half"] | Annotated[list[ClassName], Field(min_length=1)]


def _kind(value: object) -> str:
    keys = value if isinstance(value, dict) else ()
    return "[share]" if isinstance(value, Imbalance) or "share" in keys or "classes" in keys else "[rates]"


# a tag in brackets, since it is no part of a parameter's name
Rates = Annotated[
    Annotated[Imbalance, Tag("[share]")] | Annotated[dict[ClassName, Share], Field(min_length=1), Tag("[rates]")],
    Discriminator(_kind),
]


class Settings(BaseModel, extra="forbid", frozen=True):
    """The section `split` of params.yaml.

    `classes` keeps the first k or those named, in that order (null: all); `imbalance` thins the training images,
    to a share of some classes or by {class: share}; `validation` is a share of each class.
    """

    seed: Seed
    validation: ShareNotAll
    classes: Classes | list[ClassName] | None
    imbalance: Rates | None

    @field_validator("classes", mode="before")
    @classmethod
    def _allowed(cls, value: object) -> object:
        number = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100_000
        names = value if isinstance(value, list) and all(isinstance(name, str) for name in value) else []
        if not (value is None or number or (names and len(set(map(composed, names))) == len(names))):
            raise ValueError(
                "must be null, a number of classes from 1, or a list of different class names, numbers in quotes"
            )
        return value

    @field_validator("imbalance", mode="before")
    @classmethod
    def _once(cls, value: object) -> object:
        if isinstance(value, dict) and len({composed(str(key)) for key in value}) < len(value):
            raise ValueError("must not name a class twice, in two Unicode forms of its letters")
        return value


@dataclass(frozen=True)
class Rows:
    """Row numbers int64 [N], ascending, and labels int64 [N] as places in the kept classes (-1 unknown)."""

    indices: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Split:
    """`audit`: images set aside to judge models."""

    pool: Rows
    audit: Rows
    validation: Rows
    test: Rows
    classes: list[str]

    def seen(self) -> Rows:
        """What is learnt from without labels: the pool and the audited images."""
        indices = np.concatenate([self.pool.indices, self.audit.indices])
        order = np.argsort(indices)
        return Rows(indices[order], np.concatenate([self.pool.labels, self.audit.labels])[order])


def split(
    train: np.ndarray,
    test: np.ndarray,
    classes: list[str],
    settings: Settings,
    audited: int = 0,
    order: np.ndarray | None = None,
    fixed: np.ndarray | None = None,
) -> Split:
    """Splits the training labels int64 [N] into pool, audit and validation, and picks the kept classes' test images.

    The first `audited` kept images of `order`, int64 [N], as `audit_order` draws it, judge models, whatever their
    labels. They are taken before validation is, which labels decide: what people answer moves none of them.
    fixed: int64 [n], or None: the validation images, where the data set itself holds some out; none is drawn then.

    Images of classes left out are dropped; unknown ones (-1) all join the pool. Imbalance thins pool and
    validation alike and leaves the test part alone. A class draws from a stream of its own, so that the choice
    of classes changes nothing for those kept. Among unknown images a class may have none that is known. Raises
    UserError.
    """
    kept = kept_classes(classes, settings.classes)
    places = np.full(len(classes) + 1, -2, dtype=np.int64)  # the last is for -1
    places[[classes.index(name) for name in kept]] = np.arange(len(kept))
    places[-1] = -1
    present = places[train] >= -1
    for name, share in shares(kept, settings.imbalance).items():
        present[_thinned(train, classes.index(name), share, settings.seed)] = False
    aside, judging = np.zeros(len(train), dtype=bool), np.zeros(len(train), dtype=bool)
    if fixed is not None:
        if settings.validation:
            own = f"the data holds {len(fixed):,} images in val, which are for validation"
            raise UserError(f"split.validation={settings.validation:g}: {own}; set it to 0, or take val away")
        aside[fixed] = present[fixed]
    if order is not None:
        judging[order[(present & ~aside)[order]][:audited]] = True
    least = 2 if settings.validation else 1
    for name in kept:
        of_class = (train == classes.index(name)) & ~judging & ~aside
        count = int(np.count_nonzero(present & of_class))
        if not count and (judging & (train == classes.index(name))).any():
            continue  # a rare one, all of whose labels judge
        # of a class that only the test part has, the first images may yet be found among the unknown ones
        if count < least and (of_class.any() or not (train < 0).any()):
            raise UserError(_too_few(name, count, int(np.count_nonzero(of_class)), least))
    if settings.validation:
        shown = np.where(present & ~judging, train, -1)
        aside = held_out(shown, classes, settings.validation, settings.seed, "split.validation")

    def rows(labels: np.ndarray, chosen: np.ndarray) -> Rows:
        indices = np.flatnonzero(chosen)
        return Rows(indices, places[labels[indices]])

    pool = rows(train, present & ~aside & ~judging)
    if audited and (most := len(pool.indices) + int(judging.sum()) - 2) < audited:
        raise UserError(f"labels.audit={audited}: the pool has {most + 2} images, of which two or more must stay")
    return Split(pool, rows(train, judging), rows(train, aside), rows(test, places[test] >= 0), kept)


def audit_order(names: list[str], seed: int) -> np.ndarray:
    """The images in an order drawn uniformly, int64 [N], whose first judge models. Each draws by its name alone: more
    of them are the same and others, and of images that come later a fair share take a place."""
    drawn = [draws.number(seed, "splitting.audit", int.from_bytes(name.encode())) for name in names]
    return np.argsort(np.array(drawn, dtype=np.int64), kind="stable")


def kept_classes(classes: list[str], wanted: int | list[str] | None) -> list[str]:
    """All classes, the first k, or those named, in the order named. Raises UserError."""
    if wanted is None:
        return list(classes)
    if isinstance(wanted, int):
        if wanted > len(classes):
            raise UserError(f"split.classes={wanted}: the data has {len(classes)} classes; lower it, or null for all")
        return classes[:wanted]
    for name in wanted:
        _known("split.classes", name, classes)
    return list(wanted)


def shares(kept: list[str], imbalance: Imbalance | dict[str, float] | None) -> dict[str, float]:
    """The share of its images that each thinned class keeps. Raises UserError for a class not kept."""
    if imbalance is None:
        return {}
    if isinstance(imbalance, dict):
        rates = imbalance
    elif imbalance.classes == "half":
        rates = dict.fromkeys(kept[: len(kept) // 2], imbalance.share)
    else:
        rates = dict.fromkeys(imbalance.classes, imbalance.share)
    for name in rates:
        _known("split.imbalance", name, kept)
    return rates


def mean_and_std(images: np.ndarray, indices: np.ndarray, block: int = 1 << 26) -> tuple[list[float], list[float]]:
    """Mean and standard deviation per channel, in [0, 1], of images[indices], uint8 [M, S, S, 3], by
    `block` bytes at a time.

    The sums are whole numbers, so that the size of a block changes nothing. The deviation is at least 1/255,
    since one divides by it.
    """
    total, squares = np.zeros(3, dtype=np.uint64), np.zeros(3, dtype=np.uint64)
    for part in _blocks(images, indices, block):
        total += part.sum(axis=0, dtype=np.uint32).reshape(-1, 3).sum(axis=0, dtype=np.uint64)
        wide = part.astype(np.uint16)
        wide *= wide  # 255 * 255 fits
        squares += wide.sum(axis=0, dtype=np.uint32).reshape(-1, 3).sum(axis=0, dtype=np.uint64)
    pixels = len(indices) * images.shape[1] * images.shape[2]
    mean = total / pixels
    std = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    return (mean / 255).tolist(), np.maximum(std / 255, 1 / 255).tolist()


def _too_few(name: str, count: int, before: int, least: int) -> str:
    """What is wrong with a class of which `count` images are left of those `before` it was thinned, and what helps."""
    images, thinned = f"{count} training image{'s' * (count != 1)}", before >= least
    cause = f" of {before} after split.imbalance" if thinned else ""
    ways = ["keep a larger share of it" if thinned else "label more of it" if count else "give it some"]
    if count:
        ways.append("set split.validation=0")
    ways.append("name the others in split.classes")
    said = f"class {name} has {images}{cause}; each class needs at least {least}"
    return f"{said}; {', '.join(ways[:-1])}, or {ways[-1]}"


def _blocks(images: np.ndarray, indices: np.ndarray, block: int) -> Iterator[np.ndarray]:
    """The images as rows of bytes, uint8 [n, S * S * 3], n small enough for sums in 32 bits."""
    rows = min(4096, max(1, block // images[:1].nbytes))
    for start in range(0, len(indices), rows):
        part = images[indices[start : start + rows]]
        yield part.reshape(len(part), -1)


def _thinned(labels: np.ndarray, label: int, share: float, seed: int) -> np.ndarray:
    """The rows of a class that go; a smaller share keeps a subset of what a larger one keeps."""
    members = np.flatnonzero(labels == label)
    stream = draws.rng(seed, "splitting.thinned", label)
    return stream.permutation(members)[part_of(share, len(members)) :]


def _known(key: str, name: str, classes: list[str]) -> None:
    if name not in classes:
        raise UserError(f"{key}: no class {name} is kept; {families.choices(name, classes)}")

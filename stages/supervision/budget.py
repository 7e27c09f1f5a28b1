"""The labelling budget: the section `labels`, and which labels it buys."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Field, PlainSerializer, PlainValidator, field_validator

from stages.base.errors import UserError
from stages.base.numbers import AmountOrNone

# DVC depends on the file by its name, so that there must be one
_NO_FILE = "data/none"
# more than any pool has; Python reads no number of thousands of digits
_NUMBER = r"[1-9][0-9]{0,8}"


@dataclass(frozen=True)
class Budget:
    """How many labels may be bought: `amount` is a number of labels in all (total), a number for each class (class), or
    a percentage of the pool (share); `written` is what stands in params.yaml, and what messages show."""

    amount: float
    of: Literal["total", "class", "share"]
    written: int | str

    def __str__(self) -> str:
        return str(self.written)

    @classmethod
    def parse(cls, written: object) -> Budget:
        """From 400 or "400", "40/class" or "10%". Raises ValueError for anything else."""
        if isinstance(written, str):
            if re.fullmatch(_NUMBER, written):
                return cls(int(written), "total", int(written))
            if found := re.fullmatch(rf"({_NUMBER})/class", written):
                return cls(int(found[1]), "class", written)
            if (found := re.fullmatch(r"([0-9]{1,3}(\.[0-9]{1,15})?)%", written)) and 0 < float(found[1]) <= 100:
                return cls(float(found[1]), "share", written)
        elif isinstance(written, int) and not isinstance(written, bool) and 1 <= written < 10**9:
            return cls(written, "total", written)
        raise ValueError('must be a number (400), a number per class ("40/class") or a share of the pool ("10%")')

    def count(self, pool_size: int, classes: int) -> int:
        """How many labels that is in a pool of that size. Raises UserError where the pool has fewer."""
        if self.of == "class" and not classes:
            raise UserError(f"labels.budget={self}: no class is known; give a number of labels in all")
        if self.of == "share":
            wanted = round(self.amount / 100 * pool_size)
        else:
            wanted = int(self.amount) * (classes if self.of == "class" else 1)
        if wanted > pool_size:
            raise UserError(f"labels.budget={self}: {wanted} labels, but the pool has {pool_size} images")
        if wanted < 1:
            raise UserError(f"labels.budget={self}: not one label in a pool of {pool_size} images")
        return wanted


class Labels(BaseModel, extra="forbid", frozen=True):
    """`strategy` names the ranking that training follows, `budget` how far: a number of labels (400),
    a number per class ("40/class"), or a share of the pool ("10%").

    "N/class" is the benchmarks' convention: one walks down the ranking and keeps the first N images of each class,
    which with a random ranking is stratified sampling. Everybody else pays for every label that is looked up, so a
    number or a share takes the first images of the ranking, whatever their classes.

    `file`: what people answered, a file or a folder, or data/none for none. With answers a number or a share takes the
    first images of the ranking that have a label, for they may be answers to another ranking, and all if they are
    fewer, in all or of a class: nobody can tell what some images are.

    `audit`: so many images, drawn from the pool uniformly, judge models and train none; people label them among the
    others, on top of the budget.
    """

    strategy: str
    budget: Annotated[Budget, PlainValidator(Budget.parse), PlainSerializer(lambda budget: budget.written)]
    file: str = Field(min_length=1)
    audit: AmountOrNone

    @property
    def answers(self) -> Path | None:
        """The file or folder of answers, if there is one."""
        return None if self.file == _NO_FILE else Path(self.file)

    @field_validator("file", mode="before")
    @classmethod
    def _there(cls, file: object) -> object:
        if file is None:
            raise ValueError(f"must be a file or a folder; {_NO_FILE} is none")
        return file

    def count(self, pool_size: int, classes: int) -> int:
        """How many labels the budget buys in a pool of that size. Raises UserError where the pool has fewer."""
        return self.budget.count(pool_size, classes)

    def bought(self, ranking: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
        """The images whose labels the budget buys, in the order of the ranking.

        ranking: int64 [N], the pool from first to last; labels: int64 [N], true classes, -1 unknown.
        Returns int64 [n]; images without a label are left out. Raises UserError where a class has too few, but for
        answers of people.
        """
        count = self.count(len(ranking), classes)
        if self.budget.of != "class":
            if self.answers is not None:
                return ranking[labels[ranking] >= 0][:count]
            chosen = ranking[:count]
            return chosen[labels[chosen] >= 0]
        each = count // classes
        if self.answers is None:
            self._check_each(labels, [f"{number} (from 0)" for number in range(classes)], each)
        ranked = labels[ranking]
        return ranking[np.sort(np.concatenate([np.flatnonzero(ranked == c)[:each] for c in range(classes)]))]

    def check(self, labels: np.ndarray, classes: Sequence[str]) -> None:
        """Raises UserError for what the pool cannot give; labels: int64 [N], true classes, -1 unknown. A class may yet
        get labels where some image has none."""
        count = self.count(len(labels), len(classes))
        if self.budget.of == "class" and self.answers is None and (labels >= 0).all():
            self._check_each(labels, classes, count // len(classes))

    def _check_each(self, labels: np.ndarray, classes: Sequence[str], each: int) -> None:
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        for name, number in zip(classes, counts.tolist(), strict=True):
            if number < each:
                few = f"class {name} has only {number} labelled images in the pool"
                raise UserError(f"labels.budget={self.budget}: {few}; lower it, or give a number of labels in all")

    def askable(self, ranking: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The images that rounds may ask about, int64 [n], in the order of the ranking int64 [N]: all or, with answers
        of people, those that have a label, for nobody is there to ask about others."""
        return ranking if self.answers is None else ranking[labels[ranking] >= 0]

    def spent(self, ranking: np.ndarray, labels: np.ndarray, classes: int) -> int:
        """How many of the `askable` images the budget lets rounds ask about. Raises UserError as `bought` does."""
        if self.answers is None:
            return self.count(len(ranking), classes)
        return len(self.bought(ranking, labels, classes))

    def short(self, labels: np.ndarray, classes: int) -> str | None:
        """A line where people gave fewer answers than the budget buys; labels: int64 [N], of the pool."""
        answered, wanted = int((labels >= 0).sum()), self.count(len(labels), classes)
        if self.answers is None or wanted == len(labels):
            return None
        if self.budget.of == "class":
            few = int((np.bincount(labels[labels >= 0], minlength=classes) < wanted // classes).sum())
            said = f"{few} of {classes} classes have fewer labels in the pool"
        else:
            few = answered < wanted
            said = f"{answered:,} images of the pool have a label"
        if not few:
            return None
        return f"labels.budget={self.budget}: with the answers of {self.file} {said}, and all of these are told"

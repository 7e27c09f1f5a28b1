"""What is measured of a finished model: the section `evaluation`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from stages.base import families
from stages.base.errors import UserError
from stages.base.names import ClassName
from stages.base.numbers import Amount, Classes


class Settings(BaseModel, extra="forbid", frozen=True):
    """`subsets` names sets of classes (the first k, or a list of names) on whose test images accuracy is also given;
    `neighbours` is the k of k-NN accuracy; maps show the first `map_images` test images."""

    subsets: dict[str, Classes | Annotated[list[ClassName], Field(min_length=1)]]
    neighbours: Amount
    map_images: int = Field(ge=2, le=100_000)
    umap: bool

    def check(self, classes: list[str], where: str) -> None:
        """Raises UserError for a subset that the data cannot give."""
        for name, wanted in self.subsets.items():
            self._ids(name, wanted, classes, where)

    def class_ids(self, classes: list[str]) -> dict[str, list[int]]:
        """The class ids of every subset."""
        return {name: self._ids(name, wanted, classes, "evaluation") for name, wanted in self.subsets.items()}

    @staticmethod
    def _ids(name: str, wanted: int | list[str], classes: list[str], where: str) -> list[int]:
        key = f"{where}.subsets.{name}"
        if isinstance(wanted, int):
            if not 1 <= wanted <= max(len(classes), 1):
                raise UserError(f"{key}={wanted}: must be 1 to {len(classes)}, the number of classes")
            return list(range(wanted))
        for one in wanted:
            if one not in classes:
                raise UserError(f"{key}: no class {one!r}; {families.choices(one, classes)}")
        return [classes.index(one) for one in wanted]

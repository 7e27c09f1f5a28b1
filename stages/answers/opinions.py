"""What people say of one image, who may differ: the label that most of them gave, and who looked at it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from stages.answers._answer import Answer
from stages.base.errors import UserError


@dataclass(frozen=True)
class Opinion:
    """An answer, and the class that it means."""

    answer: Answer
    label: str


class Opinions:
    """All opinions on one image, whose class in the data set is `own`, "" unknown.

    They come in rounds: the first answers, then those that say which of the labels given before they look at again. Of
    each round what most people say counts, and nothing where as many say something else; the last round decides. One
    person says one thing in a round, and so do all whom nobody names, for they may be one.
    """

    def __init__(self, own: str) -> None:
        self._own = own
        self._was: list[str] = [""]  # which label each round looks at again
        self.rounds: list[dict[str, Opinion]] = [{}]

    def add(self, one: Opinion, was: str | None) -> Opinion | None:
        """Puts in an opinion; was: the label that it looks at again, or None. Returns the one that it contradicts, if
        there is one, and is then not put in."""
        if was is not None and was in self._was[1:]:
            place = self._was.index(was, 1)
        elif was is not None and was in (self.votes or {self._own}):
            self._was.append(was)
            self.rounds.append({})
            place = len(self.rounds) - 1
        else:  # of a label that is not there any more it is an answer as any other
            place = len(self.rounds) - 1
        other = self.rounds[place].setdefault(one.answer.annotator, one)
        return other if other.label != one.label else None

    @property
    def first(self) -> bool:
        """Whether nobody has looked again."""
        return len(self.rounds) == 1

    @property
    def label(self) -> str:
        """What counts: "" where two labels have the most votes."""
        (label, most), *others = self.votes.most_common()
        return "" if others and others[0][1] == most else label

    @property
    def votes(self) -> Counter[str]:
        """Those of the last round."""
        return Counter(one.label for one in self.rounds[-1].values())

    @property
    def differ(self) -> bool:
        """Whether those of the last round do."""
        return len(self.votes) > 1

    @property
    def several(self) -> bool:
        """Whether more than one person looked at it at once."""
        return any(len(one) > 1 for one in self.rounds)

    @property
    def open_label(self) -> str:
        """Of the labels that people differ about the one that a further answer looks at again, so that it decides."""
        counted = [label for label, _ in self.votes.most_common()]
        return next((label for label in counted if label not in self._was), counted[0])


@dataclass(frozen=True)
class Given:
    """`labels` int64 [N], with the answers put in; `classes`: those whose places they are; `opinions`: by row those of
    all images that were answered."""

    labels: np.ndarray
    classes: list[str]
    opinions: dict[int, Opinions]

    def several(self) -> dict[int, Opinions]:
        """Of the images that several people answered."""
        return {row: one for row, one in self.opinions.items() if one.several}

    def said(self) -> str | None:
        """A line where people differ."""
        several = self.several().values()
        differ = [one for one in several if one.differ]
        if not differ:
            return None
        ties = sum(not one.label for one in differ)
        open_ = f"{ties:,} of them in equal numbers, which leaves these unlabelled" if ties else "and one label leads"
        way = "`python -m stages.show health --disagreements FOLDER` hands them out again"
        return f"people differ on {len(differ):,} of {len(several):,} images that several answered, {open_}; {way}"


@dataclass(frozen=True)
class Shared:
    """An image that several people labelled: the training image `row`; by person the class that each said at first,
    and that each said who looked at it last; the class that counts, "" if none does; and, where they still differ, the
    one that a further answer is to look at again, else ""."""

    name: str
    row: int
    first: Mapping[str, str]
    last: Mapping[str, str]
    label: str
    was: str


def refused(one: Answer, other: Answer) -> UserError:
    """Of two answers that differ, of one person or of people who are not named."""
    place = "another annotation of it" if other.where == one.where else other.where
    way = "keep one" if one.annotator else "keep one, or say in a column annotator who gave which"
    return UserError(f"{one.where}: {one.image} is {one.label!r}, but {other.label!r} in {place}; {way}")

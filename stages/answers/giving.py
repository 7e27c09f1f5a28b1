"""From answers to the labels of a data set: whose image, and which class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.answers._answer import Answer, Images, tidy
from stages.answers.opinions import Given, Opinion, Opinions, refused
from stages.base import families
from stages.base.errors import UserError

# folders of images without a label bear these names; "unknown" is how images without one are counted
_NO_CLASS = {"unknown", "unlabelled", "unlabeled"}


def give(
    answers: Sequence[Answer],
    names: Sequence[str],
    labels: np.ndarray,
    classes: Sequence[str],
) -> Given:
    """The labels of the images `names` with the answers put in.

    labels: int64 [N], those of the data set, -1 unknown. classes: those that are known; if there are none, all that
    were answered, in alphabetical order. A known class may be written in capitals or small letters. Where several
    people answered, what most of them say counts. An answer that says what the label `was` takes the place of that
    one, wherever it stands.
    Raises UserError, with the place, for an image or class that is not there, for two answers of one person that
    differ, and for one that differs from the data set, but for those that take another's place.
    """
    classes = list(classes or _answered(answers))
    images, opinions = Images(names), dict[int, Opinions]()
    for answer in sorted(answers, key=lambda one: bool(one.was)):
        row = images.find(answer.image)
        if row is None:
            raise UserError(
                f"{answer.where}: no training image {_shown(answer.image)}; write its path as stages.export gave it"
            )
        label = classes.index(_meant(answer, classes))
        own = int(labels[row])
        of_image = opinions.setdefault(row, Opinions(own))
        other = of_image.add(Opinion(answer, label), _named(answer.was, classes) if answer.was else None)
        if other is not None:
            raise refused(answer, other.answer)
        if of_image.first and own not in (-1, label):
            raise UserError(
                f"{answer.where}: {answer.image} is {answer.label!r}, but {classes[own]!r} in the data set; mend either"
            )
    result = labels.copy()
    for row, of_image in opinions.items():
        result[row] = of_image.label
    return Given(result, classes, opinions)


def _named(name: str, classes: Sequence[str]) -> int | None:
    """The place of the class that is so written, with single spaces, or None."""
    return next((place for place, one in enumerate(classes) if name in (one, tidy(one))), None)


def _meant(answer: Answer, classes: Sequence[str]) -> str:
    """The class that is meant: the one so written, or the only one that capitals and spaces alone tell from it."""
    alike = [name for name in classes if tidy(name).casefold() == answer.label.casefold()]
    if answer.label in classes:
        return answer.label
    if len(alike) != 1:
        raise UserError(f"{answer.where}: no class {_shown(answer.label)}; {families.choices(answer.label, classes)}")
    return alike[0]


def _answered(answers: Sequence[Answer]) -> list[str]:
    """The classes of a data set that has none, which nobody has named but in the answers."""
    first: dict[str, Answer] = {}
    for answer in answers:
        if answer.label.casefold() in _NO_CLASS:
            raise UserError(f"{answer.where}: a class can't be named {answer.label}; leave the label empty")
        other = first.setdefault(answer.label.casefold(), answer)
        if other.label != answer.label:
            raise UserError(
                f"{answer.where}: {answer.label!r} and, in {other.where}, {other.label!r} differ in capitals alone; "
                "write one of them, or name both in split.classes"
            )
    return sorted(answer.label for answer in first.values())


def _shown(text: str) -> str:
    """A name, cut where it is long."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")

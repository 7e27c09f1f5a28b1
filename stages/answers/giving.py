"""From answers to the labels of a data set: whose image, which class, and whether all agree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.answers._answer import Answer, Images, tidy
from stages.base import families
from stages.base.errors import UserError

# folders of images without a label bear these names; "unknown" is how images without one are counted
_NO_CLASS = {"unknown", "unlabelled", "unlabeled"}


def give(
    answers: Sequence[Answer],
    names: Sequence[str],
    labels: np.ndarray,
    classes: Sequence[str],
) -> tuple[np.ndarray, list[str]]:
    """The labels int64 [N] of the images `names` with the answers put in, and the classes whose places they are.

    labels: int64 [N], those of the data set, -1 unknown. classes: those that are known; if there are none, all that
    were answered, in alphabetical order. A known class may be written in capitals or small letters. An answer that says
    what the label `was` takes the place of that one, wherever it stands.
    Raises UserError, with the place, for an image or class that is not there, for two answers that differ, and for
    one that differs from the data set, but for those that take another's place.
    """
    classes = list(classes or _answered(answers))
    result, images, given = labels.copy(), Images(names), dict[int, Answer]()
    replaced: dict[int, set[int]] = {}  # by row the labels that people looked at again
    for answer in sorted(answers, key=lambda one: bool(one.was)):
        row = images.find(answer.image)
        if row is None:
            raise UserError(
                f"{answer.where}: no training image {_shown(answer.image)}; write its path as stages.export gave it"
            )
        label = classes.index(_meant(answer, classes))
        before = int(result[row])
        # of two who looked at the same label again neither is the later
        if answer.was and _named(answer.was, classes) == before and before not in replaced.get(row, ()):
            result[row], given[row] = label, answer
            replaced.setdefault(row, set()).add(before)
            continue
        if row in given and result[row] != label:
            other = given[row]
            other_place = "another annotation of it" if other.where == answer.where else other.where
            raise UserError(
                f"{answer.where}: {answer.image} is {answer.label!r}, but {other.label!r} in {other_place}; keep one"
            )
        if labels[row] not in (-1, label) and row not in replaced:
            true = classes[labels[row]]
            raise UserError(
                f"{answer.where}: {answer.image} is {answer.label!r}, but {true!r} in the data set; mend either"
            )
        result[row], given[row] = label, answer
    return result, classes


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

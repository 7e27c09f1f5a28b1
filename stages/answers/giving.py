"""From answers to the labels of a data set: whose image, and which class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stages.answers._answer import Answer, Images, tidy
from stages.answers.naming import answered, counting
from stages.answers.opinions import Given, Opinion, Opinions, refused
from stages.base import families
from stages.base.errors import UserError


def give(
    answers: Sequence[Answer],
    names: Sequence[str],
    labels: np.ndarray,
    classes: Sequence[str],
) -> Given:
    """The labels of the images `names` with the answers put in.

    labels: int64 [N], those of the data set, -1 unknown. classes: those that are known; if there are none, those of
    the answers, in alphabetical order, as `naming` finds them. A known class may be written in capitals or small
    letters. Where several people answered, what most of them say counts. An answer that says what the label `was` takes
    the place of that one, wherever it stands.
    Raises UserError, with the place, for an image or class that is not there, for two answers of one person that
    differ, and for one that differs from the data set, but for those that take another's place.
    """
    named = list(classes or answered(answers))
    images, opinions = Images(names), dict[int, Opinions]()
    for answer in sorted(answers, key=lambda one: bool(one.was)):
        row = images.find(answer.image)
        if row is None:
            raise UserError(
                f"{answer.where}: no training image {_shown(answer.image)}; write its path as stages.export gave it"
            )
        label = _meant(answer, named)
        own = named[labels[row]] if labels[row] >= 0 else ""
        of_image = opinions.setdefault(row, Opinions(own))
        other = of_image.add(Opinion(answer, label), _named(answer.was, named) if answer.was else None)
        if other is not None:
            raise refused(answer, other.answer)
        if of_image.first and own not in ("", label):
            raise UserError(
                f"{answer.where}: {answer.image} is {answer.label!r}, but {own!r} in the data set; mend either"
            )
    if not classes:
        named = counting(opinions.values(), named)
    result, place = labels.copy(), {name: number for number, name in enumerate(named)}
    for row, of_image in opinions.items():
        result[row] = place[of_image.label] if of_image.label else -1
    return Given(result, named, opinions)


def _named(name: str, classes: Sequence[str]) -> str | None:
    """The class that is so written, with single spaces, or None."""
    return next((one for one in classes if name in (one, tidy(one))), None)


def _meant(answer: Answer, classes: Sequence[str]) -> str:
    """The class that is meant: the one so written, or the only one that capitals and spaces alone tell from it."""
    alike = [name for name in classes if tidy(name).casefold() == answer.label.casefold()]
    if answer.label in classes:
        return answer.label
    if len(alike) != 1:
        raise UserError(f"{answer.where}: no class {_shown(answer.label)}; {families.choices(answer.label, classes)}")
    return alike[0]


def _shown(text: str) -> str:
    """A name, cut where it is long."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")

"""The classes of a data set that has none, which nobody has named but in the answers.

No list tells what is misspelt, so that it is asked about.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from difflib import get_close_matches

from stages.answers._answer import Answer
from stages.answers.opinions import Opinions
from stages.base.errors import UserError

# folders of images without a label bear these names; "unknown" is how images without one are counted
_NO_CLASS = {"unknown", "unlabelled", "unlabeled"}
_CLOSE = 0.8  # difflib's ratio: one letter of five left out, added or in another place; of three none
# numbers, and letters that stand alone, tell classes apart on purpose: type 1 and type 2, plan A and plan B
_MARKS = re.compile(r"\d+|\b\w\b")


def answered(answers: Sequence[Answer]) -> list[str]:
    """All classes that are named, in alphabetical order. Raises UserError for what can be none, and for two that only
    capitals tell apart."""
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


def counting(opinions: Collection[Opinions], named: Sequence[str]) -> list[str]:
    """Of the classes named those that count for an image, or might once people agree; what was corrected or outvoted
    everywhere is none. Raises UserError for one that a single answer names and that is close to another."""
    counts, ties = Counter(one.label for one in opinions), set[str]()
    for one in opinions:
        ties |= set() if one.label else set(one.votes)
    kept = [name for name in named if counts[name] or name in ties]
    last = [vote for one in opinions for vote in one.rounds[-1].values()]
    votes = Counter(vote.label for vote in last)
    single = [name for name in kept if votes[name] == 1]
    doubted = [(name, close) for name in single if (close := _closest(name, kept, votes))]
    if doubted:
        name, close = doubted[0]
        answer = next(vote.answer for vote in last if vote.label == name)
        more = f" (and {len(doubted) - 1:,} more such classes)" if len(doubted) > 1 else ""
        raise UserError(
            f"{answer.where}: class {name!r} is named by this answer alone, and {close!r} by {votes[close]:,}{more}; "
            "correct it, or list the classes, both among them, in split.classes"
        )
    return kept


def _closest(name: str, kept: Sequence[str], votes: Counter[str]) -> str | None:
    """The class that may be meant: the closest, one that more answers name before others."""
    others = [one for one in kept if one != name and _marks(one) == _marks(name)]
    folded = {one.casefold(): one for one in sorted(others, key=lambda one: votes[one])}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=_CLOSE)
    return folded[near[0]] if near else None


def _marks(name: str) -> list[str]:
    return _MARKS.findall(name.casefold())

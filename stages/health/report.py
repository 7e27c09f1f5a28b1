"""All that is wrong with a data set, as lists of findings, the worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from stages.answers.opinions import Shared
from stages.geometry.copies import digests, first_of_each
from stages.health import repeats
from stages.health.agreement import Agreement, agreement
from stages.health.looks import Looks, look
from stages.health.repeats import Pairs
from stages.health.space import outliers, space
from stages.health.suspects import Suspects, guessed, suspects

# kind -> what is said of it
_BITS = "how many of 64 bits of their hashes differ"
KINDS = {
    "test image equal to a training image": "the two are equal in every pixel",
    "test image nearly equal to a training image": _BITS,
    "two labels": f"labels of equal or nearly equal pictures differ; {_BITS}",
    "suspect label": "the probability of its label, and what a model that has not seen it would say",
    "equal": "training images that are equal in every pixel",
    "nearly equal": f"training images; {_BITS}",
    "outlier": "the mean distance to its neighbours; 1 is the deviation of all features",
    "dark": "the brightness below which 99 % of its pixels are",
    "bright": "the brightness above which 95 % of its pixels are",
    "one colour": "the range of brightness in which 98 % of its pixels are",
    "blurred": "how sharp it is: the deviation of its Laplacian over that of its pixels",
}
REPEATED = tuple(KINDS)[:2]


@dataclass(frozen=True)
class Images:
    """`packed` uint8 [M, S, S, 3], of which int64 [N] `rows` are meant; their names [N], labels int64 [N], -1 unknown,
    and parts [N], such as "pool"."""

    packed: np.ndarray
    rows: np.ndarray
    names: Sequence[str]
    labels: np.ndarray
    parts: Sequence[str]


@dataclass(frozen=True)
class Finding:
    """`image`, and `other` or None: whether it is a training image, and its place there. `score`: as KINDS says;
    `guess`: the class that a model would give, and its probability."""

    kind: str
    image: tuple[bool, int]
    other: tuple[bool, int] | None
    score: float
    guess: tuple[int, float] | None = None


@dataclass(frozen=True)
class Report:
    """`findings` by kind, for every kind, the worst first; `notes`: what could not be told; `agreement`: of people, if
    several labelled an image."""

    train: Images
    test: Images
    classes: Sequence[str]
    findings: dict[str, list[Finding]]
    notes: list[str] = field(default_factory=list)
    agreement: Agreement | None = None

    def images(self, kind: str) -> int:
        """How many images the findings of a kind are about."""
        return len({one.image for one in self.findings[kind]})

    def repeated(self) -> np.ndarray:
        """bool [N_test]: which test images repeat a training image, or nearly."""
        found = np.zeros(len(self.test.names), bool)
        found[[one.image[1] for kind in REPEATED for one in self.findings[kind]]] = True
        return found

    def of(self, place: tuple[bool, int]) -> tuple[Images, int]:
        """Where an image lies."""
        training, row = place
        return (self.train if training else self.test), row

    def label(self, place: tuple[bool, int]) -> str:
        """The name of an image's class, "" where it is unknown."""
        images, row = self.of(place)
        return self.classes[images.labels[row]] if images.labels[row] >= 0 else ""

    def rows(self) -> list[dict[str, object]]:
        """A line for each finding, with the same keys."""
        found = []
        for one in (finding for kind in KINDS for finding in self.findings[kind]):
            line: dict[str, object] = {"finding": one.kind, "score": round(one.score, 4)}
            for name, place in (("image", one.image), ("other", one.other)):
                images, row = self.of(place) if place else (None, 0)
                line[name] = images.names[row] if images else ""
                line[f"{name}_part"] = images.parts[row] if images else ""
                line[f"{name}_label"] = self.label(place) if place else ""
            line["guess"] = self.classes[one.guess[0]] if one.guess else ""
            line["guess_probability"] = round(one.guess[1], 4) if one.guess else ""
            found.append(line)
        return found


def examine(
    train: Images,
    test: Images,
    features: np.ndarray | None,
    classes: list[str],
    seed: int,
    shared: Sequence[Shared] = (),
) -> Report:
    """All findings. features: float32 [N, d] of the training images, or None where there are none: what needs them is
    then not told, which a note says. shared: what several people labelled, whose `row` is one of `packed`, perhaps of
    no image in `train`."""
    keys = [digests(one.packed, one.rows) for one in (train, test)]
    first = first_of_each(keys[0])
    looks = [look(one.packed, one.rows) for one in (train, test)]
    notes = ["sizes of the files: not kept, as all images are brought to one; what was enlarged shows as blurred"]
    if features is None:
        notes.append("outliers and suspect labels: cannot tell without features")
    around = None if features is None else space(features)
    distinct = np.flatnonzero(first == np.arange(len(first)))
    near = repeats.within(looks[0], distinct, around)
    crossing, equal = _across(keys, looks, distinct)
    found: dict[str, list[Finding]] = {kind: [] for kind in KINDS}
    found[REPEATED[0]] = [Finding(REPEATED[0], (False, left), (True, right), 0.0) for left, right in equal]
    found[REPEATED[1]] = _findings(REPEATED[1], crossing, image=False)
    copies = np.flatnonzero(first != np.arange(len(first)))
    found["equal"] = [Finding("equal", (True, row), (True, int(first[row])), 0.0) for row in copies.tolist()]
    found["nearly equal"] = _findings("nearly equal", near, image=True)
    found["two labels"] = _two_labels(train, test, found)
    for training, one in ((True, looks[0]), (False, looks[1])):
        for kind, (rows, figure) in one.odd().items():
            found[kind] += [Finding(kind, (training, row), None, float(figure[row])) for row in rows.tolist()]
    if around is not None:
        far, score = outliers(around.neighbours)
        found["outlier"] = [Finding("outlier", (True, row), None, float(score[row])) for row in far.tolist()]
        doubted = suspects(around.points, train.labels, first, classes, seed)
        found["suspect label"], notes = _doubts(doubted), notes + list(doubted.notes)
    if not shared:
        return Report(train, test, classes, found, notes)
    guesses = None
    if around is not None:
        guesses = _those(shared, train, guessed(around.points, train.labels, first, len(classes), seed))
    return Report(train, test, classes, found, notes, agreement(shared, classes, guesses))


def _those(shared: Sequence[Shared], train: Images, guesses: np.ndarray) -> np.ndarray:
    """The guesses of these images, NaN of those that are not among the training images."""
    place = {row: number for number, row in enumerate(train.rows.tolist())}
    nothing = np.full(guesses.shape[1], np.nan, guesses.dtype)
    return np.array([guesses[place[one.row]] if one.row in place else nothing for one in shared])


def _across(keys: list[list[bytes]], looks: list[Looks], distinct: np.ndarray) -> tuple[Pairs, list[tuple[int, int]]]:
    """Of test images those nearly equal to a training image, and those equal to one, each with it."""
    place = {keys[0][row]: row for row in distinct.tolist()}
    equal = [(row, place[key]) for row, key in enumerate(keys[1]) if key in place]
    others = np.setdiff1d(np.arange(len(keys[1])), [row for row, _ in equal])
    return repeats.across(looks[1], others, looks[0], distinct), equal


def _findings(kind: str, pairs: Pairs, *, image: bool) -> list[Finding]:
    lines = zip(pairs.left.tolist(), pairs.right.tolist(), pairs.bits.tolist(), strict=True)
    found = [Finding(kind, (image, left), (True, right), float(bits)) for left, right, bits in lines]
    return sorted(found, key=lambda one: one.score)


def _two_labels(train: Images, test: Images, found: dict[str, list[Finding]]) -> list[Finding]:
    """The pairs whose labels are known and differ."""
    pairs = [one for kind in (*REPEATED, "equal", "nearly equal") for one in found[kind]]

    def label(place: tuple[bool, int] | None) -> int:
        return int((train if place[0] else test).labels[place[1]]) if place else -1

    differ = [one for one in pairs if label(one.image) >= 0 <= label(one.other) != label(one.image)]
    return [Finding("two labels", one.image, one.other, one.score) for one in sorted(differ, key=lambda one: one.score)]


def _doubts(doubted: Suspects) -> list[Finding]:
    lines = zip(*(one.tolist() for one in (doubted.rows, doubted.given, doubted.guess, doubted.share)), strict=True)
    return [Finding("suspect label", (True, row), None, given, (guess, share)) for row, given, guess, share in lines]

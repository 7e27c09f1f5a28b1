"""How far people agree where several of them labelled the same images, and which of these to look at again.

Of two people: the share of their common images on which they say the same, and Cohen's kappa (1960), which takes off
what chance would give. How good each is, and how sure each image's label, by a model that has not seen it and all
people together: CROWDLAB (Goh, Tkachenko and Mueller 2022), by cleanlab.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from stages.answers.opinions import Shared

LEAST = 10  # images with a model's guess, below which no quality is told


@dataclass(frozen=True)
class Person:
    """`images`, labelled by others too; `alike`: the share of these comparisons that agree; `kappa`: the mean of
    Cohen's with each other person, by how many images they share, None where all labels are one; `quality`: cleanlab's,
    in [0, 1], None where it cannot be told."""

    name: str
    images: int
    alike: float
    kappa: float | None
    quality: float | None


@dataclass(frozen=True)
class Dispute:
    """An image on which people still differ, with cleanlab's quality of its label, in [0, 1], and the class that the
    model would give, with its probability; None where it cannot be told."""

    image: Shared
    quality: float | None
    guess: tuple[int, float] | None


@dataclass(frozen=True)
class Agreement:
    """`images`: how many several people labelled at first; `alike`: on how many of them all said the same; `kappa`: as
    of a person, over all pairs; `people`, the one who agrees least first; `disputes`, the least sure first."""

    images: int
    alike: int
    kappa: float | None
    people: Sequence[Person]
    disputes: Sequence[Dispute]


def agreement(shared: Sequence[Shared], classes: Sequence[str], guesses: np.ndarray | None = None) -> Agreement:
    """classes: [C]; people may have named others. guesses: float [n, C], of each image the probabilities of a model
    that has not seen its label, 0 for classes that the model does not know, NaN of images without a guess; or None."""
    several = [one.first if len(one.first) > 1 else {} for one in shared]
    names = sorted({name for one in several for name in one})
    all_classes = list(dict.fromkeys([*classes, *(label for one in several for label in one.values())]))
    place = {label: number for number, label in enumerate(all_classes)} | {"": -1}
    rows = [[place[one.get(name, "")] for name in names] for one in several]
    votes = np.array(rows, np.int64).reshape(len(shared), len(names))
    among = list(combinations(range(len(names)), 2))
    pairs = {both: pair for both in among if (pair := _pair(votes[:, both]))[0]}
    sure, good = _qualities(votes, names, guesses)
    people = []
    for number, name in enumerate(names):
        own = [pair for both, pair in pairs.items() if number in both]
        alike = sum(pair[1] for pair in own) / sum(pair[0] for pair in own)
        people.append(Person(name, int((votes[:, number] >= 0).sum()), alike, _kappa(own), good.get(name)))
    disputes = [
        Dispute(one, sure.get(row), None if guesses is None else _likeliest(guesses[row]))
        for row, one in enumerate(shared)
        if one.was
    ]
    return Agreement(
        sum(map(bool, several)),
        sum(len(set(one.values())) == 1 for one in several),
        _kappa(list(pairs.values())),
        sorted(people, key=lambda one: one.alike),
        sorted(disputes, key=lambda one: _lead(one.image) if one.quality is None else one.quality),
    )


def _pair(votes: np.ndarray) -> tuple[int, int, float]:
    """Of two people's votes int64 [n, 2] the number of common images, that of equal labels, and Cohen's kappa, NaN
    where all labels are one."""
    from sklearn.metrics import cohen_kappa_score

    own = votes[(votes >= 0).all(axis=1)]
    alike = int((own[:, 0] == own[:, 1]).sum())
    told = len(np.unique(own)) > 1
    return len(own), alike, float(cohen_kappa_score(own[:, 0], own[:, 1])) if told else float("nan")


def _kappa(pairs: Sequence[tuple[int, int, float]]) -> float | None:
    """The mean of the pairs', by their images; None where no pair has one."""
    told = [(images, kappa) for images, _, kappa in pairs if not np.isnan(kappa)]
    return float(np.average([kappa for _, kappa in told], weights=[images for images, _ in told])) if told else None


def _likeliest(shares: np.ndarray) -> tuple[int, float] | None:
    return None if np.isnan(shares).any() else (int(shares.argmax()), float(shares.max()))


def _lead(one: Shared) -> float:
    """The share of the last who gave the label that counts, 0 where none does."""
    return sum(label == one.label for label in one.last.values()) / len(one.last)


def _qualities(
    votes: np.ndarray, names: Sequence[str], guesses: np.ndarray | None
) -> tuple[dict[int, float], dict[str, float]]:
    """cleanlab's, by image and by person: of images of which the model knows all labels that were given."""
    if guesses is None:
        return {}, {}
    voted = votes >= 0
    inside = voted & (votes < guesses.shape[1])
    known = inside & (np.take_along_axis(np.nan_to_num(guesses), np.where(inside, votes, 0), axis=1) > 0)
    rows = np.flatnonzero(voted.any(axis=1) & (known | ~voted).all(axis=1))
    there = np.flatnonzero(voted[rows].any(axis=0))
    some = np.where(voted, votes, np.nan)[rows][:, there]
    alike = np.array([len(np.unique(one[~np.isnan(one)])) == 1 for one in some])
    if len(rows) < LEAST or not alike.any():
        return {}, {}
    import pandas as pd
    from cleanlab.multiannotator import get_label_quality_multiannotator

    shares = np.maximum(guesses[rows], 1e-6)  # it takes logarithms
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of ties, which its quality counts
        found = get_label_quality_multiannotator(
            pd.DataFrame(some, columns=[names[number] for number in there.tolist()]),
            shares / shares.sum(axis=1, keepdims=True),
            consensus_method="majority_vote",
            return_detailed_quality=False,
            verbose=False,
        )
    sure = found["label_quality"]["consensus_quality_score"].tolist()
    good = found["annotator_stats"]["annotator_quality"].to_dict()
    return dict(zip(rows.tolist(), sure, strict=True)), {str(name): float(one) for name, one in good.items()}

"""The tasks for people, one an image, and in which groups they come."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from stages.handout.pictures import Picture

# the columns of chosen.csv that say which image, not why
_WHICH = ("seed", "rank", "image", "cluster")


@dataclass(frozen=True)
class Task:
    """One image handed to people. `image`: its path; `rank`: from 1; `cluster`: the strategy's, None if it has none;
    `reasons`: name and value, as the selection or the acquisition says them (margin: p1 - p2, small: unsure); `guess`:
    a model's class and its softmax share."""

    image: str
    rank: int
    cluster: int | None
    reasons: Mapping[str, str]
    guess: tuple[str, float] | None = None


@dataclass(frozen=True)
class Origin:
    """Where the images come from: the data set, the strategy that chose them and its seed; the classes, none if they
    are not known yet; the model that guessed, if one did, and the acquisition by which it chose in place of the
    strategy, if it did."""

    data: str
    strategy: str
    seed: int
    classes: Sequence[str]
    model: str | None = None
    acquisition: str | None = None

    @property
    def chooser(self) -> str:
        by = f"{self.model} ({self.acquisition})" if self.acquisition else self.strategy
        return f"{by}, seed {self.seed}"


@dataclass(frozen=True)
class Handout:
    """`tasks` in the order in which they are shown, the picture of each, and a line on the pictures, if any is due;
    `mixed`: whether some are there to judge models, and all lie in an order drawn at random."""

    origin: Origin
    tasks: Sequence[Task]
    pictures: Sequence[Picture]
    note: str | None = None
    mixed: bool = False

    def groups(self) -> list[tuple[int | None, list[int]]]:
        """Each cluster with the places of its images."""
        groups: dict[int | None, list[int]] = {}
        for place, one in enumerate(self.tasks):
            groups.setdefault(one.cluster, []).append(place)
        return list(groups.items())


def arrange(
    rows: Sequence[Mapping[str, str]], clusters: Mapping[str, int], answered: Collection[str], most: int
) -> list[Task]:
    """The first `most` images of a ranking that have no answer, grouped by cluster, nearest to its centre first.

    rows: lines of chosen.csv, ordered by rank: image and rank, and as reasons whatever other columns there are.
    clusters: of each image, below 0 for none. answered: the images that people have labelled or skipped. The clusters
    come in the order of their best ranks, what has none last; without a reason `distance` ranks order a cluster too.
    """
    chosen = [
        Task(
            row["image"],
            int(row["rank"]),
            clusters[row["image"]] if clusters[row["image"]] >= 0 else None,
            {name: value for name, value in row.items() if name not in _WHICH and value},
        )
        for row in rows
        if row["image"] not in answered
    ][:most]
    best: dict[int | None, int] = {}
    for one in chosen:
        best.setdefault(one.cluster, one.rank)

    def place(one: Task) -> tuple[bool, int, float, int]:
        distance = number(one.reasons.get("distance", "0")) if one.cluster is not None else 0.0
        near = distance if isinstance(distance, float) else 0.0
        return one.cluster is None, best[one.cluster], near, one.rank

    return sorted(chosen, key=place)


def number(text: str) -> float | str:
    """A reason as a number, where it is a finite one."""
    try:
        return value if math.isfinite(value := float(text)) else text
    except ValueError:
        return text

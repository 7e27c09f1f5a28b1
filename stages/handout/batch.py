"""Which images people are asked about next, and the handout of them: arrays and settings in, a Handout out.

Nothing here reads or writes a file: the originals come from a function that the caller hands over.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from stages.answers import Answer, Images
from stages.base import draws
from stages.geometry.copies import repeats
from stages.handout.pictures import Reader, pictured
from stages.handout.task import Handout, Origin, Task, arrange
from stages.handout.trained import Trained


@dataclass(frozen=True)
class Pool:
    """N images to choose from: `names` [N]; `packed` uint8 [M, S, S, 3], of which int64 [N] `indices` are the pool;
    `labels` int64 [N], -1 where the data set has none; `first` int64 [N], of each image the first equal picture."""

    names: Sequence[str]
    packed: np.ndarray
    indices: np.ndarray
    labels: np.ndarray
    first: np.ndarray

    def places(self, names: Collection[str]) -> np.ndarray:
        """Where in the pool the images of these names are, int64 [n]."""
        place_of = {name: place for place, name in enumerate(self.names)}
        return np.array([place_of[name] for name in names], dtype=np.int64)


@dataclass(frozen=True)
class Choice:
    """What a strategy chose of a pool of N images by one seed: `rows`, its lines of chosen.csv, the best rank first;
    of each image the cluster and, of all, the ranking, int64 [N]."""

    rows: Sequence[dict[str, str]]
    clusters: np.ndarray
    ranking: np.ndarray


@dataclass(frozen=True)
class Answered:
    """Images of a pool by name: `labelled`, which need no label any more, and `skipped`, which people left without."""

    labelled: frozenset[str]
    skipped: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        return self.labelled | self.skipped


def answered(answers: Sequence[Answer], pool: Pool) -> Answered:
    """What people have dealt with, by their answers; those without a label skip the image. Where the data set has
    labels for some of the images, these are labelled too; where it has one for each, none counts: it is a rehearsal."""
    images = Images(pool.names)
    labelled, skipped = set[str](), set[str]()
    for answer in answers:
        if (row := images.find(answer.image)) is not None:
            (labelled if answer.label else skipped).add(pool.names[row])
    if (pool.labels < 0).any():
        labelled |= {pool.names[row] for row in np.flatnonzero(pool.labels >= 0).tolist()}
    return Answered(frozenset(labelled), frozenset(skipped - labelled))


def unanswered(pool: Pool, choice: Choice, done: Answered) -> np.ndarray:
    """The images that people may be asked about, int64 [n], in the order of the ranking."""
    return choice.ranking[~np.isin(choice.ranking, pool.places(done.all))]


def unjudged(audit: Pool, done: Answered) -> np.ndarray:
    """The images set aside to judge models that have no answer, int64 [n]."""
    return np.setdiff1d(np.arange(len(audit.names)), audit.places(done.all))


def hand_out(
    origin: Origin,
    pool: Pool,
    choice: Choice,
    done: Answered,
    count: int,
    trained: Trained | None = None,
    read: Reader | None = None,
    audit: tuple[Pool, np.ndarray] | None = None,
) -> Handout:
    """The next `count` tasks, from 1 to as many as `unanswered` gives, with their pictures; and the images of an audit,
    int64 [n], by which models are to be judged: all in an order drawn at random then, with nothing beside them that
    says which are which.

    The choice, which was made beside what was labelled then, decides which; or `trained` does, if it asks. Its guesses
    go with the tasks in any case. read: gives the originals, as `pictured` wants it. Raises UserError for a model whose
    figures are not finite.
    """
    clusters = dict(zip(pool.names, choice.clusters.tolist(), strict=True))
    embedding = None
    if trained is not None and trained.asks:
        embedding = trained.embed(pool.packed, pool.indices)
        rows = _query(trained, embedding, pool, choice, done, count, origin.seed)
    else:
        rows = _copies_last([*choice.rows, *_further(pool, choice)], pool, done)
    tasks = arrange(rows, clusters, done.all, count)
    places = pool.places([task.image for task in tasks])
    rows_of = pool.indices[places]
    mixed = audit is not None and len(audit[1]) > 0
    if audit is not None and mixed:
        tasks, rows_of = _mixed(tasks, rows_of, *audit, origin.seed)
        embedding = None
    packed = pool.packed[rows_of]
    if trained is not None:
        own = trained.embed(packed, np.arange(len(packed))) if embedding is None else embedding[places.tolist()]
        tasks = trained.guess(tasks, own, origin.classes)
    shown = {task.image: pixels for task, pixels in zip(tasks, packed, strict=True)}
    pictures, note = pictured(shown, read, origin.data)
    return Handout(origin, tasks, pictures, note, mixed)


def _mixed(
    tasks: Sequence[Task], rows: np.ndarray, audit: Pool, judging: np.ndarray, seed: int
) -> tuple[list[Task], np.ndarray]:
    """The tasks with those of the audit, and the rows of their packed images, int64 [n]: all in one order drawn at
    random, numbered by it, without clusters and reasons, which those of the audit have not."""
    names = [*(task.image for task in tasks), *(audit.names[place] for place in judging.tolist())]
    order = draws.rng(seed, "handout.audit").permutation(len(names))
    mixed = [Task(names[place], rank, None, {}) for rank, place in enumerate(order.tolist(), 1)]
    return mixed, np.concatenate([rows, audit.indices[judging]])[order]


def _further(pool: Pool, choice: Choice) -> list[dict[str, str]]:
    """Lines as of chosen.csv, of what comes after the choice: in place of what people skipped."""
    first = len(choice.rows)
    return [{"image": pool.names[row], "rank": str(rank)} for rank, row in enumerate(choice.ranking[first:], first + 1)]


def _copies_last(rows: list[dict[str, str]], pool: Pool, done: Answered) -> list[dict[str, str]]:
    """The rows without an answer, in their order but for copies of one before, or of what has an answer."""
    rows = [row for row in rows if row["image"] not in done.all]
    again = repeats(pool.places([row["image"] for row in rows]), pool.first, pool.places(done.all)).tolist()
    tagged = list(zip(rows, again, strict=True))
    return [row for row, copy in tagged if not copy] + [row for row, copy in tagged if copy]


def _query(
    trained: Trained, embedding: Tensor, pool: Pool, choice: Choice, done: Answered, count: int, seed: int
) -> list[dict[str, str]]:
    """Lines as of chosen.csv, of the images that the model asks about, with its score under its acquisition's name."""
    labelled = np.sort(pool.places(done.labelled))
    seen, ranked = np.sort(pool.places(done.all)), unanswered(pool, choice, done)
    images, scores = trained.query(embedding, ranked, labelled, count, seed, seen=seen, first=pool.first)
    rows = [{"image": pool.names[row], "rank": str(rank)} for rank, row in enumerate(images.tolist(), 1)]
    if scores is None:
        return rows
    return [row | {str(trained.asks): f"{score:.6g}"} for row, score in zip(rows, scores, strict=True)]

"""Active rounds: train, let the model query more labels, train again, until the budget is spent."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from stages.acquisition import Candidates, Query
from stages.base import readable
from stages.base.files import whole_file
from stages.measures.balance import balance
from stages.regimes import Classifier
from stages.supervision.exposure import Told
from stages.training.loop import Row
from stages.training.measure import Embedded

# trains the model of a round, from 1, with these labels and this checkpoint file; from the weights of another, if given
Learn = Callable[[int, Told, Path, Path | None], tuple[Classifier, list[Row]]]


@dataclass(frozen=True)
class Plan:
    """ranking: int64 [n], the images that may be queried, in order; totals: how many of them have been queried
    by the beginning of each round; restart: whether each round begins anew; else the weights go on."""

    ranking: np.ndarray
    totals: Sequence[int]
    restart: bool
    seed: int


def alternate(
    plan: Plan,
    learn: Learn,
    tell: Callable[[np.ndarray], Told],
    query: Callable[[Candidates, np.ndarray], Query],
    pool: Embedded,
    scratch: Path,
) -> tuple[Classifier, list[Row], list[Row]]:
    """The model of the last round, the history of all rounds, and a row for each image queried, in order: `round`, the
    first that could use its label, `rank` from 1, `image` (its index), `score` (the acquisition's, or None).

    tell gives the labels of the images queried so far; one that has none uses up its place all the same. query is
    handed the candidates, and the images queried so far. The
    history's epochs run on; it also has the `round`, and the `label_balance` of the labels told (balance.balance).
    What a round leaves behind lies in `scratch`, whole or not at all: a killed run goes on from the last finished epoch
    or query, with the same result.
    """

    def train(number: int) -> tuple[Told, Classifier, list[Row]]:
        told = tell(_images(queries))
        before = _file(scratch, plan, number - 1, "safetensors") if number > 1 and not plan.restart else None
        classifier, rows = learn(number, told, _file(scratch, plan, number, "safetensors"), before)
        spread = balance(told.counts(0))
        first = [{"epoch": row["epoch"] + len(history), "round": number, "label_balance": spread} for row in rows]
        return told, classifier, [one | row | one for one, row in zip(first, rows, strict=True)]

    history: list[Row] = []
    queries = _rows(1, plan.ranking[: plan.totals[0]].tolist(), None, 0)
    for number, total in enumerate(plan.totals[1:], 1):
        record = _file(scratch, plan, number, "json")
        if not record.exists():
            told, classifier, rows = train(number)
            queried = _images(queries)
            candidates = _candidates(plan, number, total - len(queried), queried, told, classifier, pool)
            chosen = query(candidates, queried)
            scores = None if chosen.scores is None else chosen.scores.tolist()
            content = {"history": rows, "images": chosen.indices.tolist(), "scores": scores}
            with whole_file(record) as path:
                path.write_text(json.dumps(content), encoding="utf-8")
            _file(scratch, plan, number - 1, "safetensors").unlink(missing_ok=True)
        # from the file in any case: a run that goes on has nothing else
        with readable.refused(partial(_broken, record), TypeError):
            done = json.loads(record.read_text(encoding="utf-8"))
            history += done["history"]
            queries += _rows(number + 1, done["images"], done["scores"], len(queries))
    _, classifier, rows = train(len(plan.totals))
    return classifier, history + rows, queries


def _candidates(
    plan: Plan, number: int, count: int, queried: np.ndarray, told: Told, classifier: Classifier, pool: Embedded
) -> Candidates:
    return Candidates.among(
        pool.by(classifier),
        classifier.kept()[1],
        labelled=told.world.told(0),
        ranked=plan.ranking[~np.isin(plan.ranking, queried)],
        count=count,
        seed=plan.seed,
        round=number,
    )


def _rows(number: int, images: list[int], scores: list[float] | None, before: int) -> list[Row]:
    return [
        {"round": number, "rank": before + place + 1, "image": image, "score": scores[place] if scores else None}
        for place, image in enumerate(images)
    ]


def _images(queries: list[Row]) -> np.ndarray:
    return np.array([row["image"] for row in queries], dtype=np.int64)


def _broken(record: Path, reason: str) -> str:
    return f"{record}: a broken record of a round ({reason}); remove it to train that round anew"


def _file(scratch: Path, plan: Plan, number: int, suffix: str) -> Path:
    return scratch / f"seed-{plan.seed}-round-{number}.{suffix}"

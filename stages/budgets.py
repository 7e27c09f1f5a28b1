"""Accuracy against labels told: the points of a model's curve, from its history or from several revisions.

A point of a curve is the end of a training: the last epoch of a round that added labels, or the last of a run with a
budget of its own. The epochs of a schedule are none: along these, accuracy rises by training as much as by labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from stages.forecast import Points

if TYPE_CHECKING:
    import pandas


def by_round(histories: Mapping[tuple[str, int], pandas.DataFrame]) -> dict[str, Points]:
    """(model, seed) -> history, as points of validation accuracy after each round, for the models with a column `round`
    and a measurement: of each round with labels its last epoch counts, over seeds. Labels are a mean over seeds."""
    found: dict[str, list[pandas.DataFrame]] = {}
    for (model, _), history in histories.items():
        if "round" in history and "validation_accuracy" in history:
            last = history.groupby("round").tail(1).dropna(subset=["validation_accuracy"])
            found.setdefault(model, []).append(last[last["labels_revealed"] > 0])
    points = {}
    for model, seeds in found.items():
        rounds = sorted({number for one in seeds for number in one["round"]})
        each = [[one.loc[one["round"] == number] for one in seeds] for number in rounds]
        points[model] = _points(
            (float(np.mean([part["labels_revealed"].iloc[0] for part in parts if len(part)])), *_over(parts))
            for parts in each
        )
    return {model: one for model, one in points.items() if len(one.labels)}


def by_revision(metrics: Iterable[Mapping[str, Mapping[str, float]]], figure: str) -> dict[str, Points]:
    """{model: {figure: value}} of each revision, as points of a figure against `labels_used`: for each model, the
    revisions that have both. The spread over seeds is <figure>_std, over <figure>_n seeds, where they stand there."""
    found: dict[str, list[tuple[float, float, float, int]]] = {}
    for models in metrics:
        for model, one in models.items():
            if one.get("labels_used", 0) > 0 and figure in one:
                spread, seeds = one.get(f"{figure}_std", math.nan), int(one.get(f"{figure}_n", 1))
                found.setdefault(model, []).append((one["labels_used"], one[figure], spread, seeds))
    return {model: _points(rows) for model, rows in found.items()}


def _over(parts: Sequence[pandas.DataFrame]) -> tuple[float, float, int]:
    """Mean and standard deviation of the validation accuracy over seeds, each a table of one row or none; how many."""
    values = np.array([part["validation_accuracy"].iloc[0] for part in parts if len(part)], dtype=float)
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else math.nan, len(values)


def _points(rows: Iterable[tuple[float, float, float, int]]) -> Points:
    """From (labels, accuracy, spread, seeds), in any order."""
    table = np.array(sorted(rows), dtype=float).reshape(-1, 4)
    return Points(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))

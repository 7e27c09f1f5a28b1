"""Accuracy against labels told: the points of a model's curve, from its history or from several revisions.

A point of a curve is the end of a training: the last epoch of a round that added labels, or the last of a run with a
budget of its own. The epochs of a schedule are none: along these, accuracy rises by training as much as by labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from stages.advice.forecast import Points

if TYPE_CHECKING:
    import pandas


def ends_of_rounds(curves: pandas.DataFrame) -> pandas.DataFrame:
    """Of each round its last epoch alone; what is in no round stays. curves: as tables.curves gives them."""
    last = curves.groupby(["model", "seed", "round"])["epoch"].transform("max")
    return curves[curves["round"].isna() | (curves["epoch"] == last)]


def by_round(curves: pandas.DataFrame) -> dict[str, Points]:
    """Points of validation accuracy after each round that has labels, over seeds, for the models in rounds. Labels are
    a mean over seeds. curves: as tables.curves gives them."""
    ends = ends_of_rounds(curves[curves["labels_told"] > 0]).dropna(subset=["round"])
    points = {}
    for model, rows in ends.groupby("model", sort=False):
        rounds = rows.groupby("round")
        over = rounds["accuracy"].agg(["mean", "std", "count"]).assign(labels_told=rounds["labels_told"].mean())
        found = _points(over[["labels_told", "mean", "std", "count"]].itertuples(index=False))
        each = rows.pivot_table(index="seed", columns="round", values="accuracy").dropna().mean(axis=1)
        points[str(model)] = replace(found, offset=float(each.std()))
    return points


def by_revision(metrics: Iterable[Mapping[str, Mapping[str, float]]], figure: str) -> dict[str, Points]:
    """{model: {figure: value}} of each revision, as points of a figure against `labels_told`: for each model, the
    revisions that have both. The spread over seeds is <figure>_std, over <figure>_n seeds, where they stand there; an
    audit's is that of its labels."""
    found: dict[str, list[tuple[float, float, float, int]]] = {}
    for models in metrics:
        for model, one in models.items():
            # results outlive the code: as it was called up to ecf29f6
            told = one.get("labels_told", one.get("labels_used", 0))
            if told > 0 and figure in one:
                spread, seeds = one.get(f"{figure}_std", math.nan), int(one.get(f"{figure}_n", 1))
                if figure.startswith("audit_accuracy"):
                    spread, seeds = _of_audit(one, figure)
                found.setdefault(model, []).append((told, one[figure], spread, seeds))
    return {model: _points(rows) for model, rows in found.items()}


def _of_audit(one: Mapping[str, float], figure: str) -> tuple[float, int]:
    """As a spread over so many seeds, how far an audit's accuracy is off: all seeds are judged by the same few labels,
    whose error is the larger one, and does not average out over seeds. By the ends of its interval."""
    width = one.get(f"{figure}_high", math.nan) - one.get(f"{figure}_low", math.nan)
    labels = int(one.get("audit_labels", 1))
    return width / (2 * NormalDist().inv_cdf(0.975)) * math.sqrt(labels), labels


def _points(rows: Iterable[tuple[float, ...]]) -> Points:
    """From (labels told, accuracy, spread, seeds), in any order."""
    table = np.array(sorted(rows), dtype=float).reshape(-1, 4)
    return Points(table[:, 0], table[:, 1], table[:, 2], table[:, 3].astype(np.int64))

"""One figure of all models beside that of one of them, in pairs over seeds: with the same seed, models share the split,
the ranking, the order of classes and the first weights, and a difference tells more than two means do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stages.base import families
from stages.base.errors import UserError
from stages.reporting.tables import DASH, Figures, is_share

Scores = Mapping[str, Sequence[Figures]]


def differences(scores: Scores, base: str, figure: str, confidence: float = 0.95) -> list[dict[str, object]]:
    """A row for each model but `base`: model, n, difference, low, high.

    scores: model -> one mapping from figure to value for each seed, in the order of the seeds. difference: the mean
    over n seeds of the model's figure minus the base's; low and high: Student's interval for it, None for n < 2. Seeds
    in which either was not measured are left out. Raises UserError for a base or a figure that is not there.
    """
    if base not in scores:
        raise UserError(f"pairs {base}: no model of params.yaml; {families.choices(base, scores)}")
    figures = sorted({name for seeds in scores.values() for one in seeds for name in one})
    if figure not in figures:
        raise UserError(f"--metric {figure}: no model has it; {families.choices(figure, figures)}")
    rows: list[dict[str, object]] = []
    for model, seeds in scores.items():
        pairs = [(one.get(figure), other.get(figure)) for one, other in zip(seeds, scores[base], strict=True)]
        found = [float(one) - float(other) for one, other in pairs if one is not None and other is not None]
        if model != base and found:
            rows.append({"model": model, "n": len(found), **_interval(found, confidence)})
    return rows


def _interval(values: Sequence[float], confidence: float) -> dict[str, float | None]:
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return {"difference": mean, "low": None, "high": None}
    from scipy.stats import t

    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    reach = float(t.ppf((1 + confidence) / 2, len(values) - 1)) * math.sqrt(variance / len(values))
    return {"difference": mean, "low": mean - reach, "high": mean + reach}


def written(rows: Sequence[Mapping[str, Any]], base: str, figure: str) -> list[list[str]]:
    """The table for people, its head first: accuracies in points, differences with their sign."""
    share = is_share(figure)

    def number(value: float | None) -> str:
        if value is None:
            return DASH
        return f"{100 * value:+.2f}" if share else f"{value:+.4f}"

    title = f"{figure} - {base}" + (" (points)" if share else "")
    lines = [["model", title, "95 % interval", "seeds"]]
    for row in rows:
        interval = DASH if row["low"] is None else f"{number(row['low'])} to {number(row['high'])}"
        lines.append([row["model"], number(row["difference"]), interval, str(row["n"])])
    return lines

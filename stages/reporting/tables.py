"""Tables that compare: from the scores and histories of models to means and spreads over seeds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from stages.advice.forecast import Forecast

DASH = "–"
# what Markdown would read as code, emphasis, mathematics, a link or a tag; _ is plain within a word
_ACTIVE = re.compile(r"[\\`*$<|\[]|(?<!\w)_|_(?!\w)")
Figures = Mapping[str, Any]  # by name, of one seed: numbers, None for what was not measured, texts, lists
# figures whose spread over seeds goes into metrics.json, for curves across revisions; of all figures it would double it
SPREAD = ("accuracy", "validation_accuracy_last")
# what people read as percent, besides accuracies
SHARES = (
    *("best_validation", "last_validation", "forgetting", "known_kept"),
    *("knn_euclidean", "knn_cosine", "linear_probe", "one_nn", "coverage", "smallest_share"),
)


@dataclass(frozen=True)
class Column:
    """One column of a table for people: a figure, its title, and to how many digits its values are written."""

    figure: str
    title: str
    digits: int = 2


@dataclass(frozen=True)
class Results:
    """What is compared. scores, strategies, extractors: name -> one mapping from figure to value for each seed;
    per_class: model -> for each seed, class -> figures; curves: as tables.curves gives them; confusions: counts
    [C, C]; embeddings: (float32 [n, d], labels int64 [n]) of the first seed; read_off: strategy -> the curve that the
    strategy read a parameter of its own off, as figures.read_off draws it; counts: part of the split -> class (or
    "unknown") -> images; rounds: model -> how many rounds and by which acquisition, of those in rounds; forecasts: of
    the models that were told more labels in rounds."""

    data: str
    seeds: list[int]
    classes: list[str]
    scores: Mapping[str, Sequence[Figures]]
    per_class: Mapping[str, Sequence[Mapping[str, Figures]]]
    curves: pandas.DataFrame
    confusions: Mapping[str, np.ndarray]
    embeddings: Mapping[str, tuple[np.ndarray, np.ndarray]]
    strategies: Mapping[str, Sequence[Figures]]
    extractors: Mapping[str, Sequence[Figures]]
    read_off: Mapping[str, Figures]
    counts: Mapping[str, Mapping[str, int]]
    rounds: Mapping[str, tuple[int, str]]
    forecasts: Mapping[str, Forecast]
    notes: list[str]


def summary(scores: Mapping[str, Sequence[Figures]]) -> pandas.DataFrame:
    """Mean and spread of every figure: columns name, figure, mean, std, n; one row for each name and figure.

    scores: name -> one mapping from figure to value for each seed. None and NaN were not measured: n counts the
    seeds that have a number. std is that of a sample (n - 1), NaN for n < 2. What is no figure (text, lists) is left
    out.
    """
    import pandas as pd

    rows = []
    for name, seeds in scores.items():
        for figure in dict.fromkeys(figure for one in seeds for figure in one):
            values = [one[figure] for one in seeds if figure in one]
            if not all(value is None or isinstance(value, int | float) for value in values):
                continue  # text, a list: no figure
            numbers = [float(value) for value in values if _number(value)]
            mean = math.fsum(numbers) / len(numbers) if numbers else math.nan
            variance = math.fsum((value - mean) ** 2 for value in numbers) / max(len(numbers) - 1, 1)
            spread = math.sqrt(variance) if len(numbers) > 1 else math.nan
            rows.append((name, figure, mean, spread, len(numbers)))
    return pd.DataFrame(rows, columns=["name", "figure", "mean", "std", "n"])


def nested(table: pandas.DataFrame) -> dict[str, dict[str, float]]:
    """{name: {figure: mean}}, to 6 digits, without what was not measured: what `dvc metrics` reads. With several seeds,
    <figure>_std and <figure>_n follow the figures of SPREAD."""
    found: dict[str, dict[str, float]] = {name: {} for name in table["name"]}
    for row in table.dropna(subset=["mean"]).to_dict("records"):
        one, figure = found[row["name"]], row["figure"]
        one[figure] = round(row["mean"], 6)
        if figure in SPREAD and row["n"] > 1:
            one |= {f"{figure}_std": round(row["std"], 6), f"{figure}_n": row["n"]}
    return found


def is_accuracy(figure: str) -> bool:
    """Whether a figure is an accuracy, or its spread, or macro-F1."""
    return ("accuracy" in figure or figure.startswith("macro_f1")) and not figure.endswith("_n")


def is_share(figure: str) -> bool:
    """Whether people read a figure as percent."""
    return is_accuracy(figure) or figure in SHARES


def wide(table: pandas.DataFrame, head: str) -> pandas.DataFrame:
    """One row for each name, in the column `head`; for every figure its mean under its own name, then <figure>_std and
    <figure>_n."""
    import pandas as pd

    figures = list(dict.fromkeys(table["figure"]))
    cells = {(row["name"], row["figure"]): row for row in table.to_dict("records")}
    rows = []
    for name in dict.fromkeys(table["name"]):
        line: dict[str, object] = {head: name}
        for figure in figures:
            cell = cells.get((name, figure), {"mean": math.nan, "std": math.nan, "n": 0})
            line |= {figure: cell["mean"], f"{figure}_std": cell["std"], f"{figure}_n": cell["n"]}
        rows.append(line)
    return pd.DataFrame(rows).round(6)


def curves(histories: Mapping[tuple[str, int], pandas.DataFrame]) -> pandas.DataFrame:
    """(model, seed) -> history, as one long table: model, seed, epoch, round (NaN without rounds), labels_told,
    accuracy; measured epochs only."""
    import pandas as pd

    parts = [
        pd.DataFrame(
            {
                "model": model,
                "seed": seed,
                "epoch": history["epoch"],
                "round": pd.to_numeric(history.get("round", math.nan)),
                "labels_told": history["labels_told"],
                "accuracy": pd.to_numeric(history.get("validation_accuracy", math.nan)),
            }
        )
        for (model, seed), history in histories.items()
    ]
    long = pd.concat(parts, ignore_index=True)
    return long.dropna(subset=["accuracy"]).reset_index(drop=True)


def per_class(per_class: Mapping[str, Sequence[Figures]], classes: Sequence[str]) -> pandas.DataFrame:
    """Mean test accuracy over seeds, models x classes; NaN where it was not measured.

    per_class: model -> for each seed, class -> {"test_accuracy": share or None, ...}.
    """
    import pandas as pd

    table = pd.DataFrame(math.nan, index=list(per_class), columns=list(classes))
    for model, seeds in per_class.items():
        for name in classes:
            values = [seed.get(name, {}).get("test_accuracy") for seed in seeds]
            numbers = [value for value in values if _number(value)]
            if numbers:
                table.loc[model, name] = math.fsum(numbers) / len(numbers)
    return table


def rows(table: pandas.DataFrame, columns: Iterable[Column], head: str) -> list[list[str]]:
    """A table for people, its head first: one line for each name, "mean ± spread" in each cell, a dash for no value.

    A column that nobody has is left out.
    """
    cells = {(row["name"], row["figure"]): row for row in table.to_dict("records")}
    measured = set(table.dropna(subset=["mean"])["figure"])
    columns = [column for column in columns if column.figure in measured]
    lines = [[head, *(column.title for column in columns)]]
    for name in dict.fromkeys(table["name"]):
        found = [cells.get((name, column.figure)) for column in columns]
        written = [
            DASH if cell is None else value(cell["mean"], cell["std"], column)
            for cell, column in zip(found, columns, strict=True)
        ]
        lines.append([str(name), *written])
    return lines


def value(mean: float, spread: float, column: Column) -> str:
    """A value as people read it, such as 59.18 ± 0.31; a dash for NaN, no spread for a spread of NaN."""
    if math.isnan(mean):
        return DASH
    scale = 100 if is_share(column.figure) else 1
    if column.digits == 0:
        whole = math.isnan(spread) or spread == 0
        return f"{mean * scale:,.0f}" if whole else f"{mean * scale:,.0f} ± {spread * scale:,.0f}"
    text = f"{mean * scale:.{column.digits}f}"
    return text if math.isnan(spread) else f"{text} ± {spread * scale:.{column.digits}f}"


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table of a head and lines, padded so that it reads as plain text too; numbers to the right.
    Names stand as they are, whatever Markdown would make of them."""
    escaped = [[_ACTIVE.sub(r"\\\g<0>", cell) for cell in line] for line in lines]
    widths = [max(3, *(len(line[place]) for line in escaped)) for place in range(len(escaped[0]))]
    text = []
    for line in escaped:
        padded = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("| " + " | ".join(padded) + " |")
    rule = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    text.insert(1, "| " + " | ".join(rule) + " |")
    return "\n".join(text)


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

"""Accuracy through training: by epoch and by the labels told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.advice.points import ends_of_rounds
from stages.reporting.figures.style import MARKERS, OVER, Style, legend_right, percent, picture, plain_log, styles

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

# lines; the bands of more would hide one another
_BANDS = 5


def learning_curves(curves: pandas.DataFrame, models: Sequence[str], path: Path) -> None:
    """Validation accuracy by epoch, a line for each model: the mean over seeds, and a band of one standard deviation.

    curves: columns model, seed, epoch, round (NaN without rounds), accuracy (a share; NaN where it was not measured).
    Of a model that trains in rounds, the last round, whose epochs are counted from its beginning. A line that would
    hide another, equal one is dashed. The legend is in the order in which the lines end.
    """
    from matplotlib.ticker import MaxNLocator

    looks = styles(models)
    curves = _last_rounds(curves)
    drawn: set[bytes] = set()
    with picture(path, 6.6, max(3.4, 0.19 * len(models) + 0.8)) as figure:
        axis = figure.add_subplot()
        for model in _by_last(curves, models):
            epochs = _over_seeds(curves[curves["model"] == model], "epoch")
            look, line = looks[model], epochs[["epoch", "mean"]].to_numpy().tobytes()
            axis.plot(
                epochs["epoch"],
                epochs["mean"],
                color=look.colour,
                linestyle=OVER if line in drawn else look.dash,
                label=model,
                marker="o" if len(epochs) == 1 else None,
            )
            drawn.add(line)
            _band(axis, epochs, "epoch", look)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        _finish(axis, len(models))


def accuracy_by_labels(curves: pandas.DataFrame, models: Sequence[str], path: Path) -> None:
    """Validation accuracy against the labels told so far, on a log axis.

    curves: columns model, seed, epoch, round (NaN without rounds), labels_told, accuracy. A model that is told more as
    it trains is a line through its epochs with a mark at the last, one that trains in rounds a line through the last
    epochs of its rounds, each with a dot; one that is told all at once is its last epoch's mark. Error bars of marks
    and dots are one standard deviation over seeds, and so are bands along epochs, of a few lines. Each model has a mark
    of its own, open, and a line that would hide another, equal one is dashed, so that none lies unseen under another.
    Epochs without any label have no place on a log axis and are left out.
    """
    looks = styles(models)
    told = ends_of_rounds(curves[curves["labels_told"] > 0])
    with picture(path, 6.6, max(3.4, 0.19 * len(models) + 0.8)) as figure:
        axis = figure.add_subplot()
        plain_log(axis, told["labels_told"].to_numpy(), told["labels_told"].max())
        tables = {model: _over_seeds(told[told["model"] == model], "epoch") for model in _by_last(told, models)}
        lines = [model for model, epochs in tables.items() if epochs["labels_told"].nunique() > 1]
        drawn: set[bytes] = set()
        for model, epochs in tables.items():
            rounds = told.loc[told["model"] == model, "round"].notna().any()
            look = replace(looks[model], marker=MARKERS[list(models).index(model) % len(MARKERS)])
            line = epochs[["labels_told", "mean"]].to_numpy().tobytes()
            if model in lines:
                dash = OVER if line in drawn else look.dash
                axis.plot(epochs["labels_told"], epochs["mean"], color=look.colour, linestyle=dash, linewidth=1.2)
                if rounds:
                    _marks(axis, epochs[:-1], look, markersize=3, elinewidth=0.8)
                elif len(lines) <= _BANDS:
                    _band(axis, epochs, "labels_told", look)
            _marks(
                axis,
                epochs[-1:],
                look,
                markersize=5.5,
                elinewidth=1.2,
                capsize=2.5,
                label=model,
                linestyle=look.dash if model in lines else "none",
            )
            drawn.add(line)
        axis.set_xlabel("labels told")
        _finish(axis, len(models))


def _last_rounds(curves: pandas.DataFrame) -> pandas.DataFrame:
    """Of models in rounds the last round, its epochs counted from its beginning; all of the others."""
    last = curves.groupby(["model", "seed"])["round"].transform("max")
    found = curves[curves["round"].isna() | (curves["round"] == last)]
    begins = found.groupby(["model", "seed"])["epoch"].transform("min")
    return found.assign(epoch=found["epoch"].where(found["round"].isna(), found["epoch"] - begins + 1))


def _marks(axis: Axes, epochs: pandas.DataFrame, look: Style, linestyle: Any = "none", **how: Any) -> None:
    """Marks with the standard deviation as error bars, where there is one."""
    spread = epochs["std"].to_numpy()
    axis.errorbar(
        epochs["labels_told"],
        epochs["mean"],
        yerr=np.nan_to_num(spread) if np.isfinite(spread).any() else None,
        color=look.colour,
        marker=look.marker,
        markerfacecolor="none",
        linestyle=linestyle,
        **how,
    )


def _over_seeds(rows: pandas.DataFrame, by: str) -> pandas.DataFrame:
    """Mean, spread and count of the accuracy, and the mean of the labels told, over the seeds of one model."""
    groups = rows.dropna(subset=["accuracy"]).groupby(by)
    table = groups["accuracy"].agg(mean="mean", std="std", n="count")
    if "labels_told" in rows:
        table["labels_told"] = groups["labels_told"].mean()
    return table.reset_index()


def _by_last(curves: pandas.DataFrame, models: Sequence[str]) -> list[str]:
    """The models that were measured, the best at the last epoch first."""
    measured = curves.dropna(subset=["accuracy"])
    last = {
        model: float(_over_seeds(rows, "epoch")["mean"].iloc[-1])
        for model in models
        if len(rows := measured[measured["model"] == model])
    }
    return sorted(last, key=lambda model: -last[model])


def _band(axis: Axes, epochs: pandas.DataFrame, x: str, look: Style) -> None:
    several = epochs[epochs["n"] > 1]
    low, high = several["mean"] - several["std"], several["mean"] + several["std"]
    if len(several):
        axis.fill_between(several[x], low, high, color=look.colour, alpha=0.15, linewidth=0)


def _finish(axis: Axes, entries: int) -> None:
    axis.set_ylabel("validation accuracy (%)")
    percent(axis, "y")
    axis.grid(axis="y")
    if axis.get_legend_handles_labels()[1]:
        legend_right(axis, entries)
    else:
        _nothing(axis)


def _nothing(axis: Axes) -> None:
    axis.text(0.5, 0.5, "not measured", transform=axis.transAxes, ha="center", va="center", color="#777777")

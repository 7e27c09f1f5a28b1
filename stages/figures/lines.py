"""Accuracy through training: by epoch and by the labels told."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.figures.style import Style, legend_right, percent, picture, plain_log, styles

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

# lines; the bands of more would hide one another
_BANDS = 5


def learning_curves(curves: pandas.DataFrame, models: Sequence[str], path: Path) -> None:
    """Validation accuracy by epoch, a line for each model: the mean over seeds, and a band of one standard deviation.

    curves: columns model, seed, epoch, accuracy (a share; NaN where it was not measured). The legend is in the order
    in which the lines end.
    """
    from matplotlib.ticker import MaxNLocator

    looks = styles(models)
    with picture(path, 6.6, max(3.4, 0.19 * len(models) + 0.8)) as figure:
        axis = figure.add_subplot()
        for model in _by_last(curves, models):
            epochs = _over_seeds(curves[curves["model"] == model], "epoch")
            look = looks[model]
            axis.plot(
                epochs["epoch"],
                epochs["mean"],
                color=look.colour,
                linestyle=look.dash,
                label=model,
                marker="o" if len(epochs) == 1 else None,
            )
            _band(axis, epochs, "epoch", look)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        _finish(axis, len(models))


def accuracy_by_labels(curves: pandas.DataFrame, models: Sequence[str], path: Path) -> None:
    """Validation accuracy against the labels told so far, on a log axis.

    curves: columns model, seed, epoch, round (NaN without rounds), labels, accuracy. A model that is told more as it
    trains is a line through its epochs with a mark at the last, one that trains in rounds a line through the last
    epochs of its rounds, each with a dot; one that is told all at once is its last epoch's mark. Error bars: one
    standard deviation over seeds, and for a few lines a band as well. Epochs without any label have no place on a log
    axis and are left out.
    """
    looks = styles(models)
    told = _ends_of_rounds(curves[curves["labels"] > 0])
    with picture(path, 6.6, max(3.4, 0.19 * len(models) + 0.8)) as figure:
        axis = figure.add_subplot()
        plain_log(axis, told["labels"].to_numpy())
        tables = {model: _over_seeds(told[told["model"] == model], "epoch") for model in _by_last(told, models)}
        lines = [model for model, epochs in tables.items() if epochs["labels"].nunique() > 1]
        for model, epochs in tables.items():
            look, last = looks[model], epochs.iloc[-1]
            if model in lines:
                dots = "." if told.loc[told["model"] == model, "round"].notna().any() else None
                axis.plot(
                    epochs["labels"],
                    epochs["mean"],
                    color=look.colour,
                    linestyle=look.dash,
                    linewidth=1.2,
                    marker=dots,
                )
                if len(lines) <= _BANDS:
                    _band(axis, epochs, "labels", look)
            axis.errorbar(
                last["labels"],
                last["mean"],
                yerr=last["std"] if last["n"] > 1 else None,
                color=look.colour,
                marker=look.marker,
                markersize=6,
                capsize=3,
                linestyle=look.dash if model in lines else "none",
                label=model,
            )
        axis.set_xlabel("labels told")
        _finish(axis, len(models))


def _ends_of_rounds(curves: pandas.DataFrame) -> pandas.DataFrame:
    """Without the epochs of a round that are not its last."""
    last = curves.groupby(["model", "seed", "round"])["epoch"].transform("max")
    return curves[curves["round"].isna() | (curves["epoch"] == last)]


def _over_seeds(rows: pandas.DataFrame, by: str) -> pandas.DataFrame:
    """Mean, spread and count of the accuracy, and the mean of the labels, over the seeds of one model."""
    groups = rows.dropna(subset=["accuracy"]).groupby(by)
    table = groups["accuracy"].agg(mean="mean", std="std", n="count")
    if "labels" in rows:
        table["labels"] = groups["labels"].mean()
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

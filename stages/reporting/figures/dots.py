"""Figures of models, strategies or extractors, as dots with their spread over seeds (Cleveland 1984).

Unlike a bar, a dot need not be drawn from 0: the axis shows where the values lie, so that their differences are seen.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.reporting.figures.style import MARKERS, MODELS, percent, picture

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

_APART = 0.3  # of a line: how far the figures of one name stand from each other


def dots(values: pandas.DataFrame, figures: Mapping[str, str], path: Path, *, label: str) -> None:
    """A line for each name, the best of the last figure above; on it a dot for each figure, with its value. Error bars
    are one standard deviation over seeds.

    values: columns name, figure, mean, std, n, of shares; rows without a mean are left out. figures: figure -> what the
    legend calls it; of one figure alone there is no legend. label: of the axis, without its unit.
    """
    wanted = values[values["figure"].isin(list(figures))].dropna(subset=["mean"])
    names = _best_first(wanted, list(figures))
    lines = max(len(names), 1)
    with picture(path, 6.2, 0.75 + 0.25 * (len(figures) > 1) + lines * (0.16 + 0.16 * len(figures))) as figure:
        axis = figure.add_subplot()
        for turn, (key, title) in enumerate(figures.items()):
            aside = _APART * (turn - (len(figures) - 1) / 2)
            for row in wanted[wanted["figure"] == key].to_dict("records"):
                _dot(axis, names.index(row["name"]) + aside, row, turn)
            axis.plot([], [], marker=MARKERS[turn], linewidth=0, color=MODELS[turn], label=title)
        axis.set_yticks(range(len(names)), names)
        _finish(axis, lines, label)
        if len(figures) > 1:
            axis.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(figures), borderaxespad=0.2)


def _best_first(wanted: pandas.DataFrame, figures: list[str]) -> list[str]:
    """The names by the last figure, those that lack it at the end."""
    last = wanted[wanted["figure"] == figures[-1]].sort_values("mean", ascending=False, kind="stable")
    return list(dict.fromkeys([*last["name"], *wanted["name"]]))


def _dot(axis: Axes, place: float, row: Mapping[Hashable, Any], turn: int) -> None:
    spread = row["std"] if row["n"] > 1 else None
    axis.errorbar(
        row["mean"],
        place,
        xerr=spread,
        color=MODELS[turn],
        marker=MARKERS[turn],
        markersize=5,
        elinewidth=1.0,
        capsize=2.5,
    )
    axis.annotate(
        f"{100 * row['mean']:.1f}" + ("" if spread is None else f" ± {100 * spread:.1f}"),
        (row["mean"] + (spread or 0), place),
        (7, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="#222222",
    )


def _finish(axis: Axes, lines: int, label: str) -> None:
    axis.set_ylim(lines - 0.45, -0.55)  # the first above
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(f"{label} (%)")
    low, high = axis.dataLim.x0, axis.dataLim.x1
    if not np.isfinite([low, high]).all():
        low, high = 0.0, 1.0
    around = max(0.08 * (high - low), 0.01)
    # room for the values to the right of the last dot
    axis.set_xlim(low - around, high + around + 0.22 * (high - low + 2 * around))
    percent(axis, "x")
    axis.set_xticks([tick for tick in axis.get_xticks() if max(low - around, 0) <= tick <= min(high + around, 1)])
    axis.spines["bottom"].set_bounds(max(low - around, 0), min(high + around, 1))
    axis.grid(axis="x")
    # to where the axis ends, not through the values beside it
    axis.hlines(range(lines), *axis.spines["bottom"].get_bounds(), color="#E4E4E4", linewidth=0.6, zorder=0)

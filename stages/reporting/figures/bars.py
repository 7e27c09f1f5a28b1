"""One figure of each model, strategy or extractor, as bars with their spread over seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.reporting.figures.style import MODELS, percent, picture

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes


def bars(
    values: pandas.DataFrame,
    path: Path,
    *,
    label: str,
    share: bool = True,
) -> None:
    """Horizontal bars, the best above, each with its value; error bars are one standard deviation over seeds.

    values: columns name, mean, std, n (rows without a mean are left out), of a figure of at most 1. share: the values
    are shares, shown as percent.
    """
    rows = values.dropna(subset=["mean"]).sort_values("mean", ascending=False, kind="stable")
    with picture(path, 6.2, 0.9 + 0.3 * max(len(rows), 2)) as figure:
        axis = figure.add_subplot()
        for place, row in enumerate(rows.to_dict("records")):
            spread = row["std"] if row["n"] > 1 else None
            _bar(axis, place, row["mean"], spread, MODELS[0], share, height=0.68)
        axis.set_yticks(range(len(rows)), rows["name"])
        _finish(axis, label, share)


def grouped_bars(values: pandas.DataFrame, figures: dict[str, str], path: Path, *, label: str) -> None:
    """Bars in groups: for each name, one bar for each figure.

    values: columns name, figure, mean, std, n, of shares. figures: figure -> what the legend calls it.
    """
    wanted = values[values["figure"].isin(list(figures))].dropna(subset=["mean"])
    names = list(dict.fromkeys(wanted["name"]))
    height = 0.76 / max(len(figures), 1)
    with picture(path, 6.2, 1.1 + 0.26 * max(len(names), 1) * len(figures)) as figure:
        axis = figure.add_subplot()
        for turn, (key, title) in enumerate(figures.items()):
            for row in wanted[wanted["figure"] == key].to_dict("records"):
                spread = row["std"] if row["n"] > 1 else None
                place = names.index(row["name"]) + (turn - (len(figures) - 1) / 2) * height
                _bar(axis, place, row["mean"], spread, MODELS[turn], True, height=height * 0.92)
            axis.barh([np.nan], [np.nan], color=MODELS[turn], label=title)
        axis.set_yticks(range(len(names)), names)
        _finish(axis, label, True)
        axis.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(figures), borderaxespad=0.2)


def _bar(
    axis: Axes, place: float, mean: float, spread: float | None, colour: str, share: bool, *, height: float
) -> None:
    axis.barh(place, mean, height=height, color=colour, xerr=spread, error_kw={"elinewidth": 1.0, "capsize": 2.5})
    scale, digits = (100, 1) if share else (1, 3)
    text = f"{scale * mean:.{digits}f}" + ("" if spread is None else f" ± {scale * spread:.{digits}f}")
    axis.annotate(
        text,
        (mean + (spread or 0), place),
        (5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="#222222",
    )


def _finish(axis: Axes, label: str, share: bool) -> None:
    lines = len(axis.get_yticks())
    axis.set_ylim(max(lines, 1) - 0.45, -0.55)  # the first above
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel(label + (" (%)" if share else ""))
    right = axis.dataLim.x1
    axis.set_xlim(0, right * 1.22 if np.isfinite(right) and right > 0 else 1)  # room for the values
    if share:
        percent(axis, "x")
    end = min(axis.get_xlim()[1], 1)  # where the measure ends
    axis.set_xticks([tick for tick in axis.get_xticks() if tick < end + 1e-9])
    axis.spines["bottom"].set_bounds(0, end)
    axis.grid(axis="x")

"""Budget advice: accuracy by labels told, the law through it, and where it promises the next point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.advice.forecast import Forecast
from stages.reporting.figures.style import percent, picture, plain_log, styles

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
_AHEAD = (0, (3, 2))


def advice(forecasts: Mapping[str, Forecast], models: Sequence[str], path: Path) -> None:
    """A panel for each model, the best so far first. Points with a standard deviation over seeds; the law, dashed where
    it runs ahead of them, with its interval as a band; a star at the next point, with the interval of its labels, as
    far as the law is trusted: an arrow without a star, if it goes on from there.

    models: all names, in the order of the other pictures, which gives each its colour.
    """
    looks = styles(models)
    order = sorted(forecasts, key=lambda model: -forecasts[model].points.last)
    columns = min(math.ceil(len(order) ** 0.5), _COLUMNS)
    lines = -(-len(order) // columns)
    width, height = (4.6, 3.7) if columns == 1 else (0.6 + 2.1 * columns, 1.3 + 1.6 * lines)
    so_far = np.array([forecast.law.labels_told for forecast in forecasts.values()])
    ends = [np.array([forecast.points.labels_told[0], _last(forecast)]) for forecast in forecasts.values()]
    with picture(path, width, height) as figure:
        axes = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        plain_log(axes[0, 0], np.concatenate(ends), so_far.max(), 0.1 if columns == 1 else 0.2)
        for axis, model in zip(axes.flat, order, strict=False):
            _panel(axis, forecasts[model], looks[model].colour, looks[model].marker)
            axis.set_title(model)
            axis.grid(axis="y")
        low, high = axes[0, 0].get_ylim()
        axes[0, 0].set_ylim(max(low, 0), min(high, 1))
        percent(axes[0, 0], "y")
        for place, axis in enumerate(axes.flat):
            if place >= len(order):
                axis.set_visible(False)
            elif place + columns >= len(order):  # the lowest of its column
                axis.tick_params(labelbottom=True)
        figure.supxlabel("labels told", fontsize=9)
        figure.supylabel("validation accuracy (%)", fontsize=9)
        _legend(figure, forecasts, columns)


def _panel(axis: Axes, forecast: Forecast, colour: str, marker: str) -> None:
    points, so_far, last = forecast.points, forecast.law.labels_told, _last(forecast)
    spread = np.nan_to_num(points.spread)
    axis.errorbar(
        points.labels_told,
        points.accuracy,
        yerr=spread if spread.any() else None,
        color=colour,
        marker=marker,
        markersize=3.5,
        capsize=2,
        linewidth=0,
        elinewidth=0.9,
    )
    if not forecast.helped:
        axis.text(0.96, 0.06, "no forecast", transform=axis.transAxes, ha="right", fontsize=8, color="#777777")
        return
    for first, end, dash in ((points.labels_told[0], so_far, "solid"), (so_far, last, _AHEAD)):
        grid = np.geomspace(first, end, 60)
        axis.plot(grid, forecast.law.accuracy(grid), color=colour, linestyle=dash, linewidth=1.2)
    grid = np.geomspace(points.labels_told[0], last, 120)
    if (band := forecast.band(grid)) is not None:
        axis.fill_between(grid, *np.clip(band, 0, 1), color=colour, alpha=0.15, linewidth=0)
    more = forecast.more(0.01)
    if more.labels > forecast.trusted:
        return
    star, goal = so_far + more.labels, float(forecast.law.accuracy(np.array([so_far + more.labels]))[0])
    if more.low is not None and more.high is not None:
        start, end = so_far + more.low, min(so_far + more.high, last)
        arrow = "-|>" if forecast.endless(more) else "-"
        how = {"color": "#222222", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 7}
        axis.annotate("", (end, goal), (start, goal), arrowprops={"arrowstyle": arrow, **how})
    if not forecast.endless(more):
        axis.plot(star, goal, marker="*", markersize=9, color=colour, mec="white", mew=0.6, zorder=4)


def _legend(figure: Figure, forecasts: Mapping[str, Forecast], columns: int) -> None:
    """What the marks of all panels mean, of those that are there."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    grey = "#777777"
    spread = any(np.nan_to_num(forecast.points.spread).any() for forecast in forecasts.values())
    entries: list[Artist] = [
        Line2D([], [], color=grey, marker="o", markersize=4, linewidth=0, label="measured" + spread * " ± sd")
    ]
    helped = [forecast for forecast in forecasts.values() if forecast.helped]
    if helped:
        entries.append(Line2D([], [], color=grey, linewidth=1.2, label="law"))
        entries.append(Line2D([], [], color=grey, linewidth=1.2, linestyle=_AHEAD, label="law, ahead"))
    if any(forecast.samples is not None for forecast in helped):
        entries.append(Patch(color=grey, alpha=0.25, linewidth=0, label="its 95 % interval"))
    ahead = [(forecast, more) for forecast in helped if (more := forecast.more(0.01)).labels <= forecast.trusted]
    if any(not forecast.endless(more) for forecast, more in ahead):
        entries.append(Line2D([], [], color=grey, marker="*", markersize=8, linewidth=0, label="next point"))
    if any(more.low is not None for _, more in ahead):
        entries.append(Line2D([], [], color="#222222", linewidth=1.4, label="95 % interval of its labels"))
    figure.legend(handles=entries, loc="outside upper center", ncols=max(2, columns), handlelength=1.8)


def _last(forecast: Forecast) -> float:
    """The most labels for which the law is drawn."""
    return forecast.law.labels_told + forecast.trusted

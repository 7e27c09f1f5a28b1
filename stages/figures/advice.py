"""Budget advice: accuracy by labels told, the law through it, and where it promises the next point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from stages.figures.style import legend_right, percent, picture, plain_log, styles
from stages.forecast import REACH, Forecast


def advice(forecasts: Mapping[str, Forecast], models: Sequence[str], path: Path) -> None:
    """Points with a standard deviation over seeds; the law, dashed where it runs ahead of them, with its interval as a
    band; a star at the next point, with the interval of its labels, as far as the law is trusted.

    models: all names, in the order of the other pictures, which gives each its colour.
    """
    looks = styles(models)
    with picture(path, 6.6, max(3.4, 0.19 * len(forecasts) + 0.8)) as figure:
        axis = figure.add_subplot()
        most = max(found.law.labels for found in forecasts.values()) * REACH
        plain_log(axis, np.array([*(found.points.labels[0] for found in forecasts.values()), most]))
        for model, found in sorted(forecasts.items(), key=lambda one: -one[1].points.last):
            points, look = found.points, looks[model]
            spread = np.nan_to_num(points.spread)
            axis.errorbar(
                points.labels,
                points.accuracy,
                yerr=spread if spread.any() else None,
                color=look.colour,
                marker=look.marker,
                markersize=4.5,
                capsize=2.5,
                linewidth=0,
                elinewidth=1,
                label=model,
            )
            if not found.helped:
                continue
            so_far, ahead = found.law.labels, found.law.labels * REACH
            for first, last, dash in ((points.labels[0], so_far, "solid"), (so_far, ahead, (0, (3, 2)))):
                grid = np.geomspace(first, last, 60)
                axis.plot(grid, found.law.accuracy(grid), color=look.colour, linestyle=dash, linewidth=1.2)
            grid = np.geomspace(points.labels[0], ahead, 120)
            if (band := found.band(grid)) is not None:
                axis.fill_between(grid, *band, color=look.colour, alpha=0.13, linewidth=0)
            more = found.more(0.01)
            if so_far + more.labels <= ahead:
                place = so_far + more.labels, found.start + 0.01
                if more.low is not None and more.high is not None:
                    ends = so_far + more.low, min(so_far + more.high, ahead)
                    axis.plot(ends, [place[1]] * 2, color=look.colour, linewidth=2.4, alpha=0.55, zorder=3)
                axis.plot(*place, marker="*", markersize=9, color=look.colour, mec="white", mew=0.5, zorder=4)
        axis.errorbar(
            [], [], [], marker="*", markersize=8, color="#777777", elinewidth=0, linewidth=0, label="next point"
        )
        axis.set_xlabel("labels told")
        axis.set_ylabel("validation accuracy (%)")
        percent(axis, "y")
        axis.grid(axis="y")
        legend_right(axis, len(forecasts) + 1)

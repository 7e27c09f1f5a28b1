"""Maps of an embedding: its points in the plane, coloured by class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.reporting.figures.style import CLASSES, MARKERS, UNKNOWN, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PER_COLUMN = 20  # names in a column of the legend


def embedding_map(
    panels: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str], path: Path, *, title: str
) -> None:
    """Scatter plots side by side: panels maps a name, such as "PCA", to coordinates [n, 2]; title: of what.

    labels [n]: class ids, -1 where unknown (drawn first, in grey). Classes share colours beyond ten, and are then told
    apart by their marks.
    """
    shown = [label for label in range(-1, len(classes)) if (labels == label).any()]
    columns = -(-len(shown) // PER_COLUMN)
    font = 8 if columns < 3 else 6
    longest = max((len(classes[label]) if label >= 0 else len("unknown") for label in shown), default=0)
    legend = columns * (0.3 + 0.0085 * font * longest)  # inches, near enough
    with picture(path, 3.1 * len(panels) + legend, 3.55) as figure:
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        figure.suptitle(title, fontsize=9)
        for axis, (name, points) in zip(axes, panels.items(), strict=True):
            _scatter(axis, points, labels, shown)
            axis.set_title(name)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_box_aspect(1)
            axis.spines[:].set_visible(True)
            axis.spines[:].set_color("#BBBBBB")
        figure.legend(
            # matplotlib passes over a name that begins with _, unless it is given here
            list(axes[0].collections),
            [classes[label] if label >= 0 else "unknown" for label in shown],
            loc="outside right center",
            ncols=columns,
            markerscale=(22 / _size(len(labels))) ** 0.5,
            handletextpad=0.3,
            columnspacing=0.8,
            fontsize=font,
            labelspacing=0.3,
        )


def _scatter(axis: Axes, points: np.ndarray, labels: np.ndarray, shown: Sequence[int]) -> None:
    for label in shown:
        mine = labels == label
        axis.scatter(
            points[mine, 0],
            points[mine, 1],
            s=_size(len(points)),
            linewidths=0,
            alpha=0.8,
            **_look(label),
        )


def _size(points: int) -> float:
    """The area of a mark: many points need small ones."""
    return float(np.clip(6000 / max(points, 1), 3, 22))


def _look(label: int) -> dict[str, Any]:
    if label < 0:
        return {"color": UNKNOWN, "marker": "o"}
    turn, colour = divmod(label, len(CLASSES))
    return {"color": CLASSES[colour], "marker": MARKERS[turn % len(MARKERS)]}

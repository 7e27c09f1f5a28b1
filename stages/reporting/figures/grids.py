"""Heat maps: accuracy by model and class, and the confusion of one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.reporting.figures.style import luminance, picture

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ANNOTATED = 20  # with more classes, numbers in the cells cannot be read


def per_class(accuracy: pandas.DataFrame, path: Path) -> None:
    """Test accuracy by model (rows) and class (columns): shares, NaN where a class has no test image."""
    rows, columns = accuracy.shape
    width, height = _inches(columns, 0.44, 2.4, 9), _inches(rows, 0.3, 1.4, 11)
    with picture(path, width, height) as figure:
        axis = figure.add_subplot()
        _heat(
            figure,
            axis,
            accuracy.to_numpy(dtype=float),
            "viridis",
            "test accuracy (%)",
            annotate=columns <= ANNOTATED,
            zeros=True,
        )
        _ticks(axis, list(accuracy.index), list(accuracy.columns))
        axis.set_xlabel("class")


def confusion(counts: np.ndarray, classes: Sequence[str], path: Path, *, title: str) -> None:
    """Confusion matrix: counts [C, C], rows the true class; shown as a share of each row. A cell below half a percent
    is left without a number. title: of which model."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    side = _inches(len(classes), 0.4, 1.8, 8.5)
    with picture(path, side + 0.7, side + 0.2) as figure:
        axis = figure.add_subplot()
        annotate = len(classes) <= ANNOTATED
        _heat(figure, axis, shares, "Blues", "share of the true class (%)", annotate=annotate, zeros=False)
        axis.set_title(title)
        _ticks(axis, list(classes), list(classes))
        axis.set_xlabel("predicted class")
        axis.set_ylabel("true class")


def _heat(
    figure: Figure, axis: Axes, shares: np.ndarray, colours: str, label: str, *, annotate: bool, zeros: bool
) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import FuncFormatter

    palette = colormaps[colours].with_extremes(bad="#EEEEEE")
    image = axis.imshow(shares, cmap=palette, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    bar = figure.colorbar(image, ax=axis, fraction=0.05, pad=0.02, format=FuncFormatter(lambda v, _: f"{100 * v:g}"))
    bar.set_label(label)
    bar.outline.set_visible(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    if annotate:
        for (row, column), share in np.ndenumerate(shares):
            text = "–" if np.isnan(share) else f"{100 * share:.0f}"
            if text == "0" and not zeros:
                continue
            dark = not np.isnan(share) and luminance(palette(float(share))) < 0.5
            colour = "white" if dark else "#222222"
            axis.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)


def _ticks(axis: Axes, rows: list[str], columns: list[str]) -> None:
    slant = max(map(len, columns), default=0) > 3
    axis.set_yticks(range(len(rows)), rows, fontsize=_font(len(rows)))
    axis.set_xticks(
        range(len(columns)),
        columns,
        fontsize=_font(len(columns)),
        rotation=(90 if len(columns) > ANNOTATED else 40) if slant else 0,
        ha=("center" if len(columns) > ANNOTATED else "right") if slant else "center",
        rotation_mode="anchor" if slant and len(columns) <= ANNOTATED else None,
    )


def _font(count: int) -> float:
    return 8 if count <= 30 else max(4.0, 8 * 30 / count + 1.5)


def _inches(count: int, each: float, around: float, most: float) -> float:
    return min(most, max(around + each * count, around + 1.2))

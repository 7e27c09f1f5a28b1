"""A curve, and the value that was read off it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.reporting.figures.style import MODELS, picture


def read_off(curve: Mapping[str, Any], path: Path, *, title: str) -> None:
    """A line through `y` against `x` ([m] each), with the value `at` marked; `x_label` and `y_label` name the axes,
    title who read it off."""
    with picture(path, 5.0, 3.4) as figure:
        axis = figure.add_subplot()
        axis.plot(curve["x"], curve["y"], color=MODELS[0])
        axis.axvline(curve["at"], color=MODELS[1], linestyle="dashed", linewidth=1.2)
        axis.annotate(
            f"{curve['at']:.4g}",
            (curve["at"], 1.0),
            (4, -2),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color=MODELS[1],
        )
        axis.set_title(title)
        axis.set_xlabel(curve["x_label"])
        axis.set_ylabel(curve["y_label"])
        axis.grid(axis="y")

"""What all pictures share: fonts, colours that colour-blind readers can tell apart, and the way to a file."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stages.reporting.figures.fonts import OURS, set_families

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito, 2008, without its yellow, which fades on white; black last
MODELS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("solid", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)))
OVER = (0, (3, 3))  # of a line on top of an equal one, which shows in the gaps
# Paul Tol's "muted" scheme, with a dark grey as the tenth
CLASSES = (
    "#332288",
    "#88CCEE",
    "#117733",
    "#DDCC77",
    "#CC6677",
    "#AA4499",
    "#44AA99",
    "#999933",
    "#882255",
    "#555555",
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
UNKNOWN = "#D0D0D0"
DOTS_PER_INCH = 200

SETTINGS = {
    "font.family": [OURS],  # comes with matplotlib, so that a picture is the same everywhere
    "text.parse_math": False,  # a class may be called $1_$5
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
}


@dataclass(frozen=True)
class Style:
    """How one model is drawn in every picture."""

    colour: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A style for each name, by its place in the list: 7 colours, and then the same with another dash and marker."""
    found = {}
    for place, name in enumerate(names):
        turn, colour = divmod(place, len(MODELS))
        found[name] = Style(MODELS[colour], DASHES[turn % len(DASHES)], MARKERS[turn % len(MARKERS)])
    return found


@contextmanager
def picture(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yields a figure of so many inches, written to `path` as PNG when the block ends."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():  # type: ignore[arg-type]
        # said once, by who draws all pictures
        warnings.filterwarnings("ignore", r"Glyph .* missing from", UserWarning)
        figure = Figure(figsize=(width, height), layout="constrained")  # drawn by Agg; pyplot keeps no copy of it
        figure.get_layout_engine().set(w_pad=0.07, h_pad=0.07)  # type: ignore[union-attr,call-arg]
        yield figure
        set_families(figure)
        # no Software entry: the file is the same under another release of matplotlib that draws the same
        figure.savefig(path, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def percent(axis: Axes, which: str) -> None:
    """Accuracies are kept as shares and shown as percent."""
    from matplotlib.ticker import FuncFormatter

    chosen = axis.xaxis if which == "x" else axis.yaxis
    chosen.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))


def plain_log(axis: Axes, labels: np.ndarray, last: float, room: float = 0.1) -> None:
    """A log axis for numbers of labels, wide enough when all are equal, with ticks at `last` and at 1, 2 and 5 of each
    decade (where these would run into one another: at 1), written out. room: the share of the axis that a number takes.
    """
    from matplotlib.ticker import NullFormatter

    axis.set_xscale("log")
    axis.xaxis.set_minor_formatter(NullFormatter())
    if not len(labels):
        return
    around = max((labels.max() / labels.min()) ** 0.06, 1.2)
    low, high = labels.min() / around, labels.max() * around
    near = (high / low) ** room
    ticks = [step * 10**decade for decade in range(12) for step in ((1, 2, 5) if near < 2 else (1,))]
    ticks = [tick for tick in ticks if low <= tick <= high and not last / near < tick < last * near]
    axis.set_xlim(low, high)
    axis.set_xticks([*ticks, last], [f"{tick:,.0f}" for tick in (*ticks, last)])


def legend_right(axis: Axes, entries: int, per_column: int = 24) -> None:
    """The legend outside, to the right, in as many columns as it needs."""
    axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), ncols=-(-entries // per_column), columnspacing=1.0)


def luminance(colour: tuple[float, ...]) -> float:
    """Perceived brightness, 0 to 1, of an RGB colour: is black or white ink read better on it?"""
    red, green, blue = colour[:3]
    return 0.299 * red + 0.587 * green + 0.114 * blue

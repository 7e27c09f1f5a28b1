"""Rows of the table, and how two things are timed side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from statistics import median
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One comparison, as printed; `met` is None where nothing was measured."""

    what: str
    ours: str
    other: str
    ratio: str
    goal: str
    met: bool | None


def table(rows: list[Row]) -> str:
    """A Markdown table, padded so that it reads well in a terminal too."""
    said = {True: "yes", False: "**no**", None: "-"}
    titles = [field.name for field in fields(Row)]
    lines = [[*titles[:-1], "met?"], *([*astuple(row)[:-1], said[row.met]] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def faster(what: str, ours: float, other: float, least: float, *, result: str = "", right: bool = True) -> Row:
    """Of seconds. `result`: what came out, beside the time; `right`: whether that is as good as the goal asks."""
    ratio = other / ours
    shown = f"{ours:.2f} s, {result}" if result else f"{ours:.2f} s"
    return Row(what, shown, f"{other:.2f} s", f"{ratio:.1f} x", f">= {least:g} x", ratio >= least and right)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, all of the GPU's work included, and the result."""
    start = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def alternating(ours: Callable[[], Any], other: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of each in every round, after one that is not counted. Who goes first changes from round to round, so
    that what else the machine does falls on both."""
    ours(), other()
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 else (1, 0):
            times[which].append(timed((ours, other)[which])[0])
    return times


def ratios(times: tuple[list[float], list[float]]) -> tuple[float, float, float]:
    """The other's time over ours: the median over rounds, the least and the most."""
    each = [other / ours for ours, other in zip(*times, strict=True)]
    return median(each), min(each), max(each)

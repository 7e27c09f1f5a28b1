"""labels.csv: one line for each image, with an empty column for its label."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from stages.base.cells import guarded
from stages.handout.task import Handout, Task


def columns(handout: Handout) -> list[str]:
    """The head without its last column, `label`: every reason that any image has is one."""
    reasons = dict.fromkeys(name for one in handout.tasks for name in one.reasons)
    return ["image", "rank", "cluster", *reasons, *(["guess", "score"] if handout.origin.model else [])]


def line(one: Task, names: list[str]) -> list[str]:
    """The cells of an image in these columns."""
    cells = {"image": one.image, "rank": str(one.rank), **one.reasons}
    cells["cluster"] = "" if one.cluster is None else str(one.cluster)
    if one.guess:
        cells["guess"], cells["score"] = one.guess[0], f"{one.guess[1]:.4f}"
    return [cells.get(name, "") for name in names]


def write(path: Path, handout: Handout) -> None:
    """Writes the file, in which no cell is a formula; with a byte order mark if it needs one, for Excel."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = columns(handout)
    writer.writerow([*names, "label"])
    writer.writerows([*map(guarded, line(one, names)), ""] for one in handout.tasks)
    text = out.getvalue()
    path.write_text(text, encoding="utf-8" if text.isascii() else "utf-8-sig")

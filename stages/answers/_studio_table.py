"""Label Studio's CSV and TSV as the rows of a table of ours.

A line for each annotation, and one without a number for a task that nobody opened; what was skipped is left out. Our
`path` is a column, and `image` what the browser is shown. Several labels of one annotation stand in the cell as JSON
(label_studio_sdk/converter/exports/csv2.py 2.1.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stages.answers._answer import ANNOTATOR, WAS
from stages.answers.label_studio import ANSWER, texts
from stages.base.errors import UserError

HEAD = ("image", "label", WAS, ANNOTATOR)
_OWN = {"annotation_id", "lead_time"}


def is_one(names: Sequence[str]) -> bool:
    """Whether columns of these names are Label Studio's."""
    return set(names) >= _OWN


def check(path: Path, names: Sequence[str]) -> None:
    """Raises UserError for a table without our paths, and for one in which nobody has answered."""
    if "path" not in names:
        raise UserError(f"{path}: no column path; import the tasks.json that stages.export wrote, and label that")
    if ANSWER not in names:
        raise UserError(f"{path}: no column {ANSWER}; label with config.xml, whose answer has that name")


def rows(
    names: Sequence[str], lines: Iterable[tuple[str, Sequence[str]]], skipped: str
) -> Iterator[tuple[str, list[str]]]:
    """Of each line its place and cells for HEAD. skipped: what stands for a label that was submitted empty."""
    place = {name: number for number, name in enumerate(names)}
    for where, line in lines:
        cells = {name: line[number] for name, number in place.items()}
        labels = _labels(cells[ANSWER]) or ([skipped] if cells["annotation_id"].strip() else [""])
        for label in labels:
            yield where, [cells["path"], label, cells.get(WAS, ""), cells.get(ANNOTATOR, "")]


def lost(path: Path) -> str:
    """What such a table does not tell."""
    return f"{path}: Label Studio's tables leave out what was skipped, which is handed out again; export it as JSON"


def _labels(cell: str) -> list[str]:
    if cell[:1] in ("[", "{"):
        try:
            return [text for text in texts(json.loads(cell)) if text.strip()]
        except (json.JSONDecodeError, KeyError, RecursionError, TypeError):
            return [cell]  # a class of that name
    return [cell] if cell.strip() else []

"""data/split/votes.csv: who said what of the images that several people answered; a line for each vote.

split writes it, whoever asks how far people agree reads it. The answers stay in the files that people gave.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from stages.answers.opinions import Given, Shared
from stages.base.cells import guarded, unguarded
from stages.project import kept

# again: how often the image was looked at again before; counts: the label that counts; was: what to look at again
_HEAD = ("row", "image", "annotator", "label", "again", "counts", "was")
_NOBODY = "(no name)"


def write(path: Path, given: Given | None, names: Sequence[str]) -> None:
    """names: of the training images [N]."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_HEAD)
        if given is None:
            return
        for row, one in sorted(given.several().items()):
            was = one.open_label if one.differ else ""
            for again, votes in enumerate(one.rounds):
                for who, vote in votes.items():
                    texts = (str(names[row]), who or _NOBODY, vote.label, str(again), one.label, was)
                    writer.writerow([row, *map(guarded, texts)])


def read(path: Path) -> list[Shared]:
    """The images, in the order of the file; none where there is no file. Raises UserError for one that cannot be
    read."""
    if not path.exists():
        return []
    found = dict[int, list[dict[str, str]]]()
    with kept.intact(path), path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            cells = {key: unguarded(cell) for key, cell in line.items()}
            found.setdefault(int(cells["row"]), []).append(cells)
        return [_shared(row, lines) for row, lines in found.items()]


def _shared(row: int, lines: Sequence[dict[str, str]]) -> Shared:
    last = max(int(line["again"]) for line in lines)
    first, again = (
        {line["annotator"]: line["label"] for line in lines if int(line["again"]) == number} for number in (0, last)
    )
    return Shared(lines[0]["image"], row, first, again, lines[0]["counts"], lines[0]["was"])

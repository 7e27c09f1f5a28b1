"""One answer, and how files of them are opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.base.errors import UserError
from stages.base.names import composed

WAS = "was"  # the column, and the key of a task, of an answer's `was`
VOTES = "votes"  # of an image on which people differ what they said, which no answer is
ANNOTATOR = "annotator"  # the column, and the key of JSON-MIN, of who gave it
LARGEST = 1 << 28  # bytes in one file: some hundred thousand tasks


@dataclass(frozen=True)
class Answer:
    """`image`: its path as it came back; `label`: without spaces around, empty where nobody could tell; `where`: file
    and line; `was`: the label that people looked at again, whose place this one takes, or empty; `annotator`: who gave
    it, or empty where nobody says."""

    image: str
    label: str
    where: str
    was: str = ""
    annotator: str = ""


def text_of(path: Path) -> str:
    """The file as text, without a byte order mark. Raises UserError for one that is too large, and, with the line, for
    other bytes than UTF-8."""
    if (size := path.stat().st_size) > LARGEST:
        raise UserError(f"{path} has {size:,} bytes, above the {LARGEST:,} allowed; cut it into files of one folder")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)") from None


def tidy(text: str) -> str:
    """Without spaces around, and with single ones inside; letters with accents in their composed form, as most programs
    write them."""
    return " ".join(composed(text).split())


class Images:
    """Images of a data set, int64 rows by the names [N] with which they came back."""

    def __init__(self, names: Sequence[str]) -> None:
        self._exact = {name: row for row, name in enumerate(names)}
        self._alike = {tidy(name): row for row, name in enumerate(names)}

    def find(self, name: str) -> int | None:
        """The row of that name or, where there is none, of one that only spaces and forms of letters tell from it."""
        row = self._exact.get(name)
        return self._alike.get(tidy(name)) if row is None else row

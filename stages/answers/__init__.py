"""Labels that people gave, read from the files in which they come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stages.answers import label_studio, spreadsheet, table
from stages.answers._answer import VOTES, WAS, Answer, Images
from stages.answers.table import SKIPPED
from stages.base import readable
from stages.base.errors import UserError
from stages.base.litter import litter

_READERS: dict[str, Callable[[Path], tuple[list[Answer], list[str]]]] = {
    ".csv": table.read,
    ".tsv": table.read,
    ".json": label_studio.read,
    **dict.fromkeys(spreadsheet.SUFFIXES, spreadsheet.read),
}
# a person's work may be in these, and only there
_UNREAD = {".numbers", ".gsheet"}
# beside the answers, by stages.export
_PAGES = {"index.html", "config.xml"}

__all__ = ["SKIPPED", "VOTES", "WAS", "Answer", "Images", "Returned", "read", "read_all"]


@dataclass(frozen=True)
class Returned:
    """What came back: an answer for each image that people looked at, without a label where they left it so; and what
    the user should know of files, a line each."""

    answers: list[Answer]
    notes: list[str]

    @property
    def labelled(self) -> list[Answer]:
        """The answers with a label."""
        return [one for one in self.answers if one.label]


def read(path: Path) -> list[Answer]:
    """The answers with a label, as `read_all` finds them."""
    return read_all(path).labelled


def read_all(path: Path) -> Returned:
    """The answers of a table, an export of Label Studio, or all such files of a folder and the folders in it, in the
    order of their names. Hidden files are passed over, and what is of another kind is noted.

    Raises UserError, which names the file and the line or task, and for a spreadsheet that is not read and whose folder
    holds no answer: the answers may be in it.
    """
    if (reason := readable.unfit(path)) is not None:
        raise UserError(f"labels.file={path}: {reason}; give a path that exists, or data/none for no file")
    if path.is_dir():
        return _of_folder(path)
    if path.suffix.lower() in _UNREAD:
        raise UserError(f"labels.file={path}: not read; save it as .xlsx or CSV (UTF-8), and give that")
    if path.suffix.lower() not in _READERS:
        raise UserError(
            f"labels.file={path}: no .csv, .tsv, .xlsx or .json; give a file or a folder that stages.export wrote"
        )
    return Returned(*_READERS[path.suffix.lower()](path))


def _of_folder(path: Path) -> Returned:
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _hidden(file.relative_to(path))]
    found, notes, answered, others = list[Answer](), list[str](), set[Path](), list[Path]()
    for file in files:
        if file.suffix.lower() in _READERS:
            one = read_all(file)
            found, notes = found + one.answers, notes + one.notes
            answered |= {file.parent} if one.answers else set()
        elif file.name not in _PAGES and not (file.name.startswith("sheet") and file.suffix == ".png"):
            others.append(file)
    for file in others:
        if file.suffix.lower() in _UNREAD and file.parent not in answered:
            raise UserError(f"{file}: not read, and no answer beside it; save it as .xlsx or CSV (UTF-8)")
    if others := [file for file in others if file.suffix.lower() not in _UNREAD]:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        notes.append(
            f"{path}: passed over {others[0].relative_to(path)}{more}; answers are .csv, .tsv, .xlsx or .json files"
        )
    return Returned(found, notes)


def _hidden(path: Path) -> bool:
    """Whether it is hidden, a system's, or the lock that Excel keeps beside an open file."""
    return any(litter(part) or part.startswith("~$") for part in path.parts)

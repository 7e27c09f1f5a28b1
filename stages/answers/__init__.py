"""Labels that people gave, read from the files in which they come back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stages.answers import label_studio, table
from stages.answers._answer import Answer, Images
from stages.base import readable
from stages.base.errors import UserError
from stages.base.litter import litter

_READERS: dict[str, Callable[[Path], list[Answer]]] = {".csv": table.read, ".json": label_studio.read}

__all__ = ["Answer", "Images", "read", "read_all"]


def read(path: Path) -> list[Answer]:
    """The answers of a CSV file, a JSON file, or all such files of a folder and the folders in it, in the order of
    their names; hidden ones, other kinds and what a system put there, such as #recycle, are passed over. An image
    without a label is no answer.

    Raises UserError, which names the file and the line or task.
    """
    return [one for one in read_all(path) if one.label]


def read_all(path: Path) -> list[Answer]:
    """The same with the images that were left without a label, in files that hold any: a file that holds none has not
    been worked on."""
    if (reason := readable.unfit(path)) is not None:
        raise UserError(f"labels.file={path}: {reason}; give a path that exists, or data/none for no file")
    if path.is_dir():
        inside = (file for file in sorted(path.rglob("*")) if file.is_file() and file.suffix.lower() in _READERS)
        return [one for file in inside if not _hidden(file.relative_to(path)) for one in read_all(file)]
    if path.suffix.lower() not in _READERS:
        raise UserError(f"labels.file={path}: neither .csv nor .json; give a file or a folder that stages.export wrote")
    found = _READERS[path.suffix.lower()](path)
    return found if any(one.label for one in found) else []


def _hidden(path: Path) -> bool:
    return any(map(litter, path.parts))

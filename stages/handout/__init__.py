"""What is handed to people: the images that a strategy chose, to look at and to label, in whatever tool they use.

One idea a file: `batch` says which images come next, `task` in which groups, `pictures` how they are shown, `trained`
what a model makes of them; `sheet`, `page`, `table` and `label_studio` write them.
Nothing here has a say in what a stage writes for DVC.
"""

from __future__ import annotations

from pathlib import Path

from stages import answers
from stages.base.errors import UserError
from stages.base.files import whole_folder
from stages.base.litter import of_system
from stages.handout import label_studio, page, sheet, table
from stages.handout.pictures import Picture, picture
from stages.handout.task import Handout, Origin, Task, arrange

__all__ = ["Handout", "Origin", "Picture", "Task", "arrange", "check", "picture", "write"]

_FILES = ("index.html", "labels.csv", "tasks.json", "config.xml")


def check(folder: Path) -> None:
    """Raises UserError for a folder that holds labels, or anything else that `write` did not write."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"{folder}: a file has that name; give a new folder")
    for file in sorted(folder.iterdir()):
        ours = file.name in _FILES or (file.name.startswith("sheet") and file.suffix == ".png")
        if not ours and not of_system(file.name):
            raise UserError(f"{folder}: it holds {file.name}, which no export wrote; give a new folder")
    labels = folder / "labels.csv"
    if labels.exists() and (count := len(answers.read(labels))):
        raise UserError(f"{labels}: it holds {count} labels; give a new folder")


def write(folder: Path, handout: Handout, prefix: str | None) -> None:
    """Writes the folder whole. prefix: null, or what Label Studio finds the images by, before their paths. Raises
    UserError where `check` does."""
    check(folder)
    # "." has no name to put the new folder beside
    with whole_folder(folder.resolve()) as room:
        sheet.write(room, handout)
        (room / "index.html").write_text(page.html(handout), encoding="utf-8")
        table.write(room / "labels.csv", handout)
        label_studio.write(room, handout, prefix)

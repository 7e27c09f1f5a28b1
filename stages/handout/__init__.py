"""What is handed to people: the images that a strategy chose, to look at and to label, in whatever tool they use.

One idea a file: `asked` says which images, in which groups; `sheet`, `page`, `table` and `label_studio` write them.
Nothing here has a say in what a stage writes for DVC.
"""

from __future__ import annotations

from pathlib import Path

from stages import answers
from stages.errors import UserError
from stages.files import whole_folder
from stages.handout import label_studio, page, sheet, table
from stages.handout.asked import Asked, Handout, Origin, ask

__all__ = ["Asked", "Handout", "Origin", "answered", "ask", "check", "write"]

_FILES = ("index.html", "labels.csv", "tasks.json", "config.xml", ".DS_Store")


def answered(path: Path | None) -> set[str]:
    """The images that people have labelled, by labels.file. Raises UserError for a file that can't be read."""
    return {answer.image for answer in answers.read(path)} if path else set()


def check(folder: Path) -> None:
    """Raises UserError for a folder that holds labels, or anything else that `write` did not write."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"--export {folder}: a file has that name; give a new folder")
    for file in sorted(folder.iterdir()):
        if file.name not in _FILES and not (file.name.startswith("sheet") and file.suffix == ".png"):
            raise UserError(f"--export {folder}: it holds {file.name}, which no export wrote; give a new folder")
    labels = folder / "labels.csv"
    if labels.exists() and (count := len(answers.read(labels))):
        raise UserError(f"--export {folder}: {labels} holds {count} labels; give a new folder")


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

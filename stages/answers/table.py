"""The table labels.csv, as it comes back from a browser, a text editor or a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from stages.answers import _studio_table
from stages.answers._answer import ANNOTATOR, LARGEST, VOTES, WAS, Answer, text_of, tidy
from stages.base.cells import unguarded
from stages.base.errors import UserError

WANTED = ("image", "label")
SKIPPED = "?"  # in the place of a label: nobody can tell
# by which Excel is told the separator; the head, on the next line, tells it as well
_SAID = re.compile(r'"?sep=."?[,;\t]*(\r\n|\r|\n)', re.IGNORECASE)


def read(path: Path) -> tuple[list[Answer], list[str]]:
    """What `answered` finds in the rows. Separated by commas, semicolons (Excel in much of Europe) or tabs, with any
    line ends; a line `sep=;` may stand before the head. A row may end early, as spreadsheets leave out empty last
    cells.

    Raises UserError, with the line's number.
    """
    text = text_of(path)
    said = _SAID.match(text)
    lines = 1 if said else 0
    text = text[said.end() :] if said else text
    separator, head = _head(text, path, lines + 1)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def rows() -> Iterator[tuple[str, list[str]]]:
        for row in reader:
            where = f"{path}, line {lines + reader.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) > len(head) or (len(row) < len(head) and not _ends_early(row, head)):
                raise UserError(f"{where}: {len(row)} columns, where the head has {len(head)}; mend or remove the line")
            yield where, row + [""] * (len(head) - len(row))

    theirs = _studio_table.is_one(head)
    # a picture may stand in a cell
    most = csv.field_size_limit(LARGEST) if theirs else csv.field_size_limit()
    try:
        next(reader)
        if theirs:
            found, _ = answered(path, _studio_table.HEAD, _studio_table.rows(head, rows(), SKIPPED))
            return found, [_studio_table.lost(path)]
        return answered(path, head, rows())
    except csv.Error as error:
        raise UserError(f"{path}, line {lines + reader.line_num}: not CSV: {error}; mend or remove the line") from None
    finally:
        csv.field_size_limit(most)


def answered(
    path: Path, head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> tuple[list[Answer], list[str]]:
    """The answers of the rows, each with its place, and notes, a line each. A row without a label has none yet; one
    with SKIPPED for a label has an answer without one.

    head: names of columns, in small letters; only `image`, `label` and, if they are there, `was` and `annotator` are
    read. The apostrophe that stands before what would be a formula is taken off.
    Raises UserError for a label without an image.
    """
    places = [head.index(name) if name in head else None for name in (*WANTED, WAS, ANNOTATOR)]
    found, images = list[Answer](), 0
    for where, row in rows:
        image, label, was, annotator = ("" if place is None else unguarded(row[place]) for place in places)
        label = tidy(label)
        if label and not image.strip():
            raise UserError(f"{where}: the label {label!r} without an image; fill in its path")
        images += bool(image.strip())
        if label:
            found.append(Answer(image, "" if label == SKIPPED else label, where, tidy(was), tidy(annotator)))
    open_ = f"{images - len(found):,} of {images:,} images have no label yet; {SKIPPED} marks what nobody can tell"
    return found, [f"{path}: {open_}"] if 0 < len(found) < images else []


def _ends_early(row: list[str], head: list[str]) -> bool:
    """Whether a short row lacks its last cells, rather than one before its label: it has no text where none belongs."""
    return all(
        name in ("image", "guess", WAS, VOTES, ANNOTATOR) or not cell.strip() or _is_number(cell)
        for name, cell in zip(head, row, strict=False)
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _head(text: str, path: Path, line: int) -> tuple[str, list[str]]:
    """The separator, and the names of the columns, in small letters."""
    first = next(io.StringIO(text, newline=""), "")
    for separator in ",;\t":
        try:
            names = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=separator), [])]
        except csv.Error as error:
            raise UserError(f"{path}, line {line}: not CSV: {error}; mend the line") from None
        if _studio_table.is_one(names):
            _studio_table.check(path, names)
            return separator, names
        if all(names.count(name) == 1 for name in WANTED):
            return separator, names
    wanted = "the first line must name the columns image and label, each once"
    raise UserError(f"{path}, line {line}: {wanted}, separated by commas, semicolons or tabs")

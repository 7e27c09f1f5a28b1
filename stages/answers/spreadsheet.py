"""The table as a spreadsheet keeps it: Excel's .xlsx, .xlsm, .xlsb and .xls, and LibreOffice's .ods."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from stages.answers import table
from stages.answers._answer import ANNOTATOR, LARGEST, WAS, Answer
from stages.base.errors import UserError

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_READ = (*table.WANTED, WAS, ANNOTATOR)


def read(path: Path) -> tuple[list[Answer], list[str]]:
    """What `table.answered` finds in all sheets whose first line names the columns image and label.

    Raises UserError, with sheet and line, for a file without such a sheet or that is none, and for a date in place of a
    text, into which spreadsheets turn what looks like one.
    """
    found, notes, tables = list[Answer](), list[str](), 0
    for name, rows in _sheets(path):
        filled = (number for number, row in enumerate(rows) if any(cell != "" for cell in row))
        first = next(filled, None)
        head = [] if first is None else [_text(cell).strip().lower() for cell in rows[first]]
        if first is None or any(head.count(column) != 1 for column in table.WANTED):
            continue
        tables += 1
        where = f"{path}, sheet {name}"
        answers, said = table.answered(path, head, _lines(where, head, rows, first + 1))
        found, notes = found + answers, notes + said
    if not tables:
        wanted = "no sheet whose first line names the columns image and label, each once"
        raise UserError(f"{path}: {wanted}; name them, or keep the file elsewhere")
    return found, notes


def _sheets(path: Path) -> Iterator[tuple[str, list[list[Any]]]]:
    from python_calamine import CalamineError, PasswordError, SheetTypeEnum, load_workbook

    size = path.stat().st_size
    with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as file:
        size = max(size, sum(one.file_size for one in file.infolist()))
    if size > LARGEST:
        raise UserError(f"{path} has {size:,} bytes, above the {LARGEST:,} allowed; cut it into files of one folder")
    try:
        with load_workbook(path) as book:
            for sheet in book.sheets_metadata:
                if sheet.typ == SheetTypeEnum.WorkSheet:  # not a chart
                    yield sheet.name, book.get_sheet_by_name(sheet.name).to_python(skip_empty_area=False)
    except (CalamineError, PasswordError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{path}: not a spreadsheet that can be read ({reason}); save it as .xlsx or CSV") from None


def _lines(
    where: str, head: Sequence[str], rows: Sequence[Sequence[Any]], start: int
) -> Iterator[tuple[str, Sequence[str]]]:
    for number, row in enumerate(rows[start:], start + 1):
        place = f"{where}, line {number}"
        for name, cell in zip(head, row, strict=True):
            if name in _READ and isinstance(cell, date | datetime | time | timedelta):
                way = "make the column text, and write again what it is"
                raise UserError(f"{place}: a date or a time, {cell}, in the column {name}; {way}")
        yield place, [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """As a spreadsheet would write it to CSV: whole numbers without a point."""
    if isinstance(cell, bool):
        return str(cell).upper()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)

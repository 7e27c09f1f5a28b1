"""Tables that come back as a spreadsheet keeps them, written by openpyxl."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from stages.answers import _answer, read, read_all, spreadsheet
from stages.base.errors import UserError

HEAD = ["image", "rank", "Label "]


def book(path: Path, **sheets: list[list[Any]]) -> Path:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def test_cells_are_read_as_the_texts_that_people_see(tmp_path: Path) -> None:
    rows = [["a.png", 1, " big  cat "], [], ["b.png", 2, 7], ["c.png", None, 0.5], ["'=d.png", 4, True], [5, 5, "x"]]
    path = book(tmp_path / "labels.xlsx", first=[[], HEAD, *rows, ["e.png", 6, None], ["f.png", 7, "?"]])
    back = read_all(path)
    assert [(one.image, one.label, one.where) for one in back.answers] == [
        ("a.png", "big cat", f"{path}, sheet first, line 3"),
        ("b.png", "7", f"{path}, sheet first, line 5"),
        ("c.png", "0.5", f"{path}, sheet first, line 6"),
        ("=d.png", "TRUE", f"{path}, sheet first, line 7"),
        ("5", "x", f"{path}, sheet first, line 8"),
        ("f.png", "", f"{path}, sheet first, line 10"),
    ]
    assert back.notes == [f"{path}: 1 of 7 images have no label yet; ? marks what nobody can tell"]


def test_every_sheet_with_the_columns_counts_and_no_other(tmp_path: Path) -> None:
    notes = [["who", "when"], ["eva", datetime.date(2026, 5, 3)]]
    again = [["label", "annotator", "was", "image"], ["dog", "Eva", "cat", "a.png"]]
    path = book(tmp_path / "labels.xlsm", one=[HEAD, ["a.png", 1, "cat"]], empty=[], notes=notes, two=again)
    found = [(one.image, one.label, one.was, one.annotator) for one in read(path)]
    assert found == [("a.png", "cat", "", ""), ("a.png", "dog", "cat", "Eva")]


def test_one_beside_a_table_is_read_too(tmp_path: Path) -> None:
    book(tmp_path / "labels.xlsx", one=[HEAD, ["a.png", 1, "cat"]])
    (tmp_path / "labels.csv").write_text("image,label\na.png,\n")  # as it was handed out
    (tmp_path / "~$labels.xlsx").write_text("Excel's lock")
    assert [(one.image, one.label) for one in read(tmp_path)] == [("a.png", "cat")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [HEAD, ["a.png", 1, datetime.date(2026, 4, 3)]],
            ", sheet s, line 2: a date or a time, 2026-04-03, in the col",
        ),
        ([HEAD, ["", 1, "cat"]], ", sheet s, line 2: the label 'cat' without an image; fill in its path"),
        ([["path", "label"], ["a.png", "cat"]], ": no sheet whose first line names the columns image and label, each"),
        ([["image", "label", "label"]], ": no sheet whose first line names"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_line(tmp_path: Path, rows: list[list[Any]], said: str) -> None:
    path = book(tmp_path / "labels.xlsx", s=rows)
    with pytest.raises(UserError, match=f"^{path}{said}"):
        read(path)


@pytest.mark.parametrize("name", [f"labels{suffix}" for suffix in (*spreadsheet.SUFFIXES, ".XLSX")])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"image,label\na.png,cat\n", b"\xd0\xcf\x11\xe0" * 200])
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        UserError, match=rf"{name}: not a spreadsheet that can be read \(.*\); save it as .xlsx or CSV$"
    ):
        read(tmp_path / name)


def test_a_damaged_one_is_refused(tmp_path: Path) -> None:
    """Cut anywhere, or with a byte changed: it is read or refused, and never ends otherwise."""
    whole = book(tmp_path / "labels.xlsx", s=[HEAD, *[[f"{row}.png", row, "cat"] for row in range(50)]]).read_bytes()
    for place in range(0, len(whole), 211):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :]):
            (tmp_path / "labels.xlsx").write_bytes(damaged)
            try:
                assert {one.label for one in read(tmp_path / "labels.xlsx")} <= {"cat"}
            except UserError as error:
                assert "\n" not in str(error)


def test_one_that_unpacks_to_more_than_answers_need_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("xl/workbook.xml", bytes(1 << 20))
    for module in (_answer, spreadsheet):
        monkeypatch.setattr(module, "LARGEST", 1 << 19)
    with pytest.raises(UserError, match=r"labels.xlsx has 1,048,576 bytes, above the 524,288 allowed; cut it"):
        read(tmp_path / "labels.xlsx")

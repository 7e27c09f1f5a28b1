import os
from pathlib import Path

import pytest

from stages.answers import _answer, read, read_all
from stages.base.errors import UserError


def test_a_folder_gives_the_answers_of_all_its_tables_and_exports(tmp_path: Path) -> None:
    for name in ("2/labels.csv", "10/Labels.CSV", "10/.labels.csv.7.partial/labels.csv", "10/.~labels.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"image,label\n{name},cat\n")
    (tmp_path / "1.json").write_text('[{"path": "x.png", "label": "dog"}]')
    for name in ("2/index.html", "2/sheet.png", "2/sheet-2.png", "2/config.xml", ".DS_Store", "10/~$labels.xlsx"):
        (tmp_path / name).write_text("what an export wrote, or a program keeps")
    assert [note.split(": ")[1][:8] for note in read_all(tmp_path).notes] == ["JSON-MIN"]
    found = [(one.image, one.label) for one in read(tmp_path)]
    assert found == [("x.png", "dog"), ("10/Labels.CSV", "cat"), ("2/labels.csv", "cat")]


def test_a_folder_without_answers_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.csv", "no such file or folder; give a path that exists"),
        ("x.numbers", r"not read; save it as .xlsx or CSV \(UTF-8\), and give that"),
        ("x.txt", "no .csv, .tsv, .xlsx or .json; give a file or a folder"),
        ("x" * 300, "the name is too long; give a path"),
        ("pipe.csv", "neither a file nor a folder"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "x.numbers").touch()
    (tmp_path / "x.txt").touch()
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(UserError, match=f"^labels.file={tmp_path / name}: {said}"):
        read(tmp_path / name)


@pytest.mark.parametrize("name", ["x.csv", "x.json"])
def test_a_file_too_large_for_answers_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(_answer, "LARGEST", 1999)
    (tmp_path / name).write_bytes(b" " * 2000)
    with pytest.raises(UserError, match=rf"{name} has 2,000 bytes, above the 1,999 allowed; cut it"):
        read(tmp_path / name)


@pytest.mark.parametrize("place", ["#recycle", "@eaDir", "@Recycle", "x/__MACOSX", ".ipynb_checkpoints"])
def test_answers_that_a_system_keeps_are_passed_over(tmp_path: Path, place: str) -> None:
    for folder, label in ((".", "cat"), (place, "dog")):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "labels.csv").write_text(f"image,label\n1.png,{label}\n")
    assert [one.label for one in read(tmp_path)] == ["cat"]


@pytest.mark.parametrize("name", ["labels.numbers", "labels.gsheet"])
def test_a_spreadsheet_that_is_not_read_without_an_answer_beside_it_is_refused(name: str, tmp_path: Path) -> None:
    for batch, label in (("1", "cat"), ("2", "")):
        (tmp_path / batch).mkdir()
        (tmp_path / batch / "labels.csv").write_text(f"image,label\n{batch}.png,{label}\n")
    (tmp_path / "1" / name).touch()  # which was saved as CSV
    assert [one.image for one in read(tmp_path)] == ["1.png"] and read_all(tmp_path).notes == []
    (tmp_path / "2" / name).touch()
    with pytest.raises(UserError, match=f"2/{name}: not read, and no answer beside it; save it as .xlsx or CSV"):
        read_all(tmp_path)


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,label\na.png,cat\n")
    (tmp_path / "notes.docx").touch()
    said = "answers are .csv, .tsv, .xlsx or .json files"
    assert read_all(tmp_path).notes == [f"{tmp_path}: passed over notes.docx; {said}"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "labels.txt").touch()
    assert read_all(tmp_path).notes == [f"{tmp_path}: passed over notes.docx and 1 more; {said}"]

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
    (tmp_path / "2" / "index.html").write_text("a page")
    found = [(one.image, one.label) for one in read(tmp_path)]
    assert found == [("x.png", "dog"), ("10/Labels.CSV", "cat"), ("2/labels.csv", "cat")]


def test_what_was_left_empty_counts_in_files_that_came_back_alone(tmp_path: Path) -> None:
    (tmp_path / "1.csv").write_text("image,label\na.png,cat\nb.png,\n")
    (tmp_path / "2.csv").write_text("image,label\nc.png,\n")
    assert [(one.image, one.label) for one in read_all(tmp_path)] == [("a.png", "cat"), ("b.png", "")]
    assert [one.image for one in read(tmp_path)] == ["a.png"]


def test_a_folder_without_answers_has_none(tmp_path: Path) -> None:
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone.csv", "no such file or folder; give a path that exists"),
        ("x.xlsx", "neither .csv nor .json"),
        ("x" * 300, "the name is too long; give a path"),
        ("pipe.csv", "neither a file nor a folder"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "x.xlsx").touch()
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

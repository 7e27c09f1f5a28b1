from pathlib import Path

import pytest

from stages import handout
from stages.base.errors import UserError
from tests.handout import made

FILES = ["config.xml", "index.html", "labels.csv", "sheet.png", "tasks.json"]


def test_all_of_it_and_again_in_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "batch"
    handout.write(folder, made.handout(250), None)
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "sheet-2.png"])
    handout.write(folder, made.handout(3), None)
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert len((folder / "labels.csv").read_text().splitlines()) == 4
    assert [path.name for path in folder.parent.iterdir()] == ["batch"]


def test_labels_are_never_replaced(tmp_path: Path) -> None:
    handout.write(tmp_path / "batch", made.handout(3), None)
    (tmp_path / "batch" / "labels.csv").write_text("image,label\n1.png,cat\n2.png,\n")
    with pytest.raises(UserError, match=rf"{tmp_path}/batch/labels\.csv: it holds 1 labels; give a new folder"):
        handout.write(tmp_path / "batch", made.handout(3), None)
    assert "cat" in (tmp_path / "batch" / "labels.csv").read_text()


@pytest.mark.parametrize("name", ["@eaDir", "Thumbs.db", ".DS_Store", "desktop.ini", "._labels.csv"])
def test_what_a_system_put_there_goes(name: str, tmp_path: Path) -> None:
    handout.write(tmp_path / "batch", made.handout(3), None)
    (tmp_path / "batch" / name).touch()
    handout.write(tmp_path / "batch", made.handout(3), None)
    assert not (tmp_path / "batch" / name).exists()


@pytest.mark.parametrize("name", [".git", "project-1.json", "holiday.jpg", "labels-2.csv", "inner/labels.csv"])
def test_neither_is_anything_that_no_export_wrote(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(UserError, match=f"it holds {name.split('/')[0]}, which no export wrote; give a new folder"):
        handout.write(tmp_path, made.handout(3), None)
    assert (tmp_path / name).exists()


def test_a_table_that_cannot_be_read_is_not_replaced_either(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("my notes")
    with pytest.raises(UserError, match=r"labels\.csv, line 1: "):
        handout.check(tmp_path)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "batch").touch()
    with pytest.raises(UserError, match="batch: a file has that name; give a new folder"):
        handout.check(tmp_path / "batch")

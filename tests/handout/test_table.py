from pathlib import Path

from stages.answers import read
from stages.handout import table
from tests.handout.made import handout


def test_one_line_for_each_image_with_an_empty_label(tmp_path: Path) -> None:
    table.write(tmp_path / "labels.csv", handout(2, clusters=1))
    assert (tmp_path / "labels.csv").read_text(encoding="utf-8-sig").splitlines() == [
        "image,rank,cluster,distance,kind,label",
        '"shots/0, ""ü"" <b>&.png",1,7,0.0,,',
        '"shots/1, ""ü"" <b>&.png",2,7,0.142857,a;b,',
    ]
    assert read(tmp_path / "labels.csv") == []


def test_a_guess_has_columns_of_its_own(tmp_path: Path) -> None:
    table.write(tmp_path / "labels.csv", handout(1, clusters=0, model=True))
    lines = (tmp_path / "labels.csv").read_text(encoding="utf-8-sig").splitlines()
    assert lines == ["image,rank,cluster,distance,guess,score,label", '"shots/0, ""ü"" <b>&.png",1,,0.0,cat,0.7500,']


def test_filled_in_it_is_read_back(tmp_path: Path) -> None:
    given, path = handout(), tmp_path / "labels.csv"
    table.write(path, given)
    filled = path.read_text(encoding="utf-8").replace(",\n", ",cat\n").replace("\n", "\r\n")
    path.write_text(filled, encoding="utf-8", newline="")
    assert [(one.image, one.label) for one in read(path)] == [(one.image, "cat") for one in given.tasks]

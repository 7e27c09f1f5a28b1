from dataclasses import replace
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


def test_names_that_look_like_formulas_come_back(tmp_path: Path) -> None:
    names = ["=cmd.jpg", "@1.jpg", "+2.jpg", "-3.jpg", "'=4.jpg", "'5.jpg"]
    given = handout(6, classes=("=x", "-1"), model=True)
    tasks = [replace(one, image=name, reasons={"energy": "-0.5"}) for one, name in zip(given.tasks, names, strict=True)]
    table.write(tmp_path / "labels.csv", replace(given, tasks=tasks))
    text = (tmp_path / "labels.csv").read_text()
    rows = [line.split(",") for line in text.splitlines()[1:]]
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "-3"))]
    assert {row[4] for row in rows} == {"'=x", "-1"} and {row[3] for row in rows} == {"-0.5"}
    head, *lines = text.splitlines()
    filled = [f"{line}{row[4]}" for line, row in zip(lines, rows, strict=True)]
    (tmp_path / "labels.csv").write_text("\n".join([head, *filled]))
    found = [(one.image, one.label) for one in read(tmp_path / "labels.csv")]
    assert found == list(zip(names, ["=x", "-1"] * 3, strict=True))

from pathlib import Path

import pytest

from stages.answers import read, read_all
from stages.base.errors import UserError

HEAD = "image,rank,cluster,distance,label"
ROWS = [HEAD, "a/1.png,1,0,0.5,cat", "a/2.png,2,0,0.7,", "b, c.png,3,1,0.1,dog"]


def found(path: Path, data: str | bytes) -> list[tuple[str, str, str]]:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return [(one.image, one.label, one.where) for one in read(path)]


def quoted(rows: list[str]) -> str:
    return "\n".join(rows).replace("b, c.png", '"b, c.png"')


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_as_browsers_editors_and_spreadsheets_write_it(tmp_path: Path, separator: str, mark: str, end: str) -> None:
    rows = [row.replace(",", separator).replace(f"b{separator} c", "b, c") for row in ROWS]
    text = mark + quoted(rows).replace("\n", end) + end
    path = tmp_path / "labels.csv"
    assert found(path, text) == [("a/1.png", "cat", f"{path}, line 2"), ("b, c.png", "dog", f"{path}, line 4")]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "first", ["{mark}sep={separator}", '{mark}"sep={separator}"', "{mark}SEP={separator}{separator}"]
)
def test_a_line_that_tells_excel_the_separator_is_passed_over(
    tmp_path: Path, first: str, separator: str, end: str
) -> None:
    path = tmp_path / "labels.csv"
    rows = [first.format(mark="\ufeff", separator=separator), "image,label", "1.png,cat", "2.png,", "3.png,sep=x"]
    text = end.join(rows[:1] + [row.replace(",", separator) for row in rows[1:]])
    assert found(path, text) == [("1.png", "cat", f"{path}, line 3"), ("3.png", "sep=x", f"{path}, line 5")]
    with pytest.raises(UserError, match="line 2: the first line must name the columns"):
        found(path, text.replace("label", "class"))
    with pytest.raises(UserError, match="line 3: the label 'cat' without an image"):
        found(path, text.replace("1.png", ""))


def test_columns_in_any_order_and_lines_without_anything(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    text = "Label, note ,Image\ncat,,1.png\n,,\n\n  big   cat ,x, 2.png \n,,3.png\n"
    assert found(path, text) == [("1.png", "cat", f"{path}, line 2"), (" 2.png ", "big cat", f"{path}, line 5")]


def test_a_line_is_counted_where_a_cell_goes_over_two(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    text = 'image,note,label\n1.png,"two\nlines",cat\n2.png,,dog\n'
    assert found(path, text)[1] == ("2.png", "dog", f"{path}, line 4")


def test_a_row_may_end_early_as_spreadsheets_leave_out_empty_last_cells(tmp_path: Path) -> None:
    text = "image,rank,cluster,guess,score,label\n1.png,1,0,cat,0.9,cat\n2.png,2,,cat,0.8\n3.png,3,\n4.png\n"
    path = tmp_path / "labels.csv"
    assert found(path, text) == [("1.png", "cat", f"{path}, line 2")]
    open_ = "3 of 4 images have no label yet; ? marks what nobody can tell"
    assert read_all(path).notes == [f"{path}: {open_}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,label\n1.png,cat\n2.png,cat,x\n", "line 3: 3 columns, where the head has 2; mend or remove the line"),
        ("image,rank,label\n1.png,cat\n", "line 2: 2 columns, where the head has 3"),
        ("image,label\n,cat\n", "line 2: the label 'cat' without an image; fill in its path"),
        ('image,label\n"1.png"x,cat\n', "line 2: not CSV: "),
        ('image,label\n1.png,"cat\n', "line 2: not CSV: "),
        ("path,label\n1.png,cat\n", "line 1: the first line must name the columns image and label, each once"),
        ("image,label,label\n1.png,cat,dog\n", "line 1: the first line must name"),
        ('"image,rank,label";\n"1.png,1,";cat\n', "line 1: the first line must name"),
        ("", "line 1: the first line must name"),
        ('"annotation_id","image","label","lead_time"\n7,"data:x","cat",1\n', "no column path; import the tasks.json"),
        (
            '"annotation_id","image","path","lead_time"\n7,"data:x","1.png",1\n',
            "no column label; label with config.xml",
        ),
        ("image,label\n1.png,cat\n2.png,Küche\n".encode("latin-1"), r"line 3: not UTF-8; save it as UTF-8 \(in Excel"),
        ("image,label\n1.png,cat\n".encode("utf-16"), "line 1: not UTF-8"),
        ("x" * 200_000 + ",label\n", "line 1: not CSV: field larger than"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(UserError, match=rf"labels\.csv(, |: ){said}"):
        found(tmp_path / "labels.csv", text)


def test_apostrophes_that_keep_a_spreadsheet_from_formulas_are_taken_off(tmp_path: Path) -> None:
    """As exported, and as people type them: in a spreadsheet an apostrophe before a text is not part of it."""
    text = "image,label\n'@1.jpg,'=x\n'-a.png,-1\n=b.png,=x\n''=c.png,'tis\n"
    (tmp_path / "labels.csv").write_text(text)
    found = read(tmp_path / "labels.csv")
    assert [one.image for one in found] == ["@1.jpg", "-a.png", "=b.png", "'=c.png"]
    assert [one.label for one in found] == ["=x", "-1", "=x", "'tis"]


def test_a_tsv_is_read(tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("image\tlabel\n1.png\tcat\n")
    assert [(one.image, one.label) for one in read(tmp_path / "labels.tsv")] == [("1.png", "cat")]


def test_a_label_that_was_looked_at_again_comes_with_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,rank,was,label\na.png,1, cat ,dog\nb.png,2,'=x,?\n")
    found = read_all(path).answers
    assert [(one.image, one.label, one.was) for one in found] == [("a.png", "dog", "cat"), ("b.png", "", "=x")]


def test_a_column_says_who_gave_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,Annotator,label\na.png, Eva  M ,dog\nb.png,,cat\nc.png,'=x,?\nd.png,Max\n")
    found = read_all(path).answers
    assert [(one.image, one.label, one.annotator) for one in found] == [
        ("a.png", "dog", "Eva M"),
        ("b.png", "cat", ""),
        ("c.png", "", "=x"),
    ]


def test_what_is_empty_has_no_answer_yet_and_a_mark_says_that_nobody_can_tell(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("image,label\na.png,cat\nb.png,\nc.png, ? \nd.png,??\n")
    back = read_all(path)
    assert [(one.image, one.label) for one in back.answers] == [("a.png", "cat"), ("c.png", ""), ("d.png", "??")]
    assert back.notes == [f"{path}: 1 of 4 images have no label yet; ? marks what nobody can tell"]
    path.write_text("image,label\na.png,\nb.png,\n")  # as it was handed out
    assert read_all(path).answers == read_all(path).notes == []
    path.write_text("image,label\na.png,?\n")
    assert [one.label for one in read_all(path).answers] == [""]

"""Label Studio's CSV and TSV, as its converter (label-studio-sdk 2.1.2) wrote them from tasks of ours: two people on
one image, one image submitted empty, one that nobody opened, one skipped, which is not there."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from stages.answers import read_all
from stages.answers._answer import Answer
from stages.base.errors import UserError

HEAD = (
    '"annotation_id","annotator","created_at","distance","id","image","label","lead_time","path","rank","updated_at"\n'
)
LINES = [
    '10,"ann@example.org","2026-12-01",0.5,1,"data:image/png;base64,AAAA","cat",2.5,"a, b.jpg",1,"2026-12-01"',
    '12,"bob@example.org","2026-12-01",0.5,1,"data:image/png;base64,AAAA","dog",3.5,"a, b.jpg",1,"2026-12-01"',
    '30,"ann@example.org","2026-12-01",0.5,3,"data:image/png;base64,AAAA","",2.5,"empty.jpg",3,"2026-12-01"',
    '"","","",0.5,4,"data:image/png;base64,AAAA","","","not opened.jpg",4,""',
]


def read(path: Path, *lines: str, separator: str = ",") -> list[Answer]:
    path.write_text(HEAD.replace(",", separator) + "".join(f"{line}\n" for line in lines))
    returned = read_all(path)
    assert returned.notes == [
        f"{path}: Label Studio's tables leave out what was skipped, which is handed out again; export it as JSON"
    ]
    return returned.answers


def shown(answers: list[Answer]) -> list[tuple[str, str, str]]:
    return [(one.image, one.label, one.annotator) for one in answers]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_the_image_is_our_path_and_each_annotation_an_answer(tmp_path: Path, separator: str) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(csv.reader(LINES))
    answers = read(tmp_path / "result.csv", *out.getvalue().splitlines(), separator=separator)
    assert shown(answers) == [
        ("a, b.jpg", "cat", "ann@example.org"),
        ("a, b.jpg", "dog", "bob@example.org"),
        ("empty.jpg", "", "ann@example.org"),
    ]
    assert answers[1].where == f"{tmp_path / 'result.csv'}, line 3"


def test_several_labels_of_one_annotation_are_several_answers(tmp_path: Path) -> None:
    cell = LINES[0].replace('"cat"', '"{""choices"": [""cat"", ""dog""]}"')
    assert [one.label for one in read(tmp_path / "a.csv", cell)] == ["cat", "dog"]
    assert [one.label for one in read(tmp_path / "b.csv", LINES[0].replace('"cat"', '"[1"'))] == ["[1"]


def test_a_picture_in_a_cell_may_be_large(tmp_path: Path) -> None:
    assert len(read(tmp_path / "a.csv", LINES[0].replace("AAAA", "A" * 300_000))) == 1


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(HEAD + LINES[0] + "\n" + LINES[1][:60] + '"\n')
    with pytest.raises(UserError, match=r"a\.csv, line 3: "):
        read_all(tmp_path / "a.csv")

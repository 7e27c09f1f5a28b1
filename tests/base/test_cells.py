import csv
import io

import pytest

from stages.base.cells import guarded, unguarded

FORMULAS = ["=1+1", "+a", "-a", "@x.jpg", "\tx", "\rx", "-", "=", "+1", "-1-1", "-1e", "\uff1d1+1"]
OTHERS = ["", "a", "a=1", "'a", "''", "-1", "-1.5", "-2e-05", "3", " =x"]


@pytest.mark.parametrize("text", [*FORMULAS, *OTHERS, "'=x", "''-x", "'-1", "'@"])
def test_each_text_comes_back(text: str) -> None:
    assert unguarded(guarded(text)) == text
    out = io.StringIO()
    csv.writer(out).writerow([guarded(text)])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert [unguarded(cell) for cell in row] == [text]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_run_has_an_apostrophe_before_it(text: str) -> None:
    assert guarded(text) == f"'{text}"
    assert unguarded(text) == text


@pytest.mark.parametrize("text", OTHERS)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert guarded(text) == unguarded(text) == text

"""Commands as they were once spelt: each is answered with the one of today."""

from __future__ import annotations

import shlex
import sys

import pytest

from stages import compare, show
from stages.base.errors import run


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["--pairs", "gradual", "--metric", "nmi"], "pairs gradual --metric nmi"),
        (["--csv=a b.csv", "--pairs", "gradual"], "pairs gradual --csv 'a b.csv'"),
        (["--advice"], "advice"),
        (["--advice", "a", "b", "--csv", "x"], "advice a b --csv x"),
        (
            ["--revisions", "n1", "n2", "--metric", "nmi", "--advice", "a"],
            "advice a --revisions n1 n2 --metric nmi",
        ),
        (["--revisions", "main", "v1", "--csv", "x"], "revisions main v1 --csv x"),
        (["--table", "features"], "table features"),
    ],
)
def test_what_compare_took_once_is_answered_with_the_command_of_today(
    old: list[str], new: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", *old])
    with pytest.raises(SystemExit) as refused:
        run(compare.main)
    assert refused.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: stages.compare --") and line.endswith(f" is now: python -m stages.show {new}")
    # and that is a command
    monkeypatch.setattr(sys, "argv", ["show", *shlex.split(new)])
    assert show.question().kind == new.split()[0]


@pytest.mark.parametrize("words", ["--table features --pairs a", "--csv x", "--metric nmi", "gradual", "--all"])
def test_compare_takes_nothing_else(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", *words.split()])
    with pytest.raises(SystemExit):
        compare.main()

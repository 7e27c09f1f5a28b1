"""Commands as they were once spelt: each is answered with the one of today."""

from __future__ import annotations

import shlex
import sys
from types import ModuleType

import pytest

from stages import compare, export, select, show
from stages.base.errors import run


def answer(stage: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the stage as its command does."""
    monkeypatch.setattr(sys, "argv", [stage.__name__, *words])
    with pytest.raises(SystemExit) as refused:
        run(stage.main)
    assert refused.value.code == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kmeans --export labels/1 --model probe", "kmeans labels/1 --model probe"),
        ("--export=labels/1 kmeans", "kmeans labels/1"),
        ("kmeans --seed 0 --export 'my labels' --images http://x/", "kmeans 'my labels' --images http://x/ --seed 0"),
    ],
)
def test_select_export(old: str, new: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answer(select, shlex.split(old), monkeypatch)
    said = f"error: stages.select --export is now: python -m stages.export {new}\n"
    assert capsys.readouterr().err == said
    # and that is a command
    asked = export.parser().parse_args(shlex.split(new))
    assert asked.strategy == "kmeans" and str(asked.folder) in new


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
def test_the_options_of_compare(
    old: list[str], new: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(compare, old, monkeypatch)
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

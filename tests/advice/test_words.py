"""The advice as people read it: sentences, the table, and the command, on rounds and on revisions."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from stages import compare, questions
from stages.advice import words
from stages.advice.forecast import Points, forecast
from stages.base.errors import UserError
from stages.project import layout
from tests import blocks
from tests.reporting.test_revisions import command, commit

ROOT = Path(__file__).parent.parent.parent
LABELS = [100, 200, 400, 800]


def accuracy(labels: float, a: float = 3, b: float = 0.5, c: float = 0.1) -> float:
    return 1 - a * labels**-b - c


def points(values: list[float], labels: list[int] = LABELS, spread: float = math.nan, seeds: int = 1) -> Points:
    count = len(values)
    told = np.array(labels[:count], dtype=float)
    return Points(told, np.array(values), np.full(count, spread), np.full(count, seeds))


def said(values: list[float], **changes: Any) -> str:
    return words.sentence("m", forecast(points(values, **changes)))


def test_a_sentence_says_what_is_so_far_what_it_takes_and_how_sure_that_is() -> None:
    found = said([accuracy(n) for n in LABELS], spread=0.002, seeds=5)
    start = "m: 79.4 % with 800 labels; about 180 more (95 %: "
    assert found.startswith(start)
    assert found.endswith(" to 230) for the next point (80.4 %)")
    uneven = said([accuracy(n) for n in LABELS[:3]] + [accuracy(800) - 0.01], spread=0.01, seeds=3)
    assert uneven.startswith("m: 78.4 % with 800 labels (78.5 % by the curve); about 230 more (95 %: ")
    assert uneven.endswith(") for the next point (79.5 %)")


def test_a_sentence_says_what_it_does_not_know() -> None:
    assert said([0.5, 0.6]).endswith(
        "about 17 more (no interval) for the next point (61.0 %); of two numbers of labels alone, "
        "as if no error were to remain"
    )
    assert said([0.6, 0.55, 0.5]) == "m: 50.0 % with 400 labels; more labels have not helped so far, so no forecast"
    level = said([accuracy(n, 40, 1.3, 0.3) for n in LABELS], spread=0.0001, seeds=5)
    assert level == (
        "m: 69.3 % with 800 labels; the curve levels off at 70.0 %: the next point (70.3 %) may be out of reach"
    )


def test_where_no_point_is_left_none_is_promised() -> None:
    assert said([0.9, 0.97, 0.995]).endswith("levels off at 100.0 %: the next point may be out of reach")
    assert "levels off at 100.0 %" in said([0.9, 0.97, 1.0])


def test_beyond_the_trusted_reach_no_number_is_given() -> None:
    values = [accuracy(n, 0.2, 0.05, 0.3) for n in LABELS]
    far = (
        "m: 55.7 % with 800 labels; more than 2,400 more for the next point (56.7 %), beyond where the curve is trusted"
    )
    assert said(values) == far
    assert said(values, spread=0.01, seeds=3) == f"{far} (95 %: 1 or more)"
    assert words.written({"m": forecast(points(values))})[1][-3:] == ["> 2,400"] * 3


def test_the_table_for_people_and_the_rows_for_programs() -> None:
    curves = {"good": points([accuracy(n) for n in LABELS], spread=0.01, seeds=3), "flat": points([0.5, 0.4, 0.4])}
    found = words.forecasts(curves | {"one": points([0.5])})
    assert list(found) == ["good", "flat"]
    head, good, flat = words.written(found)
    assert head == ["model", "labels", "accuracy (%)", "by the curve (%)", "+1 point", "+2 points", "+5 points"]
    assert good[:4] == ["good", "800", "79.39", "79.39"]
    assert good[4].startswith("180 (") and good[6].endswith(" or more)")
    assert flat[4:] == ["–", "–", "–"]
    row, other = words.rows(found)
    assert row["more_1"] == pytest.approx(175.2, abs=1)
    assert row["more_1_low"] < row["more_1"] < row["more_1_high"]
    assert (row["trusted"], row["points"]) == (2400, 4)
    assert "more_1" not in other


def write_histories(folder: Path, model: str, *, rounds: bool, labels: list[int]) -> None:
    for seed in (0, 1):
        rows = []
        for number, told in enumerate(labels):
            for epoch in (1, 2):  # the first of two epochs is a bad one
                value = accuracy(told) + 0.004 * (-1) ** (seed + number) if epoch == 2 else 0.1
                row = {"epoch": 2 * number + epoch, "labels_revealed": told, "validation_accuracy": value}
                rows.append(row | ({"round": number} if rounds else {}))
        path = layout.seed_folder(folder / layout.MODELS / model, seed) / "history.csv"
        path.parent.mkdir(parents=True)
        pd.DataFrame(rows).to_csv(path, index=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """params.yaml with three models: one trained in rounds, one in a single round, one by a schedule."""
    raw = blocks.base()
    raw["seeds"] = [0, 1]
    raw["models"] = dict.fromkeys(("active", "single", "gradual"), raw["models"]["supervised"])
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    write_histories(tmp_path, "active", rounds=True, labels=LABELS)
    write_histories(tmp_path, "single", rounds=True, labels=[100, 100])
    write_histories(tmp_path, "gradual", rounds=False, labels=LABELS)
    return tmp_path


def test_the_command_on_rounds(workspace: Path) -> None:
    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stages.compare", "--advice", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)

    done = call("--csv", "advice.csv")
    assert done.returncode == 0, done.stderr
    assert "\nactive: 79.4 % with 800 labels" in done.stdout
    assert "\nsingle: 79" not in done.stdout and "and of no other number" in done.stdout
    assert "gradual" not in done.stdout
    table = pd.read_csv(workspace / "advice.csv")
    assert table["model"].tolist() == ["active"]
    assert table.loc[0, "labels"] == 800
    refused = call("gradual")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: gradual: no accuracy after rounds of labelling; train in rounds")
    assert len(refused.stderr.splitlines()) == 1


def test_what_is_not_there_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    models = ["active", "single", "gradual"]
    with pytest.raises(UserError, match=r"--advice actve: no model of params\.yaml; did you mean active"):
        questions.advise(models, [0, 1], ["actve"], None)
    with pytest.raises(UserError, match=r"single: 60\.0 % with 100 labels, and of no other number; train in rounds"):
        questions.advise(models, [0, 1], ["single"], None)
    with pytest.raises(UserError, match="no accuracy after rounds of labelling"):
        questions.advise(["gradual"], [0, 1], [], None)


@pytest.mark.parametrize(
    "arguments",
    [["--advice", "--metric", "accuracy"], ["--advice", "--pairs", "m"], ["--csv", "x"], ["--metric", "nmi"]],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["compare", *arguments])
    with pytest.raises(SystemExit):
        compare.main()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three branches with budgets of 100, 400 and 1,600, spread over 3 seeds; probe is on one of them alone."""
    folder = tmp_path_factory.mktemp("repository")
    command(folder, "git", "init", "-q", "-b", "main")
    for name, labels in (("few", 100), ("some", 400), ("many", 1600)):
        command(folder, "git", "checkout", "-qb", name)
        found: dict[str, float] = {"accuracy": accuracy(labels), "accuracy_std": 0.005, "accuracy_n": 3, "nmi": 0.1}
        metrics = {"supervised": found | {"labels_used": labels}}
        if name == "some":
            metrics["probe"] = metrics["supervised"]
        commit(folder, metrics)
    return folder


def test_the_command_on_revisions(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(repository)
    command = ["compare", "--advice", "--revisions", "few", "many", "some", "many", "--csv", "table.csv"]
    monkeypatch.setattr(sys, "argv", command)
    compare.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "accuracy at few, many, some."
    assert lines[3].startswith("supervised: 82.5 % with 1,600 labels; about 530 more (95 %: ")
    assert lines[4].startswith("probe: 75.0 % with 400 labels, and of no other number; train in rounds")
    assert pd.read_csv("table.csv")["model"].tolist() == ["supervised"]
    Path("table.csv").unlink()


def test_revisions_that_make_no_curve_are_refused(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    with pytest.raises(UserError, match=r"^supervised: 75\.0 % with 400 labels, and of no other number"):
        questions.advise_across([], ["some"], "accuracy", None)
    for metric in ("nmi", "accuracy_std", "accuracy_n"):
        with pytest.raises(UserError, match=rf"--metric {metric}: advice is on accuracies"):
            questions.advise_across([], ["some", "many"], metric, None)
    with pytest.raises(UserError, match=r"--metric acuracy: no model has it; did you mean accuracy\?"):
        questions.advise_across([], ["some", "many"], "acuracy", None)
    with pytest.raises(UserError, match=r"--advice prob: no revision has its accuracy; did you mean probe\?"):
        questions.advise_across(["prob"], ["some", "many"], "accuracy", None)

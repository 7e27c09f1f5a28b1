from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from scipy.stats import ttest_rel

from stages import compare, questions
from stages.base.errors import UserError
from stages.project import params
from stages.reporting import pairs

SCORES = {
    "base": [{"accuracy": 0.5}, {"accuracy": 0.7}, {"accuracy": 0.6}],
    "better": [{"accuracy": 0.55}, {"accuracy": 0.73}, {"accuracy": 0.67}],
    "half": [{"accuracy": 0.4}, {"accuracy": None}, {}],
    "none": [{"accuracy": None}, {}, {"other": 1.0}],
}


def test_the_interval_is_that_of_the_paired_t_test() -> None:
    row, _ = pairs.differences(SCORES, "base", "accuracy")
    values = [[one["accuracy"] for one in SCORES[name]] for name in ("better", "base")]
    low, high = ttest_rel(*values).confidence_interval(0.95)
    assert row["model"] == "better" and row["n"] == 3 and row["difference"] == pytest.approx(0.05)
    assert (row["low"], row["high"]) == pytest.approx((low, high))


def test_a_seed_that_lacks_either_is_left_out_and_one_seed_has_no_interval() -> None:
    rows = pairs.differences(SCORES, "base", "accuracy")
    assert [row["model"] for row in rows] == ["better", "half"]
    assert rows[1] == {"model": "half", "n": 1, "difference": pytest.approx(-0.1), "low": None, "high": None}


def test_written_in_points_with_a_sign() -> None:
    lines = pairs.written(pairs.differences(SCORES, "base", "accuracy"), "base", "accuracy")
    assert lines[0] == ["model", "accuracy - base (points)", "95 % interval", "seeds"]
    assert lines[1] == ["better", "+5.00", "+0.03 to +9.97", "3"]
    assert lines[2] == ["half", "-10.00", "–", "1"]


def test_what_is_not_there_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"--pairs bas: no model of params\.yaml; did you mean base"):
        pairs.differences(SCORES, "bas", "accuracy")
    with pytest.raises(UserError, match="--metric acuracy: no model has it; did you mean accuracy"):
        pairs.differences(SCORES, "base", "acuracy")


def test_the_table_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("base", "better"):
        folder = tmp_path / "data" / "evaluation" / model
        folder.mkdir(parents=True)
        seeds = [{"seed": seed, "scores": scores} for seed, scores in enumerate(SCORES[model])]
        (folder / "scores.json").write_text(json.dumps({"seeds": seeds}))
    monkeypatch.chdir(tmp_path)
    questions.in_pairs(["base", "better"], [0, 1, 2], "base", "accuracy", Path("pairs.csv"))
    assert "+5.00" in capsys.readouterr().out
    assert Path("pairs.csv").read_text().splitlines()[0] == "model,n,difference,low,high"
    with pytest.raises(UserError, match=r"made with seeds \[0, 1, 2\]"):
        questions.in_pairs(["base", "better"], [0, 1], "base", "accuracy", None)


def test_the_command_compares_the_figure_that_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, nmi in (("base", 0.2), ("better", 0.25)):
        folder = tmp_path / "data" / "evaluation" / model
        folder.mkdir(parents=True)
        seeds = [{"seed": seed, "scores": {"accuracy": 0.5, "nmi": nmi}} for seed in (0, 1)]
        (folder / "scores.json").write_text(json.dumps({"seeds": seeds}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(params, "read", lambda: SimpleNamespace(models=dict.fromkeys(["base", "better"]), seeds=[0, 1]))
    monkeypatch.setattr(sys, "argv", ["compare", "--pairs", "base", "--metric", "nmi"])
    compare.main()
    printed = capsys.readouterr().out
    assert "nmi - base" in printed and "+0.0500" in printed
    monkeypatch.setattr(sys, "argv", ["compare", "--pairs", "base"])
    compare.main()
    assert "accuracy - base (points)" in capsys.readouterr().out

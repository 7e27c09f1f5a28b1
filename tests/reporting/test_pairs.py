from __future__ import annotations

import pytest
from scipy.stats import ttest_rel

from stages.base.errors import UserError
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
    with pytest.raises(UserError, match=r"^pairs bas: no model of params\.yaml; did you mean base"):
        pairs.differences(SCORES, "bas", "accuracy")
    with pytest.raises(UserError, match="--metric acuracy: no model has it; did you mean accuracy"):
        pairs.differences(SCORES, "base", "acuracy")

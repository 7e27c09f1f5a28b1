"""Which guesses are accepted."""

from __future__ import annotations

import numpy as np
import pytest

from stages.calibration.verdict import interval, least_confidence, verdicts


def test_the_most_guesses_that_keep_the_precision_are_accepted() -> None:
    confidence = np.array([0.99, 0.9, 0.8, 0.7, 0.6])
    right = np.array([True, False, True, True, False])
    # shares of the first k: 1, 1/2, 2/3, 3/4, 3/5
    assert least_confidence(confidence, right, 0.75) == 0.7
    assert least_confidence(confidence, right, 0.76) == 0.99
    assert least_confidence(confidence, right, 0.6) == 0.6
    assert least_confidence(confidence[1:], right[1:], 1.0) is None
    assert least_confidence(np.empty(0), np.empty(0, bool), 0.5) is None


def test_guesses_of_one_confidence_stand_or_fall_together() -> None:
    right = np.array([True, True, False, False])
    assert least_confidence(np.full(4, 0.9), right, 0.9) is None
    assert least_confidence(np.array([0.95, 0.9, 0.9, 0.9]), right, 0.9) == 0.95


def test_order_has_no_say() -> None:
    rng = np.random.default_rng(0)
    confidence, right = rng.random(200).round(2), rng.random(200) < 0.8
    order = rng.permutation(200)
    assert least_confidence(confidence, right, 0.85) == least_confidence(confidence[order], right[order], 0.85)


def test_what_is_accepted_has_the_precision_on_what_it_was_read_off() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(500)
    right = rng.random(500) < confidence
    least = least_confidence(confidence, right, 0.9)
    accepted = verdicts(confidence, least) == "accept"
    assert right[accepted].mean() >= 0.9
    assert accepted.any() and not accepted.all()


def test_verdicts() -> None:
    assert verdicts(np.array([0.95, 0.9, 0.5, 0.49]), 0.9).tolist() == ["accept", "accept", "review", "ask"]
    assert verdicts(np.array([1.0, 0.3]), None).tolist() == ["review", "ask"]


def test_the_interval_is_clopper_and_pearson_s() -> None:
    assert interval(0, 10) == (0, pytest.approx(1 - 0.025**0.1))
    assert interval(8, 10) == (pytest.approx(0.4439, abs=1e-4), pytest.approx(0.9748, abs=1e-4))

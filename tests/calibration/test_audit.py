"""Intervals that hold what they say, by simulation; and the estimate by hand."""

from __future__ import annotations

import numpy as np
import pytest

from stages.calibration.audit import Estimate, assisted, estimate, exact


def pool(size: int, accuracy: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Confidences, and whether each guess is right, with about that share; confidence is honest."""
    rng = np.random.default_rng(seed)
    odds = accuracy / (1 - accuracy)
    confidence = 1 / (1 + np.exp(-(np.log(odds) + 2 * rng.normal(size=size))))
    return confidence, rng.random(size) < confidence


def audits(count: int, accuracy: float, times: int = 400) -> tuple[float, float, float]:
    """Of audits of so many labels: how often each interval holds the truth (exact, assisted), and how wide the second
    is beside the first."""
    confidence, right = pool(20_000, accuracy, 0)
    rng, held, widths = np.random.default_rng(1), np.zeros(2), np.zeros(2)
    for _ in range(times):
        drawn = rng.choice(len(right), count, replace=False)
        for place, one in enumerate(
            (exact(right[drawn]), assisted(right[drawn], confidence[drawn], confidence.mean()))
        ):
            held[place] += one.low <= right.mean() <= one.high
            widths[place] += one.high - one.low
    return held[0] / times, held[1] / times, widths[1] / widths[0]


@pytest.mark.parametrize("count", [30, 120])
@pytest.mark.parametrize("accuracy", [0.5, 0.9, 0.98])
def test_both_intervals_hold_the_truth_as_often_as_they_say(count: int, accuracy: float) -> None:
    plain, narrow, width = audits(count, accuracy)
    # 95 % of 400 audits, less twice the error of that count
    assert plain > 0.93 and narrow > 0.93
    assert width < 1.02
    if count == 120 and accuracy < 0.95:
        assert width < 0.93


def test_without_help_of_the_confidence_it_is_the_share() -> None:
    right = np.array([True] * 24 + [False] * 6)
    found = assisted(right, np.full(30, 0.7), 0.7)
    assert found.accuracy == 0.8
    plain = exact(right)
    assert plain == Estimate(0.8, pytest.approx(0.6143, abs=1e-4), pytest.approx(0.9229, abs=1e-4), 30)
    assert found.low == pytest.approx(plain.low, abs=0.02) and found.high == pytest.approx(plain.high, abs=0.02)


def test_a_sample_that_was_easier_than_the_pool_is_corrected_downwards() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.random(200)
    right = rng.random(200) < confidence
    found = assisted(right, confidence, float(confidence.mean()) - 0.1)
    slope = np.polyfit(confidence, right.astype(float), 1)[0]
    assert found.accuracy == pytest.approx(right.mean() - 0.1 * slope)


def test_guesses_that_are_all_right_get_the_exact_interval_and_so_do_few() -> None:
    rng = np.random.default_rng(0)
    assert assisted(np.ones(40, bool), rng.random(40), 0.5) == exact(np.ones(40, bool))
    few = np.array([True, False, True])
    assert assisted(few, rng.random(3), 0.5) == exact(few)
    assert exact(np.ones(40, bool)).high == 1.0


def test_the_figures_of_an_audit_leave_out_what_has_no_label() -> None:
    rng = np.random.default_rng(0)
    logits, others = rng.normal(size=(40, 3)) * 3, rng.normal(size=(500, 3)) * 3
    labels = np.where(np.arange(40) < 30, logits.argmax(1), -1)
    labels[:6] = (labels[:6] + 1) % 3
    found = estimate(logits, others, labels)
    assert found["audit_labels"] == 30 and found["audit_accuracy_counted"] == 0.8
    assert found["audit_accuracy_counted_low"] == pytest.approx(0.6143, abs=1e-4)
    low, middle, high = (found[f"audit_accuracy{end}"] for end in ("_low", "", "_high"))
    assert low is not None and middle is not None and high is not None and low < middle < high
    nobody = estimate(logits, others, np.full(40, -1))
    assert nobody.pop("audit_labels") == 0 and len(nobody) == 6 and set(nobody.values()) == {None}

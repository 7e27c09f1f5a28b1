"""What labels that a model was not told say of its guesses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from stages.calibration.trust import Trust


def drawn(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are twice too sure, and labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(count, 4)) * 4
    shares = np.exp(logits / 2) / np.exp(logits / 2).sum(1, keepdims=True)
    return logits, np.array([rng.choice(4, p=share) for share in shares])


def test_what_is_accepted_elsewhere_is_right_as_often_as_was_wanted() -> None:
    logits, labels = drawn(3000, 0)
    trust = Trust.measured(logits, labels, np.arange(3000) % 5, 0.9)
    assert trust.accepted_right / trust.accepted >= 0.9
    assert trust.calibration_error is not None and trust.calibration_error_before is not None
    assert trust.calibration_error < trust.calibration_error_before / 2
    others, truth = drawn(20_000, 1)
    guesses = trust.guesses(others)
    accepted = guesses.verdict == "accept"
    assert (guesses.first == truth)[accepted].mean() == pytest.approx(0.9, abs=0.02)
    assert guesses.probability[accepted].min() >= (trust.least or 2) > guesses.probability[~accepted].max()


def test_the_runner_up_is_the_second_likeliest() -> None:
    guesses = Trust(0, 0, 1.0, None, 0.9, 0, 0, None, None).guesses(np.log([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]]))
    assert guesses.first.tolist() == [1, 0] and guesses.second.tolist() == [2, 2]
    assert guesses.probability == pytest.approx([0.5, 0.6]) and guesses.second_probability == pytest.approx([0.3, 0.3])


def test_a_single_class_has_no_runner_up() -> None:
    guesses = Trust(0, 0, 1.0, None, 0.9, 0, 0, None, None).guesses(np.zeros((2, 1)))
    assert guesses.first.tolist() == [0, 0] and guesses.second.tolist() == [-1, -1]
    assert guesses.second_probability.tolist() == [0, 0]


def test_without_labels_nothing_is_accepted_and_it_says_so() -> None:
    trust = Trust.measured(np.empty((0, 3)), np.empty(0, np.int64), np.empty(0, np.int64), 0.95)
    assert trust.guesses(np.array([[9.0, 0, 0], [0, 0, 0]])).verdict.tolist() == ["review", "ask"]
    assert "none is accepted" in trust.lines()[0]


def test_a_precision_that_is_never_met_is_said() -> None:
    trust = Trust.measured(np.eye(3)[[0, 1, 2, 0]], np.array([1, 2, 0, 1]), np.arange(4) % 2, 0.95)
    assert trust.least is None and any("no guess is accepted" in line for line in trust.lines())


def test_a_precision_that_a_few_labels_show_is_none() -> None:
    logits = np.eye(3)[np.arange(60) % 3] * np.linspace(6, 1, 60)[:, None]
    labels = np.arange(60) % 3
    labels[9::2] = (labels[9::2] + 1) % 3
    assert Trust.measured(logits, labels, np.arange(60) % 5, 0.95).least is None
    labels = np.arange(60) % 3
    labels[10::2] = (labels[10::2] + 1) % 3
    trust = Trust.measured(logits, labels, np.arange(60) % 5, 0.95)
    assert trust.least is not None and trust.accepted == trust.accepted_right == 10


def test_what_is_accepted_is_right_among_the_audited_too() -> None:
    """Labels that a strategy chose as typical are guessed right more often than others."""
    logits, labels = drawn(300, 0)
    typical = np.where(np.arange(300) % 3 > 0, logits.argmax(1), labels)
    folds = np.arange(300) % 5
    others, truth = drawn(3100, 1)
    truth[:100] = -1
    alone = Trust.measured(logits, typical, folds, 0.9)
    trust = Trust.measured(logits, typical, folds, 0.9, (others, truth))
    assert alone.least is not None and trust.least is not None and trust.least > alone.least
    assert trust.temperature == alone.temperature and alone.audited == 0
    rest, answers = drawn(20_000, 2)
    for one in (alone, trust):
        accepted = one.guesses(rest).verdict == "accept"
        share = (rest.argmax(1) == answers)[accepted].mean()
        assert (share >= 0.88) == (one is trust)
    accepted = trust.guesses(others[100:]).verdict == "accept"
    assert (trust.audited, trust.audited_accepted) == (3000, accepted.sum())
    assert trust.audited_accepted_right == (others[100:].argmax(1) == truth[100:])[accepted].sum()
    share = trust.audited_accepted_right / trust.audited_accepted
    assert any(line.startswith("Of 3,000 audited images") and f"{share:.1%}" in line for line in trust.lines())


def test_a_few_audited_images_have_no_say_and_wrong_ones_let_nothing_through() -> None:
    logits, labels = drawn(3000, 0)
    folds, others = np.arange(3000) % 5, drawn(40, 1)[0]
    alone = Trust.measured(logits, labels, folds, 0.9)
    wrong = (others.argmax(1) + 1) % 4
    assert Trust.measured(logits, labels, folds, 0.9, (others[:9], wrong[:9])).least == alone.least
    assert Trust.measured(logits, labels, folds, 0.9, (others, np.full(40, -1))).least == alone.least
    trust = Trust.measured(logits, labels, folds, 0.9, (others, wrong))
    assert trust.least is None and "Of 40 audited images it would accept none." in trust.lines()
    assert any(
        "labels or more right, of these and of the audited: no guess is accepted" in one for one in trust.lines()
    )


def test_it_survives_json() -> None:
    logits, labels = drawn(200, 0)
    trust = Trust.measured(logits, labels, np.arange(200) % 5, 0.8)
    assert Trust(**json.loads(json.dumps(dataclasses.asdict(trust)))) == trust
    assert len(trust.lines()) == 3

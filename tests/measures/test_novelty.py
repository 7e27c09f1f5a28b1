from __future__ import annotations

import numpy as np
import pytest

from stages.measures import novelty

# through 6 epochs: cat from the first, dog from the third, frog from the last, newt never
THROUGH = {
    "cat": np.array([0.2, 0.8, 0.4, 0.4, 0.5, 0.6]),
    "dog": np.array([0.0, 0.0, 0.1, 0.3, 0.5, 0.5]),
    "frog": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.3]),
    "newt": np.zeros(6),
}
INTRODUCED = {"cat": 1, "dog": 3, "frog": 6, "newt": None}


@pytest.mark.parametrize(
    ("share", "accuracies", "introduced", "expected"),
    [
        (0.5, THROUGH["dog"], 3, 2),
        (0.9, THROUGH["dog"], 3, 3),
        (0.5, THROUGH["cat"], 1, 2),
        # what comes later than the first time does not count
        (0.9, THROUGH["cat"], 1, 2),
        (0.9, THROUGH["frog"], 6, 1),
        (0.5, THROUGH["newt"], None, None),
        (0.5, np.zeros(6), 2, None),
        (0.5, np.empty(0), 1, None),
        # a class named by chance before it was seen has not been learnt by then
        (0.5, np.array([0.9, 0.1, 0.8]), 2, 2),
        (0.5, np.array([0.2, 0.1]), 1, 1),
    ],
)
def test_epochs_are_counted_from_first_sight(share, accuracies, introduced, expected) -> None:
    assert novelty.epochs_to(share, accuracies, introduced) == expected


def test_what_is_known_before_is_measured_before_and_in_the_end() -> None:
    assert novelty.known_before("dog", THROUGH, INTRODUCED) == pytest.approx((0.8, 0.6))
    assert novelty.known_before("frog", THROUGH, INTRODUCED) == pytest.approx((0.5, 0.55))
    assert novelty.known_before("cat", THROUGH, INTRODUCED) is None
    assert novelty.known_before("newt", THROUGH, INTRODUCED) is None


def test_classes_that_appear_together_are_not_known_to_one_another() -> None:
    found = novelty.known_before("frog", THROUGH, {"cat": 1, "dog": 6, "frog": 6, "newt": None})
    assert found == pytest.approx((0.5, 0.6))


def test_one_class() -> None:
    assert novelty.of_class("dog", THROUGH, INTRODUCED) == {
        "epochs_to_50": 2,
        "epochs_to_90": 3,
        "known_kept": pytest.approx(0.75),
    }
    assert set(novelty.of_class("newt", THROUGH, INTRODUCED).values()) == {None}


def test_the_summary_is_of_late_classes_alone() -> None:
    assert novelty.summary(THROUGH, INTRODUCED) == {
        "late_classes": 2,
        "late_classes_learnt": 2,
        "epochs_to_50": 1.5,
        "epochs_to_90": 2.0,
        "known_kept": pytest.approx((0.6 + 0.55) / (0.8 + 0.5)),
    }
    assert novelty.summary(THROUGH, dict.fromkeys(THROUGH, 1)) == {}
    assert novelty.summary(THROUGH, {"cat": 1, "dog": None, "frog": None, "newt": None}) == {}


def test_a_late_class_never_learnt_is_counted_and_has_no_epochs() -> None:
    found = novelty.summary({"cat": THROUGH["cat"], "dog": np.zeros(6)}, {"cat": 1, "dog": 3})
    assert (found["late_classes"], found["late_classes_learnt"], found["epochs_to_50"]) == (1, 0, None)


def test_without_validation_nothing_is_measured() -> None:
    none = {name: np.empty(0) for name in THROUGH}
    assert novelty.summary(none, INTRODUCED) == {
        "late_classes": 2,
        "late_classes_learnt": None,
        "epochs_to_50": None,
        "epochs_to_90": None,
        "known_kept": None,
    }


def test_nothing_known_before_cannot_be_kept() -> None:
    through = {"cat": np.array([0.0, 0.5]), "dog": np.array([0.0, 0.5])}
    assert novelty.summary(through, {"cat": 1, "dog": 2})["known_kept"] is None

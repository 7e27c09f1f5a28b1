"""Which points make a curve of accuracy by labels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.advice import points
from stages.advice.forecast import Points
from stages.reporting import tables


def history(labels: list[int], accuracy: list[Any], rounds: list[int] | None = None) -> pd.DataFrame:
    columns: dict[str, Any] = {"labels_told": labels, "validation_accuracy": accuracy}
    return pd.DataFrame({"epoch": range(1, len(labels) + 1)} | ({"round": rounds} if rounds else {}) | columns)


def by_round(histories: dict[tuple[str, int], pd.DataFrame]) -> dict[str, Points]:
    return points.by_round(tables.curves(histories))


def test_the_last_epoch_of_each_round_counts_over_seeds() -> None:
    rounds = [0, 0, 1, 1, 2, 2]
    labels = [10, 10, 20, 20, 30, 30]
    histories = {
        ("active", 0): history(labels, [0.9, 0.2, 0.9, 0.4, 0.1, 0.5], rounds),
        ("active", 1): history(labels, [0.9, 0.4, 0.9, 0.4, 0.1, 0.7], rounds),
    }
    found = by_round(histories)["active"]
    assert found.labels_told.tolist() == [10, 20, 30]
    assert found.accuracy == pytest.approx([0.3, 0.4, 0.6])
    assert found.spread == pytest.approx([math.sqrt(0.02), 0, math.sqrt(0.02)])
    assert found.seeds.tolist() == [2, 2, 2]


def test_what_a_seed_has_in_all_rounds_is_told_from_what_it_has_in_one() -> None:
    histories = {
        ("m", 0): history([10, 20], [0.1, 0.5], [0, 1]),
        ("m", 1): history([10, 20], [0.3, 0.5], [0, 1]),
        ("m", 2): history([10, 20], [0.3, 0.7], [0, 1]),
    }
    assert by_round(histories)["m"].offset == pytest.approx(0.1)  # of 0.3, 0.4 and 0.5
    assert math.isnan(by_round({("m", 0): histories["m", 0]})["m"].offset)


def test_the_epochs_of_a_schedule_are_no_curve() -> None:
    assert by_round({("gradual", 0): history([10, 20, 30], [0.1, 0.2, 0.3])}) == {}


def test_a_round_that_was_not_measured_is_no_point() -> None:
    found = by_round({("m", 0): history([10, 10, 20, 20], [0.1, 0.2, None, None], [0, 0, 1, 1])})["m"]
    assert found.labels_told.tolist() == [10]
    assert np.isnan(found.spread).all()
    assert by_round({("m", 0): history([10, 20], [None, None], [0, 1])}) == {}


def test_a_round_without_a_label_has_no_place_on_the_curve() -> None:
    found = by_round({("m", 0): history([0, 10, 20], [0.1, 0.2, 0.3], [0, 1, 2])})["m"]
    assert found.labels_told.tolist() == [10, 20]


def test_revisions_give_points_in_the_order_of_their_labels() -> None:
    metrics: list[dict[str, dict[str, float]]] = [
        {"m": {"accuracy": 0.7, "labels_told": 400, "accuracy_std": 0.02, "accuracy_n": 3}, "probe": {"accuracy": 0.1}},
        {"m": {"accuracy": 0.5, "labels_told": 100}, "other": {"accuracy": 0.3, "labels_told": 100}},
        {"m": {"labels_told": 200}},
        {"old": {"accuracy": 0.4, "labels_used": 50}},
    ]
    found = points.by_revision(metrics, "accuracy")
    assert found.pop("old").labels_told.tolist() == [50]
    assert list(found) == ["m", "other"]
    assert found["m"].labels_told.tolist() == [100, 400]
    assert found["m"].accuracy.tolist() == [0.5, 0.7]
    assert found["m"].spread[1] == 0.02 and np.isnan(found["m"].spread[0])
    assert found["m"].seeds.tolist() == [1, 3]


def test_an_audit_is_as_sure_as_its_labels_however_well_the_seeds_agree() -> None:
    one = {"labels_told": 100, "audit_accuracy": 0.8, "audit_accuracy_low": 0.7, "audit_accuracy_high": 0.896}
    (found,) = points.by_revision([{"m": {**one, "audit_labels": 64}}], "audit_accuracy").values()
    # the error of the mean, as the forecast has it from a spread over seeds
    assert found.spread[0] / np.sqrt(found.seeds[0]) == pytest.approx(0.05, abs=1e-4)
    assert found.seeds.tolist() == [64]

"""The quality of a choice, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stages.geometry.neighbours import nearest
from stages.measures.choice import quality
from stages.selection import Selection

LINE = torch.tensor([[0.0], [1.0], [10.0], [13.0]])


def chosen(*indices: int, clusters: np.ndarray | None = None) -> Selection:
    return Selection(np.array(indices), clusters)


def measured(selection: Selection, labels: np.ndarray, classes: list[str]) -> tuple[dict[str, Any], list[str]]:
    return quality(*nearest(LINE, LINE[selection.indices], 1), selection, labels, classes)


def test_figures_of_a_good_choice() -> None:
    figures, notes = measured(chosen(0, 2), np.array([0, 0, 1, 1]), ["a", "b"])
    assert figures == {
        "class_counts": {"a": 1, "b": 1},
        "balance": pytest.approx(1),
        "smallest_share": 0.5,
        "mean_distance": 1,
        "largest_distance": 3,
        **dict.fromkeys(["nmi", "ami", "homogeneity", "completeness", "v_measure"], pytest.approx(1)),
        "ari": 1,
        "left_out": 0,
    }
    assert notes == []


def test_own_clusters_come_before_nearest_chosen() -> None:
    selection = chosen(0, 2, clusters=np.zeros(4, np.int64))
    figures, _ = measured(selection, np.array([0, 0, 1, 1]), ["a", "b"])
    assert (figures["nmi"], figures["ari"]) == (0, 0)


def test_noise_is_one_more_cluster() -> None:
    pure = chosen(0, 2, clusters=np.array([0, -1, 1, -1]))
    figures, _ = measured(pure, np.array([0, 0, 1, 1]), ["a", "b"])
    assert figures["homogeneity"] == pytest.approx(0.5)  # the noise holds both classes
    one = chosen(0, 2, clusters=np.array([0, 0, -1, -1]))
    assert measured(one, np.array([0, 0, 1, 1]), ["a", "b"])[0]["ari"] == 1


def test_unknown_labels_are_left_out_and_counted() -> None:
    figures, notes = measured(chosen(0, 1, 2), np.array([0, -1, 1, -1]), ["a", "b"])
    assert figures["class_counts"] == {"a": 1, "b": 1} and figures["left_out"] == 1
    assert notes == ["nmi, ari: 2 images of the pool without a label are left out"]


def test_of_too_few_labels_no_class_balance_is_told() -> None:
    figures, notes = measured(chosen(0, 1, 3), np.array([0, -1, 1, -1]), ["a", "b"])
    assert figures["balance"] is figures["smallest_share"] is None and figures["class_counts"] == {"a": 1, "b": 0}
    assert notes[0] == "balance, smallest_share: only 1 of 3 images chosen have a label"


def test_without_labels_figures_are_null_and_said_to_be() -> None:
    figures, notes = measured(chosen(0, 2), np.full(4, -1), ["a", "b"])
    assert [figures[key] for key in ("balance", "smallest_share", "nmi", "ari")] == [None] * 4
    assert figures["mean_distance"] == 1 and figures["left_out"] == 2
    assert notes == [
        "balance, smallest_share: no chosen image has a label",
        "nmi, ari: no image of the pool has a label",
    ]

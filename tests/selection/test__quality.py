"""The quality of a choice, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stages.selection import Selection
from stages.selection._quality import quality

CPU = torch.device("cpu")
LINE = np.array([[0.0], [1.0], [10.0], [13.0]], np.float32)


def chosen(*indices: int, clusters: np.ndarray | None = None) -> Selection:
    return Selection(np.array(indices), clusters)


def test_figures_of_a_good_choice() -> None:
    figures, notes = quality(LINE, chosen(0, 2), np.array([0, 0, 1, 1]), ["a", "b"], CPU)
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
    figures, _ = quality(LINE, selection, np.array([0, 0, 1, 1]), ["a", "b"], CPU)
    assert (figures["nmi"], figures["ari"]) == (0, 0)


def test_noise_is_one_more_cluster() -> None:
    pure = chosen(0, 2, clusters=np.array([0, -1, 1, -1]))
    figures, _ = quality(LINE, pure, np.array([0, 0, 1, 1]), ["a", "b"], CPU)
    assert figures["homogeneity"] == pytest.approx(0.5)  # the noise holds both classes
    one = chosen(0, 2, clusters=np.array([0, 0, -1, -1]))
    assert quality(LINE, one, np.array([0, 0, 1, 1]), ["a", "b"], CPU)[0]["ari"] == 1


def test_unknown_labels_are_left_out_and_counted() -> None:
    figures, notes = quality(LINE, chosen(0, 1, 2), np.array([0, -1, 1, -1]), ["a", "b"], CPU)
    assert figures["class_counts"] == {"a": 1, "b": 1} and figures["left_out"] == 1
    assert notes == ["nmi, ari: 2 images of the pool without a label are left out"]


def test_without_labels_figures_are_null_and_said_to_be() -> None:
    figures, notes = quality(LINE, chosen(0, 2), np.full(4, -1), ["a", "b"], CPU)
    assert [figures[key] for key in ("balance", "smallest_share", "nmi", "ari")] == [None] * 4
    assert figures["mean_distance"] == 1 and figures["left_out"] == 2
    assert notes == [
        "balance, smallest_share: no chosen image has a label",
        "nmi, ari: no image of the pool has a label",
    ]

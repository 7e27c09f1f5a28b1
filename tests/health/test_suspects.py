"""Labels that are probably wrong."""

from __future__ import annotations

import numpy as np
import pytest

from stages.health.suspects import guessed, out_of_fold, suspects

CLASSES = ["ant", "bee", "cat"]


def world(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 [count, 6] of three classes that a line tells apart, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    points = rng.normal(size=(count, 6)) * 0.5
    points[np.arange(count), labels] += 3
    return points.astype(np.float32), labels


def test_flipped_labels_are_found_with_what_they_should_be() -> None:
    points, true = world()
    given = true.copy()
    wrong = np.random.default_rng(1).permutation(300)[:30]
    given[wrong] = (given[wrong] + 1) % 3
    found = suspects(points, given, np.arange(300), CLASSES, 0)
    assert set(found.rows.tolist()) <= set(wrong.tolist()) and len(found.rows) >= 20
    assert (found.guess == true[found.rows]).all()
    assert (np.diff(found.given) >= 0).all() and (found.given < found.share).all()
    again = suspects(points, given, np.arange(300), CLASSES, 0)
    assert again.rows.tolist() == found.rows.tolist()


def test_unknown_labels_are_neither_learnt_from_nor_suspected() -> None:
    points, true = world()
    given = np.where(np.arange(300) < 150, true, -1)
    given[0] = 2
    found = suspects(points, given, np.arange(300), CLASSES, 0)
    assert found.rows.tolist() == [0] and found.guess.tolist() == [0]


def test_copies_do_not_vouch_for_each_other() -> None:
    """Each copy of a picture is held out with the others."""
    points, true = world()
    points[270:], true[270:] = points[0], 2
    true[0] = 2
    first = np.where(np.arange(300) >= 270, 0, np.arange(300))
    apart, alone = out_of_fold(points, true, first, 0)[270:, 2], out_of_fold(points, true, np.arange(300), 0)[270:, 2]
    assert (apart < 0.1).all() and (alone > 0.2).all()


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([-1] * 6, "no image has a label"),
        ([1, 1, 1, -1, -1, -1], "labels are of one class alone"),
        ([0, 1, 2, -1, -1, -1], "two classes with labels of two images each are needed"),
    ],
)
def test_what_cannot_be_told_is_said(labels: list[int], said: str) -> None:
    found = suspects(world(6)[0], np.array(labels), np.arange(6), CLASSES, 0)
    assert len(found.rows) == 0 and found.notes[-1] == f"suspect labels: cannot tell, as {said}"


def test_a_class_with_one_label_is_left_out_and_named() -> None:
    points, true = world(61)
    given = np.where(true == 2, -1, true)
    given[2] = 2
    given[3] = 1
    found = suspects(points, given, np.arange(61), CLASSES, 0)
    assert found.rows.tolist() == [3]
    assert found.notes == ("suspect labels: class cat has labels of one image, of which nothing can be told",)


def test_two_labels_of_each_class_are_enough_to_run() -> None:
    points, true = world(6)
    assert len(suspects(points, true, np.arange(6), CLASSES, 0).rows) <= 6


def test_all_images_get_a_guess_by_labels_of_others() -> None:
    """Of those with a label out of fold, of those without by all; of what cannot be learnt there is none."""
    points, true = world()
    labels = np.where(np.arange(300) < 200, true, -1)
    labels[true == 2] = -1
    labels[2] = 2  # one image of the class
    found = guessed(points, labels, np.arange(300), 4, 0)
    assert np.isnan(found[2]).all() and np.isfinite(np.delete(found, 2, axis=0)).all()
    assert (np.delete(found, 2, axis=0)[:, 2:] == 0).all()
    np.testing.assert_allclose(np.delete(found, 2, axis=0).sum(axis=1), 1, rtol=1e-5)
    assert (found[true < 2].argmax(axis=1) == true[true < 2]).all()
    known = np.flatnonzero((labels >= 0) & (labels < 2))
    folds = out_of_fold(points[known], labels[known], known, 0)
    np.testing.assert_array_equal(found[known, :2], folds)
    assert np.isnan(guessed(points, np.zeros(300, np.int64), np.arange(300), 2, 0)).all()

"""The whole report on a small set with everything wrong in it."""

from __future__ import annotations

import numpy as np
import pytest

from stages.health.report import KINDS, Images, Report, examine
from tests.health.test_looks import photos
from tests.health.test_repeats import changed

CLASSES = ["ant", "bee"]
FLIPPED = [60, 62, 64, 65]


def world() -> tuple[Images, Images, np.ndarray]:
    """120 training images, the last 20 of them for validation, and 10 test images; features that tell the classes."""
    train, test = photos(120), photos(10, seed=1)
    labels = np.arange(120) % 2
    train[4] = train[2]  # of one class
    train[7] = train[2]  # of another
    train[110] = changed(train[50])[0]
    test[3] = train[10]
    test[5] = changed(train[21])[1]
    train[30] = 0
    features = np.random.default_rng(0).normal(size=(120, 8)).astype(np.float32)
    features[:, :3] += 4 * labels[:, None]
    features[110], features[[4, 7]] = features[50], features[2]
    labels[FLIPPED] = 1 - labels[FLIPPED]
    features[99, 3:] = 12
    names = [f"train/{row}.jpg" for row in range(120)]
    parts = ["pool"] * 100 + ["validation"] * 20
    return (
        Images(train, np.arange(120), names, labels, parts),
        Images(test, np.arange(10), [f"test/{row}.jpg" for row in range(10)], np.arange(10) % 2, ["test"] * 10),
        features,
    )


@pytest.fixture(scope="module")
def report() -> Report:
    train, test, features = world()
    return examine(train, test, features, CLASSES, 0)


def pairs(report: Report, kind: str) -> list[tuple[str, str]]:
    return [(str(row["image"]), str(row["other"])) for row in report.rows() if row["finding"] == kind]


def test_repeated_pictures_are_named_with_what_they_repeat(report: Report) -> None:
    assert pairs(report, "test image equal to a training image") == [("test/3.jpg", "train/10.jpg")]
    assert pairs(report, "test image nearly equal to a training image") == [("test/5.jpg", "train/21.jpg")]
    assert pairs(report, "equal") == [("train/4.jpg", "train/2.jpg"), ("train/7.jpg", "train/2.jpg")]
    assert pairs(report, "nearly equal") == [("train/50.jpg", "train/110.jpg")]
    assert report.repeated().tolist() == [row in (3, 5) for row in range(10)]


def test_pairs_with_two_labels_are_found_within_and_across_parts(report: Report) -> None:
    # the flipped label is of no pair; 3 and 5 are odd, 10 is even, 21 odd
    assert pairs(report, "two labels") == [("test/3.jpg", "train/10.jpg"), ("train/7.jpg", "train/2.jpg")]
    row = next(one for one in report.rows() if one["finding"] == "two labels")
    assert (row["image_label"], row["other_label"], row["image_part"], row["other_part"]) == (
        *("bee", "ant", "test", "pool"),
    )


def test_suspects_outliers_and_odd_pictures_are_named(report: Report) -> None:
    suspects = [row for row in report.rows() if row["finding"] == "suspect label"]
    assert {row["image"] for row in suspects} <= {f"train/{row}.jpg" for row in (*FLIPPED, 7, 99)}
    first = next(row for row in suspects if row["image"] == "train/62.jpg")
    assert (first["image_label"], first["guess"]) == ("bee", "ant") and first["guess_probability"] > 0.5
    assert pairs(report, "outlier")[0] == ("train/99.jpg", "")
    assert pairs(report, "dark") == pairs(report, "one colour") == [("train/30.jpg", "")]
    assert list(report.findings) == list(KINDS)


def test_without_features_or_labels_the_report_says_what_it_cannot_tell() -> None:
    train, test, features = world()
    blind = examine(train, test, None, CLASSES, 0)
    assert "outliers and suspect labels: cannot tell without features" in blind.notes
    assert not blind.findings["outlier"] and not blind.findings["suspect label"]
    assert pairs(blind, "nearly equal") == [("train/50.jpg", "train/110.jpg")]
    nobody = Images(train.packed, train.rows, train.names, np.full(120, -1), train.parts)
    unlabelled = examine(nobody, test, features, CLASSES, 0)
    assert "suspect labels: cannot tell, as no image has a label" in unlabelled.notes
    assert pairs(unlabelled, "two labels") == []
    assert {row["image_label"] for row in unlabelled.rows() if str(row["image"]).startswith("train")} == {""}


def test_sets_without_a_test_part_or_with_two_images_are_looked_at_too() -> None:
    train, test, features = world()
    none = Images(test.packed[:0], np.zeros(0, np.int64), [], np.zeros(0, np.int64), [])
    alone = examine(train, none, features, CLASSES, 0)
    assert len(alone.repeated()) == 0 and pairs(alone, "equal")
    two = Images(train.packed, np.array([2, 4]), train.names[:2], np.array([0, 1]), train.parts[:2])
    few = examine(two, test, features[[2, 4]], CLASSES, 0)
    assert pairs(few, "equal") == pairs(few, "two labels") == [("train/1.jpg", "train/0.jpg")]

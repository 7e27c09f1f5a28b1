"""What the page and the text say of what is wrong with the data."""

from __future__ import annotations

import numpy as np

from stages.health.report import KINDS, examine
from stages.reporting import health
from stages.reporting.page import html
from tests.health.test_report import CLASSES, world


def test_the_section_names_the_worst_and_shows_them() -> None:
    train, test, features = world()
    report = examine(train, test, features, CLASSES, 0)
    section = health.section(report, {"probe": (0.5, 0.25)}, "simclr")
    assert "100 training" not in section.caption and "120 training images" in section.caption
    assert "features simclr" in section.caption
    assert section.points[0].startswith("2 of 10 test images repeat a training image, 1 in every pixel; the others")
    assert section.points[1] == "probe: test accuracy 50.00 %, without these 25.00 %"
    assert [row[0] for row in section.table[1:]] == list(KINDS)
    assert ["equal", "2", "train/4.jpg (ant) = train/2.jpg (ant): 0 bits"] in section.table
    page = html("a page", [section])
    assert page.count("<details open>") == 4
    assert page.count('src="data:image/png;base64,') == sum(
        len(card.images) for one in section.folded for card in one.cards
    )
    text = "\n".join(health.worst(report))
    assert "train/30.jpg (ant)" in text and "nearly equal (training images" in text


def test_a_clean_set_has_a_section_without_pictures() -> None:
    train, test, _ = world()
    report = examine(train, test, None, CLASSES, 0)
    for found in report.findings.values():
        found.clear()
    section = health.section(report, {}, "")
    assert not section.folded and {row[1] for row in section.table[1:]} == {"0"}
    assert section.points == report.notes and health.worst(report) == []


def test_accuracy_without_repeats_leaves_out_unknown_labels_and_predictions_of_other_images() -> None:
    labels = np.array([0, 1, 1, -1, 0])
    predicted = {"a": np.array([[0, 1, 0, 0, 1], [0, 1, 1, 0, 1]]), "stale": np.zeros((2, 4), np.int64)}
    repeated = np.array([True, True, False, False, False])
    assert health.without_repeats(labels, predicted, repeated) == {"a": (5 / 8, 0.25)}
    assert health.without_repeats(labels, predicted, np.zeros(5, bool)) == {}
    assert health.without_repeats(labels, predicted, np.ones(5, bool)) == {}

"""The advice as people read it: sentences, the table, and the command, on rounds and on revisions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stages.advice import words
from stages.advice.forecast import Points, forecast

LABELS = [100, 200, 400, 800]


def accuracy(labels: float, a: float = 3, b: float = 0.5, c: float = 0.1) -> float:
    return 1 - a * labels**-b - c


def points(values: list[float], labels: list[int] = LABELS, spread: float = math.nan, seeds: int = 1) -> Points:
    count = len(values)
    told = np.array(labels[:count], dtype=float)
    return Points(told, np.array(values), np.full(count, spread), np.full(count, seeds))


def said(values: list[float], **changes: Any) -> str:
    return words.sentence("m", forecast(points(values, **changes)))


def test_a_sentence_says_what_is_so_far_what_it_takes_and_how_sure_that_is() -> None:
    found = said([accuracy(n) for n in LABELS], spread=0.002, seeds=5)
    start = "m: 79.4 % with 800 labels; about 180 more (95 %: "
    assert found.startswith(start)
    assert found.endswith(" to 220) for the next point (80.4 %)")
    uneven = said([accuracy(n) for n in LABELS[:3]] + [accuracy(800) - 0.01], spread=0.005, seeds=3)
    assert uneven.startswith("m: 78.4 % with 800 labels (78.5 % by the curve); about 230 more (95 %: ")
    assert uneven.endswith(") for the next point (79.5 %)")


def test_a_sentence_says_what_it_does_not_know() -> None:
    assert said([0.5, 0.6]).endswith(
        "about 17 more (no interval) for the next point (61.0 %); of two numbers of labels alone, "
        "as if no error were to remain"
    )
    assert said([0.6, 0.55, 0.5]) == "m: 50.0 % with 400 labels; more labels have not helped so far, so no forecast"
    level = said([accuracy(n, 40, 1.3, 0.3) for n in LABELS], spread=0.0001, seeds=5)
    assert level == (
        "m: 69.3 % with 800 labels; the curve levels off at 70.0 %: the next point (70.3 %) may be out of reach"
    )


def test_a_number_whose_interval_has_no_end_is_not_given() -> None:
    """ "22 more (1 or more)" is no advice, nor is "1 or more"."""
    values = [accuracy(n) for n in LABELS[:3]]
    unsure = forecast(points(values, spread=0.06, seeds=3))
    more = unsure.more(0.01)
    assert more.labels < unsure.trusted < more.high
    assert words.sentence("m", unsure).endswith(
        "how many more for the next point (76.0 %) can't be told: the interval has no end; "
        "more rounds, seeds or validation images would tell"
    )
    assert words.written({"m": unsure})[1][4] == "can't tell"


def test_where_no_point_is_left_none_is_promised() -> None:
    assert said([0.9, 0.97, 0.995]).endswith("levels off at 100.0 %: the next point may be out of reach")
    assert "levels off at 100.0 %" in said([0.9, 0.97, 1.0])


def test_beyond_the_trusted_reach_no_number_is_given() -> None:
    values = [accuracy(n, 0.2, 0.05, 0.3) for n in LABELS]
    far = (
        "m: 55.7 % with 800 labels; more than 2,400 more for the next point (56.7 %), beyond where the curve is trusted"
    )
    assert said(values) == far
    assert said(values, spread=0.01, seeds=3) == far
    assert words.written({"m": forecast(points(values))})[1][-3:] == ["> 2,400"] * 3


def test_the_table_for_people_and_the_rows_for_programs() -> None:
    curves = {"good": points([accuracy(n) for n in LABELS], spread=0.01, seeds=3), "flat": points([0.5, 0.4, 0.4])}
    found = words.forecasts(curves | {"one": points([0.5])})
    assert list(found) == ["good", "flat"]
    head, good, flat = words.written(found)
    assert head == ["model", "labels told", "accuracy (%)", "by the curve (%)", "+1 point", "+2 points", "+5 points"]
    assert good[:4] == ["good", "800", "79.39", "79.39"]
    assert good[4].startswith("180 (") and good[6] == "can't tell"
    assert flat[4:] == ["–", "–", "–"]
    row, other = words.rows(found)
    assert row["more_1"] == pytest.approx(175.2, abs=1)
    assert row["more_1_low"] < row["more_1"] < row["more_1_high"]
    assert (row["trusted"], row["points"]) == (2400, 4)
    assert "more_1" not in other

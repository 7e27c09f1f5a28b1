"""How far people agree, by hand and by people of known quality."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stages.answers.opinions import Shared
from stages.health.agreement import Agreement, agreement

CLASSES = ["ant", "bee", "cat"]


def shared(*votes: dict[str, int]) -> list[Shared]:
    """Images that nobody looked at again; no label counts where as many say something else."""
    found = []
    for row, one in enumerate(votes):
        said = {name: CLASSES[label] for name, label in one.items()}
        counts = Counter(said.values()).most_common()
        tie = len(counts) > 1 and counts[0][1] == counts[1][1]
        was = counts[0][0] if len(counts) > 1 else ""
        found.append(Shared(f"{row}.png", row, said, said, "" if tie else counts[0][0], was))
    return found


def test_shares_and_kappa_of_two_people_are_those_of_the_textbook() -> None:
    """Cohen's example of 50 applications: 20 yes of both, 15 no of both, 5 and 10 of one: 0.7 agree, kappa 0.4."""
    cells = [((0, 0), 20), ((0, 1), 5), ((1, 0), 10), ((1, 1), 15)]
    found = agreement(shared(*({"eva": left, "max": right} for (left, right), n in cells for _ in range(n))), CLASSES)
    assert (found.images, found.alike) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert [(one.name, one.images, one.alike, one.quality) for one in found.people] == [
        ("eva", 50, 0.7, None),
        ("max", 50, 0.7, None),
    ]
    assert len(found.disputes) == 15 and {one.guess for one in found.disputes} == {None}


def test_people_who_share_no_image_are_not_compared() -> None:
    votes = [{"a": 0, "b": 0}, {"a": 1, "b": 1}, {"c": 0, "d": 1}, {"c": 0, "d": 1}, {"e": 1, "f": 1}, {"g": 2}]
    found = agreement(shared(*votes), CLASSES)
    assert found.images == 5 and found.alike == 3
    by_name = {one.name: one for one in found.people}
    assert by_name["a"].kappa == 1 and by_name["c"].kappa == 0 and by_name["e"].kappa is None
    assert (by_name["e"].alike, by_name["d"].alike) == (1, 0) and "g" not in by_name
    assert found.kappa == pytest.approx(0.5)


def test_the_least_agreed_of_is_asked_about_first() -> None:
    found = agreement(shared({"a": 0, "b": 0, "c": 1}, {"a": 0, "b": 1}, {"a": 0, "b": 0}), CLASSES)
    assert [one.image.name for one in found.disputes] == ["1.png", "0.png"]


def several(rates: tuple[float, ...], guesses: bool = True) -> tuple[Agreement, np.ndarray]:
    """80 images of 3 classes by people who err at these rates, and where two of three say what is wrong."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 3, 80)
    errs = rng.random((80, len(rates))) < rates
    said = np.where(errs, (true[:, None] + rng.integers(1, 3, errs.shape)) % 3, true[:, None])
    shares = np.full((80, 3), 0.1)
    shares[np.arange(80), true] = 0.8
    shares[7] = np.nan
    votes = [dict(zip("abc", row, strict=True)) for row in said.tolist()]
    return agreement(shared(*votes), CLASSES, shares if guesses else None), true


def test_who_errs_most_has_the_least_quality_and_the_model_says_what_it_would_be() -> None:
    found, true = several((0.05, 0.4, 0.1))
    assert [one.name for one in found.people] == ["b", "c", "a"]
    quality = [one.quality for one in found.people if one.quality is not None]
    assert quality == sorted(quality) and quality[0] < 0.75 < quality[1] and quality[2] <= 1
    told = [one for one in found.disputes if one.quality is not None]
    assert [one.quality for one in told] == sorted(one.quality for one in told if one.quality is not None)
    assert all(one.guess == (true[one.image.row], 0.8) for one in told)
    assert all(one.guess is None for one in found.disputes if one.image.row == 7)


def test_without_a_model_or_images_enough_no_quality_is_told() -> None:
    assert {one.quality for one in several((0.1, 0.1, 0.1), guesses=False)[0].people} == {None}
    few = agreement(shared({"a": 0, "b": 1}, {"a": 0, "b": 0}), CLASSES, np.full((2, 3), 0.5))
    assert {one.quality for one in few.people} == {None}
    never = agreement(shared(*[{"a": 0, "b": 1}] * 20), CLASSES, np.full((20, 3), 0.5))
    assert {one.quality for one in never.people} == {None} and never.alike == 0
    # a class that the model does not know
    unknown = agreement(shared(*[{"a": 2, "b": 2}] * 20), CLASSES, np.tile([0.5, 0.5, 0.0], (20, 1)))
    assert {one.quality for one in unknown.people} == {None} and unknown.kappa is None
    # nor is it one of the classes that are kept
    other = agreement(shared(*[{"a": 2, "b": 2}, {"a": 0, "b": 2}] * 10), CLASSES[:2], np.full((20, 2), 0.5))
    assert {one.quality for one in other.people} == {None} and (other.alike, len(other.disputes)) == (10, 10)

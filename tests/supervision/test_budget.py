import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from stages.base.errors import UserError
from stages.supervision.budget import Labels


def budget(value: object, file: str = "data/none") -> Labels:
    return Labels.model_validate({"strategy": "random", "budget": value, "file": file, "audit": 0})


@pytest.mark.parametrize(("value", "count"), [(40, 40), ("40", 40), ("4/class", 40), ("10%", 50), ("100%", 500)])
def test_three_ways_to_say_it(value: object, count: int) -> None:
    assert budget(value).count(500, 10) == count


@pytest.mark.parametrize("value", [0, -3, "0/class", "ten", "101%", "10 %", 2.5, None])
def test_other_ways_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        budget(value)


@pytest.mark.parametrize(("value", "kept"), [(40, 40), ("40", 40), ("4/class", "4/class"), ("12.50%", "12.50%")])
def test_it_is_said_and_kept_as_it_was_written(value: object, kept: object) -> None:
    """The key of a checkpoint holds it."""
    assert str(budget(value).budget) == str(kept)
    assert json.loads(json.dumps(budget(value).model_dump()))["budget"] == kept


@pytest.mark.parametrize("value", [501, "51/class"])
def test_more_than_the_pool_is_refused(value: object) -> None:
    with pytest.raises(UserError, match="the pool has 500"):
        budget(value).count(500, 10)


def test_a_number_takes_the_first_of_the_ranking_and_leaves_out_unknown_images() -> None:
    labels = np.array([0, 1, -1, 0, 1])
    assert list(budget(3).bought(np.array([4, 2, 0, 1, 3]), labels, 2)) == [4, 0]


def test_per_class_walks_down_until_each_has_enough() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    ranking = np.array([0, 1, 5, 2, 3, 4])
    assert list(budget("1/class").bought(ranking, labels, 2)) == [0, 5]
    assert list(budget("2/class").bought(ranking, labels, 2)) == [0, 1, 5, 3]


def test_a_class_with_too_few_is_named() -> None:
    with pytest.raises(UserError, match=r"class 1 \(from 0\) has only 1 labelled.*; lower it"):
        budget("2/class").bought(np.arange(4), np.array([0, 0, 0, 1]), 2)


def test_no_file_is_data_none() -> None:
    assert budget(3).answers is None
    assert budget(3, "answers/batch-1").answers == Path("answers/batch-1")


def test_per_class_needs_classes() -> None:
    with pytest.raises(UserError, match="no class is known; give a number"):
        budget("2/class").count(10, 0)


RANKING, ANSWERED = np.array([5, 4, 2, 0, 1, 3]), np.array([0, 1, -1, 0, -1, -1])


@pytest.mark.parametrize(
    ("value", "expected"), [(1, [0]), (3, [0, 1, 3]), ("50%", [0, 1, 3]), ("100%", [0, 1, 3]), ("1/class", [0, 1])]
)
def test_with_answers_a_budget_buys_the_first_of_the_ranking_that_have_one(value: object, expected: list[int]) -> None:
    """They may be answers to another ranking, or to this one as it was before some were held out for validation."""
    assert list(budget(value, "answers.csv").bought(RANKING, ANSWERED, 2)) == expected


@pytest.mark.parametrize("value", [4, 6, "67%"])
def test_of_fewer_answers_than_the_budget_all_are_told_and_a_line_says_so(value: object) -> None:
    """People leave empty what nobody can tell."""
    labels = budget(value, "answers.csv")
    assert list(labels.bought(RANKING, ANSWERED, 2)) == [0, 1, 3]
    if labels.count(6, 2) == 4:
        said = "with the answers of answers.csv 3 images of the pool have a label, and all of these are told"
        assert labels.short(ANSWERED, 2) == f"labels.budget={value}: {said}"
    assert budget(3, "answers.csv").short(ANSWERED, 2) is None
    assert budget("100%", "answers.csv").short(ANSWERED, 2) is None
    assert budget(4).short(ANSWERED, 2) is None


def test_of_a_class_with_fewer_answers_than_its_budget_all_are_told() -> None:
    labels = budget("2/class", "answers.csv")
    full = np.array([0, 0, 0, 1])
    labels.check(full, ["ant", "owl"])
    assert list(labels.bought(np.array([2, 3, 1, 0]), full[:4], 2)) == [2, 3, 1]
    said = "with the answers of answers.csv 1 of 2 classes have fewer labels in the pool, and all of these are told"
    assert labels.short(np.array([0, 0, 0, 1, -1]), 2) == f"labels.budget=2/class: {said}"
    assert labels.short(np.array([0, 0, 0, 1, 1]), 2) is None


def test_a_class_with_too_few_is_named_once_the_labels_are_known() -> None:
    labels = np.array([0, 0, 0, 1])
    with pytest.raises(UserError, match=r"labels\.budget=2/class: class owl has only 1 labelled images in the pool"):
        budget("2/class").check(labels, ["ant", "owl"])
    budget("1/class").check(labels, ["ant", "owl"])
    # they may be labelled yet
    budget("2/class").check(np.array([0, 0, -1, -1]), ["ant", "owl"])


def test_rounds_ask_about_what_people_answered_alone() -> None:
    assert list(budget(2).askable(RANKING, ANSWERED)) == list(RANKING)
    assert budget(2).spent(RANKING, ANSWERED, 2) == 2
    assert list(budget(2, "answers").askable(RANKING, ANSWERED)) == [0, 1, 3]
    assert budget("100%", "answers").spent(RANKING, ANSWERED, 2) == 3
    assert budget(5, "answers").spent(RANKING, ANSWERED, 2) == 3

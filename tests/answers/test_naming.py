"""Classes that nobody has named but in the answers."""

import numpy as np
import pytest

from stages.answers import Answer
from stages.answers.giving import Given, give
from stages.base.errors import UserError


def given(*labels: str, more: tuple[Answer, ...] = (), classes: tuple[str, ...] = ()) -> Given:
    """An answer for each image, of which some may have further ones."""
    answers = [Answer(f"{row}.png", label, f"labels.csv, line {row + 2}") for row, label in enumerate(labels)]
    names = [f"{row}.png" for row in range(len(labels) + 1)]
    return give([*answers, *more], names, np.full(len(names), -1), classes)


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("cirle", "circle"),
        ("Squrae", "square"),
        ("hosre", "horse"),
        ("fire  truck", "firetruck"),
        ("circel", "circle"),
        ("m\u00fccke", "mucke"),
        ("type 11 roof", "type 11 rof"),
    ],
)
def test_a_class_of_one_answer_that_is_close_to_another_is_asked_about(typo: str, meant: str) -> None:
    typo = " ".join(typo.split())
    with pytest.raises(UserError) as refused:
        given(meant, "tree", typo, meant, "tree", meant)
    assert str(refused.value) == (
        f"labels.csv, line 4: class {typo!r} is named by this answer alone, and {meant!r} by 3; correct it, or list "
        "the classes, both among them, in split.classes"
    )


def test_of_several_the_first_is_named_and_the_others_are_counted() -> None:
    with pytest.raises(UserError, match=r"class 'cirle' is .*, and 'circle' by 2 \(and 1 more such classes\); correct"):
        given("circle", "circle", "square", "square", "sqare", "cirle")


@pytest.mark.parametrize(
    "labels",
    [
        ("cat", "dog", "cow", "owl", "bat", "rat"),  # short words are all alike
        ("type 1", "type 2", "1", "7", "10", "100", "A1", "A2"),
        ("plan A", "plan B", "plan C"),
        ("circle", "cirle", "circle", "cirle"),  # named twice
        ("tabby cat", "tiger cat", "sparrow", "sparrowhawk"),
        ("pear", "bear", "boat", "coat"),
    ],
)
def test_others_are_not_asked_about(labels: tuple[str, ...]) -> None:
    assert given(*labels).classes == sorted(set(labels))


def test_who_lists_the_classes_is_not_asked() -> None:
    assert given("circle", "circle", "cirle", classes=("circle", "cirle")).labels.tolist() == [0, 0, 1, -1]


def test_what_was_corrected_or_outvoted_is_no_class_and_what_is_not_agreed_on_may_be_one() -> None:
    corrected = Answer("2.png", "circle", "again.csv, line 2", "cirle")
    assert given("circle", "square", "cirle", more=(corrected,)).classes == ["circle", "square"]
    votes = tuple(Answer("1.png", "circle", f"{who}.csv, line 3", "", who) for who in ("eva", "max"))
    found = given("circle", "oval", more=votes)
    assert found.classes == ["circle"] and found.labels.tolist() == [0, 0, -1]
    assert found.opinions[1].votes == {"circle": 2, "oval": 1}  # which is not forgotten
    assert given("circle", "oval", more=votes[:1]).classes == ["circle", "oval"]
    with pytest.raises(UserError, match="class 'cirle' is named by this answer alone"):
        given("circle", "cirle", more=votes[:1])

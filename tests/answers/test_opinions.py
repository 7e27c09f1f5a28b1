"""Several people's answers to one image: what counts, and that none is lost."""

import itertools

import numpy as np
import pytest

from stages.answers import Answer
from stages.answers.giving import give
from stages.answers.opinions import Given
from stages.base.errors import UserError

NAMES, CLASSES = ["1.png", "2.png", "3.png"], ["cat", "dog", "owl"]
UNKNOWN = np.full(3, -1)


def said(*votes: tuple[str, str] | tuple[str, str, str], image: str = "1.png") -> list[Answer]:
    """Answers to one image: who, which label, and perhaps which it was."""
    return [
        Answer(image, vote[1], f"{vote[0]}.csv, line {line}", vote[2] if len(vote) > 2 else "", vote[0])
        for line, vote in enumerate(votes, 2)
    ]


def given(answers: list[Answer], own: int = -1) -> Given:
    return give(answers, NAMES, np.array([own, -1, -1]), CLASSES)


def test_what_most_people_say_counts_and_a_tie_leaves_the_image_unlabelled() -> None:
    votes = said(("eva", "cat"), ("max", "dog"), ("pia", "cat")) + said(("eva", "owl"), ("max", "dog"), image="2.png")
    found = give([*votes, *said(("eva", "owl"), image="3.png")], NAMES, UNKNOWN, [])
    assert found.classes == CLASSES  # of a tie, too: nothing is forgotten
    assert found.labels.tolist() == [0, -1, 2]
    assert list(found.several()) == [0, 1]
    assert found.said() == (
        "people differ on 2 of 2 images that several answered, 1 of them in equal numbers, which leaves these "
        "unlabelled; `python -m stages.show health --disagreements FOLDER` hands them out again"
    )


def test_a_plurality_is_enough_and_those_without_a_name_are_one_person() -> None:
    assert given(said(("eva", "cat"), ("max", "dog"), ("", "cat"), ("pia", "owl"))).labels[0] == 0
    assert given(said(("eva", "cat"), ("", "dog"))).labels[0] == -1


def test_whoever_agrees_says_nothing_of_it() -> None:
    assert given(said(("eva", "cat"), ("max", "cat"), ("eva", "cat"))).said() is None
    assert given(said(("eva", "cat"), ("eva", "cat"))).several() == {}


@pytest.mark.parametrize(
    ("who", "way"), [("eva", "keep one$"), ("", "keep one, or say in a column annotator who gave which$")]
)
def test_one_person_says_one_thing(who: str, way: str) -> None:
    with pytest.raises(UserError, match=rf"^{who}.csv, line 4: 1.png is 'dog', but 'cat' in {who}.csv, line 2; {way}"):
        given(said((who, "cat"), ("max", "dog"), (who, "dog")))


def test_a_later_answer_settles_whatever_most_say() -> None:
    """It names one of the labels that people gave, the leading one or another; more first answers change nothing."""
    votes = said(("eva", "cat"), ("max", "dog"), ("pia", "cat"))
    for was, label in itertools.product(("cat", "dog"), CLASSES):
        found = given([*said(("pia", label, was)), *votes])
        assert found.labels[0] == CLASSES.index(label) and found.said() is None
        assert given([*said(("", label, was)), *votes, *said(("tom", "dog"))]).labels[0] == CLASSES.index(label)


def test_two_who_settle_it_otherwise_leave_it_open_until_a_third_does() -> None:
    votes = said(("eva", "cat"), ("max", "dog"))
    one = given(votes).opinions[0]
    assert one.open_label == "cat"
    votes += said(("pia", "owl", "cat"), ("tom", "cat", "cat"))
    one = given(votes).opinions[0]
    assert (one.label, one.open_label) == ("", "owl")  # cat has been looked at again
    assert given([*votes, *said(("eva", "dog", "owl"))]).labels[0] == 1
    assert given([*votes, *said(("eva", "owl", "cat"))]).labels[0] == 2  # most of three


def test_labels_of_the_data_set_stand_against_all_but_those_who_looked_again() -> None:
    with pytest.raises(UserError, match=r"1\.png is 'dog', but 'cat' in the data set; mend either"):
        given(said(("eva", "cat"), ("max", "dog")), own=0)
    assert given(said(("eva", "dog", "cat"), ("max", "dog", "cat"), ("pia", "owl", "cat")), own=0).labels[0] == 1
    assert given(said(("eva", "dog", "cat"), ("max", "cat", "cat")), own=0).labels[0] == -1

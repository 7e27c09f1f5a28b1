import numpy as np
import pytest

from stages.answers import Answer
from stages.answers.giving import give
from stages.base.errors import UserError

NAMES = ["1.png", "2.png", "3.png", "4.png"]
UNKNOWN = np.full(4, -1)


def answers(*pairs: tuple[str, str]) -> list[Answer]:
    return [Answer(image, label, f"labels.csv, line {line}") for line, (image, label) in enumerate(pairs, 2)]


def test_a_flat_folder_has_the_classes_of_its_answers() -> None:
    found = give(answers(("3.png", "dog"), ("1.png", "cat"), ("2.png", "dog")), NAMES, UNKNOWN, [])
    labels, classes = found.labels, found.classes
    assert classes == ["cat", "dog"]
    assert labels.tolist() == [0, 1, 1, -1]
    assert (UNKNOWN == -1).all()


def test_known_classes_stay_as_they_are_and_may_be_written_in_capitals() -> None:
    given = answers(("3.png", "DOG"), ("1.png", "Owl"), ("3.png", "dog"))
    found = give(given, NAMES, np.array([2, -1, -1, 0]), ["ant", "dog", "owl"])
    labels, classes = found.labels, found.classes
    assert classes == ["ant", "dog", "owl"]
    assert labels.tolist() == [2, -1, 1, 0]


def test_where_capitals_tell_classes_apart_they_count() -> None:
    labels = give(answers(("1.png", "a"), ("2.png", "A")), NAMES, UNKNOWN, ["A", "a"]).labels
    assert labels.tolist() == [1, 0, -1, -1]


def test_names_come_back_with_other_spaces_and_other_forms_of_letters() -> None:
    names, classes = [" a.png", "a.png", "caf\u00e9.png", "d.png"], ["K\u00fcche", "Ku\u0308che ", "two  words"]
    pairs = [(" a.png", "two words"), ("a.png ", "two words"), ("cafe\u0301.png", "K\u00fcche"), ("d.png", "TWO WORDS")]
    labels = give(answers(*pairs), names, UNKNOWN, classes).labels
    assert labels.tolist() == [2, 2, 0, 2]
    labels = give(answers(("d.png", "K\u00fcche")), names, UNKNOWN, ["Ku\u0308che "]).labels
    assert labels.tolist() == [-1, -1, -1, 0]


def test_nothing_answered() -> None:
    found = give([], NAMES, UNKNOWN, [])
    labels, classes = found.labels, found.classes
    assert labels.tolist() == [-1] * 4
    assert classes == []


@pytest.mark.parametrize(
    ("pairs", "classes", "said"),
    [
        (
            [("1.png", "cat"), ("9.png", "cat")],
            [],
            r"line 3: no training image '9\.png'; write its path as stages\.export",
        ),
        ([("data:" + "x" * 1000, "cat")], [], r"line 2: no training image 'data:x+\.\.\.'; "),
        ([("1.png", "cta")], ["cat", "dog"], "line 2: no class 'cta'; did you mean cat\\? known: cat, dog"),
        ([("1.png", "unknown")], ["cat", "dog"], "line 2: no class 'unknown'; known: cat, dog"),
        ([("1.png", "A")], ["Aa", "aa"], "line 2: no class 'A'"),
        ([("1.png", "AA")], ["Aa", "aa"], "line 2: no class 'AA'"),
        ([("1.png", "Unknown")], [], "line 2: a class can't be named Unknown; leave the label empty"),
        (
            [("1.png", "cat"), ("2.png", "Cat")],
            [],
            r"line 3: 'Cat' and, in labels\.csv, line 2, 'cat' differ in capitals alone; write one of them",
        ),
        (
            [("1.png", "cat"), ("2.png", "dog"), ("1.png", "dog")],
            [],
            r"line 4: 1\.png is 'dog', but 'cat' in labels\.csv, line 2; keep one",
        ),
        ([("4.png", "dog")], ["cat", "dog"], r"line 2: 4\.png is 'dog', but 'cat' in the data set; mend either"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_line(pairs: list[tuple[str, str]], classes: list[str], said: str) -> None:
    labels = np.array([-1, -1, -1, 0]) if classes else UNKNOWN
    with pytest.raises(UserError, match=rf"^labels\.csv, {said}"):
        give(answers(*pairs), NAMES, labels, classes)


def again(image: str, was: str, label: str, line: int = 9) -> Answer:
    return Answer(image, label, f"again.csv, line {line}", was)


def test_an_answer_that_says_what_the_label_was_takes_its_place() -> None:
    """Whether people gave that label before or the data set has it, and whichever file is read first."""
    first, classes = answers(("1.png", "cat"), ("2.png", "cat")), ["cat", "dog", "owl"]
    second = [again("1.png", "cat", "dog"), again("4.png", "owl", "cat"), again("2.png", "cat", "cat")]
    for given in ([*first, *second], [*second, *first]):
        labels = give(given, NAMES, np.array([-1, -1, 1, 2]), classes).labels
        assert labels.tolist() == [1, 0, 1, 0]
    # looked at a second time, and twice with the same result
    third = [*second, again("1.png", "dog", "owl"), again("4.png", "owl", "cat", 10)]
    assert give([*first, *third], NAMES, np.array([-1, -1, 1, 2]), classes).labels.tolist() == [2, 0, 1, 0]
    # of a label that is not there any more it is an answer as any other
    assert give([again("1.png", "cat", "dog")], NAMES, UNKNOWN, classes).labels.tolist() == [1, -1, -1, -1]


@pytest.mark.parametrize("order", [1, -1])
def test_two_who_looked_again_and_differ_are_refused(order: int) -> None:
    both = [again("1.png", "cat", "dog", 2), again("1.png", "cat", "cat", 3)][::order]
    with pytest.raises(UserError, match=r"again\.csv, line \d: 1\.png is '\w+', but '\w+' in again\.csv, line \d"):
        give([*answers(("1.png", "cat")), *both], NAMES, UNKNOWN, ["cat", "dog"])


def test_a_label_that_was_another_is_not_replaced() -> None:
    with pytest.raises(UserError, match=r"again\.csv, line 9: 1\.png is 'dog', but 'owl' in labels\.csv, line 2"):
        give([*answers(("1.png", "owl")), again("1.png", "cat", "dog")], NAMES, UNKNOWN, ["cat", "dog", "owl"])

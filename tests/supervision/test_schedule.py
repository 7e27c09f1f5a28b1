import math
import unicodedata

import pytest
from pydantic import ValidationError

from stages.base.errors import UserError
from stages.supervision.schedule import Schedule, ramp
from tests.blocks import schedule


def test_reference_classes_and_labels() -> None:
    """System A: classes = clip(e, start, end), labels = clip(e / E, 0.01, 0.9), for e = 0 .. 19."""
    plan = schedule(start_classes=3)
    assert [plan.classes_seen(e, 10) for e in range(20)] == [min(max(e, 3), 10) for e in range(20)]
    expected = [min(max(e / 20, 0.01), 0.9) for e in range(20)]
    assert [plan.label_share(e, 20) for e in range(20)] == pytest.approx(expected)


def test_shapes_of_a_ramp() -> None:
    assert [ramp("step", x) for x in (0, 0.49, 0.5, 2)] == [0, 0, 1, 1]
    assert ramp("cosine", 0.25) == pytest.approx((1 - math.cos(math.pi / 4)) / 2)
    assert ramp("linear", 3) == 1


def test_a_slower_ramp_of_classes() -> None:
    plan = schedule(start_classes=1, class_epochs=20)
    seen = [plan.classes_seen(e, 10) for e in range(21)]
    assert seen[0] == seen[3] == 1 and seen[4] == 2 and seen[19] == 9 and seen[20] == 10


def test_fewer_classes_than_the_schedule_ends_with() -> None:
    assert schedule(start_classes=1, end_classes=10).classes_seen(50, 4) == 4


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"start_classes": 5, "end_classes": 3}, "start_classes"),
        ({"start_share": 0.9, "end_share": 0.1}, "start_share"),
    ],
)
def test_a_start_above_the_end_is_refused(changes: dict, named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        schedule(**changes)


def test_orders() -> None:
    names = ["a", "b", "c"]
    assert list(schedule(class_order=["c", "a", "b"]).order(names, 0)) == [2, 0, 1]
    drawn = schedule(class_order="random")
    assert sorted(drawn.order(names, 5)) == [0, 1, 2]
    assert list(drawn.order(names, 5)) == list(drawn.order(names, 5))


@pytest.mark.parametrize(
    "changes", [{"start_classes": 4}, {"class_order": ["a", "b"]}, {"class_order": ["a", "b", "cc"]}]
)
def test_what_the_data_cannot_give_is_refused(changes: dict) -> None:
    with pytest.raises(UserError, match="schedule"):
        Schedule.check(schedule(**changes), ["a", "b", "c"], "schedule")


def test_classes_are_named_in_either_form_of_their_letters() -> None:
    one, two = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    assert list(schedule(class_order=[two, "a"]).order(["a", one], 0)) == [1, 0]

from __future__ import annotations

import pytest

from stages.supervision.rounds import Rounds


@pytest.mark.parametrize(
    ("start", "step", "budget", "expected"),
    [
        (100, 100, 1000, list(range(100, 1001, 100))),
        # the last round takes what is left
        (100, 100, 250, [100, 200, 250]),
        (100, 400, 101, [100, 101]),
        # nothing is left to be asked for
        (100, 100, 100, [100]),
        (100, 100, 40, [40]),
    ],
)
def test_the_budget_is_spent_to_the_last_label_and_no_further(
    start: int, step: int, budget: int, expected: list[int]
) -> None:
    assert Rounds(start=start, step=step, restart=True).totals(budget) == expected

"""Where made-up curves turn."""

from __future__ import annotations

import numpy as np
import pytest

from stages.selection._elbow import elbow


def test_the_corner_of_two_lines() -> None:
    flat, steep = np.linspace(1, 2, 81), np.linspace(2, 12, 21)[1:]
    assert elbow(np.concatenate([flat, steep])) == 80


@pytest.mark.parametrize("scale", [1e-6, 1, 1e6])
def test_units_do_not_matter(scale: float) -> None:
    curve = np.exp(np.linspace(0, 5, 1001))
    # y = exp(5 x) is farthest below its chord where its slope is the chord's
    expected = np.log((np.exp(5) - 1) / 5) / 5
    assert elbow(scale * curve + 3) / 1000 == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("curve", [[1.0], [2.0, 2.0, 2.0], [1.0, 2.0, 3.0], [0.0, 3.0, 4.0]])
def test_what_does_not_turn_has_its_elbow_at_the_start(curve: list[float]) -> None:
    assert elbow(np.array(curve)) == 0

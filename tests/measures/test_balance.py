from __future__ import annotations

import numpy as np
import pytest

from stages.measures.balance import balance


def test_balance_is_entropy_over_all_classes() -> None:
    assert balance(np.array([5, 5, 5])) == pytest.approx(1)
    assert balance(np.array([9, 0, 0])) == 0
    assert balance(np.array([5, 5, 0, 0])) == pytest.approx(0.5)
    assert balance(np.array([7])) == 1
    assert balance(np.array([0, 0])) is None

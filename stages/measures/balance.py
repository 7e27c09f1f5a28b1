"""How evenly labels are spread over the classes."""

from __future__ import annotations

import numpy as np


def balance(counts: np.ndarray) -> float | None:
    """Normalised entropy of class counts [C]: 1 for equal counts, 0 for a single class among several, None
    for none."""
    if not counts.sum():
        return None
    if len(counts) == 1:
        return 1.0
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log(shares)).sum() / np.log(len(counts))))

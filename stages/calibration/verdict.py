"""Which guesses to accept without a look, by a wanted precision that held on images with known labels."""

from __future__ import annotations

import numpy as np

ACCEPT, REVIEW, ASK = "accept", "review", "ask"


def least_confidence(confidence: np.ndarray, right: np.ndarray, precision: float) -> float | None:
    """The least confidence at which, of all guesses that are as sure or surer, the wanted share is right; None where no
    such share is.

    confidence: float [n], of guesses about images that the model was not trained on; right: bool [n]; precision: above
    0, to 1. Guesses of one confidence stand or fall together.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, shares = confidence[order], np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last = np.append(sure[1:] < sure[:-1], True)[: len(order)]
    met = np.flatnonzero(last & (shares >= precision))
    return float(sure[met[-1]]) if len(met) else None


def verdicts(confidence: np.ndarray, least: float | None) -> np.ndarray:
    """For each guess, str [n]: `accept` from the least confidence on; `review` where it is more likely right than
    wrong; else `ask`, since a guess would only mislead."""
    accepted = np.zeros(len(confidence), bool) if least is None else confidence >= least
    found: np.ndarray = np.where(accepted, ACCEPT, np.where(confidence >= 0.5, REVIEW, ASK))
    return found


def interval(right: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share, `right` of `of` (Clopper and Pearson 1934)."""
    from scipy.stats import binomtest

    found = binomtest(right, of).proportion_ci(level, method="exact")
    return float(found.low), float(found.high)

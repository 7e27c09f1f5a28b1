"""How good a model is, from a few labels drawn uniformly: an estimate of its accuracy, with intervals that hold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.calibration.temperature import probabilities
from stages.calibration.verdict import interval

# with fewer labels a slope and a variance say nothing
FEWEST = 10


@dataclass(frozen=True)
class Estimate:
    """`accuracy` with the interval from `low` to `high`; `labels`: of how many it is."""

    accuracy: float
    low: float
    high: float
    labels: int


def exact(right: np.ndarray, level: float = 0.95) -> Estimate:
    """From whether each guess about the audited images is right, bool [n], n > 0: the share, with the interval of
    Clopper and Pearson (1934), which holds at any size."""
    found = int(right.sum())
    return Estimate(found / len(right), *interval(found, len(right), level), len(right))


def assisted(right: np.ndarray, confidence: np.ndarray, everywhere: float, level: float = 0.95) -> Estimate:
    """The same, narrower: the model's own confidence says which audited images were easy, and by how much the sample is
    easier than all images.

    right: bool [n]; confidence: float [n], the probability of each guess, calibrated or not; everywhere: the mean
    confidence over all images from which the n were drawn uniformly.

    The estimate is the regression estimator of survey sampling, mean(right) + slope * (everywhere - mean(confidence)):
    prediction-powered inference (Angelopoulos et al. 2023) with the best weight of the predictions, as in PPI++
    (Angelopoulos, Duchi and Zrnic 2023). Its error has the variance of what the regression leaves. Its interval is that
    of Korn and Graubard (1998): Clopper and Pearson's at the sample size that would leave this variance without help,
    at most twice the labels. Unlike a normal interval it holds at 30 labels, and near 0 and 1. With fewer than 10
    labels, or guesses that are all right or all wrong, it is the exact one.
    """
    from scipy.stats import beta

    count, share = len(right), float(right.mean())
    if count < FEWEST or share in (0.0, 1.0):
        return exact(right, level)
    about, beside = right - share, confidence - confidence.mean()
    varies = float(np.square(beside).sum())
    slope = float(about @ beside) / varies if varies > 0 else 0.0
    accuracy = float(np.clip(share + slope * (everywhere - confidence.mean()), 0, 1))
    left = float(np.square(about - slope * beside).sum()) / (count - 2) / count
    size = float(np.clip(accuracy * (1 - accuracy) / max(left, 1e-12), 1, 2 * count))
    hits, tail = accuracy * size, (1 - level) / 2
    low = float(beta.ppf(tail, hits, size - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, size - hits)) if hits < size else 1.0
    return Estimate(accuracy, low, high, count)


def estimate(audited: np.ndarray, others: np.ndarray, labels: np.ndarray) -> dict[str, float | None]:
    """The figures of an audit: `audit_accuracy`, by the model's confidence, and `audit_accuracy_counted`, of the labels
    alone, each with the ends of its interval, `_low` and `_high`; and `audit_labels`, how many they are.

    audited and others: logits [n, C] and [m, C], of the audited images, and of all others that they were drawn from and
    the model was not told; labels: int64 [n], -1 for those without, which are left out. Without a label all figures but
    the last are None.
    """
    shares = probabilities(audited, 1.0)
    confidence, known = shares.max(1), labels >= 0
    narrow = plain = None
    if known.any():
        right = shares.argmax(1)[known] == labels[known]
        everywhere = float(np.concatenate([confidence, probabilities(others, 1.0).max(1)]).mean())
        narrow, plain = assisted(right, confidence[known], everywhere), exact(right)
    found: dict[str, float | None] = {}
    for name, one in (("audit_accuracy", narrow), ("audit_accuracy_counted", plain)):
        ends = (None, None, None) if one is None else (one.accuracy, one.low, one.high)
        found |= dict(zip((name, f"{name}_low", f"{name}_high"), ends, strict=True))
    return found | {"audit_labels": int(known.sum())}

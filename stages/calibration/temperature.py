"""Temperature scaling (Guo et al. 2017): one number by which logits are divided, so that probabilities are honest."""

from __future__ import annotations

import numpy as np

_COLDEST, _HOTTEST = 0.01, 100.0
BINS = 15


def fit(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature of least cross-entropy, between 0.01 and 100 (eq. 9 of the paper); 1 without labels.

    logits: float [n, C], of images that the model was not trained on; labels: int64 [n].
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if not len(labels):
        return 1.0

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    bounds = (np.log(_COLDEST), np.log(_HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def probabilities(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Softmax of logits [n, C] at a temperature, float64."""
    from scipy.special import softmax

    found: np.ndarray = softmax(logits.astype(np.float64) / temperature, axis=1)
    return found


def crossed(logits: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """Probabilities [n, C] of each fold at the temperature of the others, so that no label judges what it fitted;
    folds: int64 [n]."""
    found = np.empty(logits.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        found[inside] = probabilities(logits[inside], fit(logits[~inside], labels[~inside]))
    return found


def calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Expected calibration error (eq. 3 of the paper): how far the confidence of guesses lies from the share of them
    that is right, averaged over 15 bins of equal width by the images in them. probabilities [n, C], labels int64 [n].
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right, BINS) - np.bincount(bins, confidence, BINS)
    return float(np.abs(gaps).sum() / len(labels))

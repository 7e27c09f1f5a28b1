"""How far a linear classifier gets on frozen features, from all labels or from a few."""

from __future__ import annotations

import warnings

import numpy as np

# L2 strength, in scikit-learn's C for vectors whose mean squared length is 1: so one value suits 128 and 2,048
# dimensions, and columns that say the same twice change nothing
STRENGTH = 10.0
ITERATIONS = 1000


def probe_accuracy(
    train: np.ndarray, train_labels: np.ndarray, test: np.ndarray, test_labels: np.ndarray
) -> float | None:
    """Share of the labelled test vectors that logistic regression classifies rightly; no randomness.

    train, test: float32 [n, d], [m, d], standardised by the mean and deviation of those trained on; labels int64 [n],
    [m], -1 unknown, left out on both sides. With labels of a single class every guess is that class. None where
    nothing is labelled on either side. Minimised is the summed cross-entropy + |W|^2 d' / (2 * STRENGTH), with d' the
    number of columns that vary: L-BFGS, at most ITERATIONS iterations. On one core, 45,000 vectors of 10 classes take
    7 s at 512 dimensions, 35 s and 2 GB at 2,048.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    train_known, test_known = train_labels >= 0, test_labels >= 0
    if not train_known.any() or not test_known.any():
        return None
    vectors, labels = train[train_known], train_labels[train_known]
    test_vectors, truth = test[test_known], test_labels[test_known]
    if (labels == labels[0]).all():
        return float((truth == labels[0]).mean())
    scaler = StandardScaler(copy=False).fit(vectors)
    vectors, test_vectors = scaler.transform(vectors), scaler.transform(test_vectors)
    varying = float(np.vdot(vectors, vectors)) / len(vectors)
    with warnings.catch_warnings():
        # the accuracy settles long before the last digits of the loss do
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=STRENGTH / max(varying, 1), max_iter=ITERATIONS).fit(vectors, labels)
    return float((model.predict(test_vectors) == truth).mean())

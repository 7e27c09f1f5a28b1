"""Labels that are probably wrong: by what a linear classifier says that has not seen them (Northcutt et al. 2021)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from stages.base import draws

FOLDS = 5
LEAST = 2  # different images of a class: with one, none is left to learn it from
# L2 strength as in measures/linear_probe.py, for points whose mean squared length is 1. That has 10, for accuracy; with
# 1 more of the suspects are wrong, on images that no reported figure is of
STRENGTH = 1.0


@dataclass(frozen=True)
class Suspects:
    """`rows` int64 [n], the images, the most suspect first; `given` float32 [n], the probability of the label that they
    have, out of fold; `guess` int64 [n] and `share` float32 [n], the likeliest class and its probability. `notes`: what
    cannot be told, a line each."""

    rows: np.ndarray
    given: np.ndarray
    guess: np.ndarray
    share: np.ndarray
    notes: tuple[str, ...] = ()


def suspects(points: np.ndarray, labels: np.ndarray, first: np.ndarray, classes: list[str], seed: int) -> Suspects:
    """Of the images with points float32 [N, d] and labels int64 [N], -1 unknown. first: int64 [N], of each image the
    first that is equal to it, as copies must not vouch for each other.

    Those whose label gets little probability, as many as cleanlab's estimate says that there are (its filter
    low_self_confidence), and which the classifier would give to another class.
    """
    known = np.flatnonzero(labels >= 0)
    images = {label: len(np.unique(first[labels == label])) for label in np.unique(labels[known]).tolist()}
    told = [label for label, count in images.items() if count >= LEAST]
    notes = [
        f"suspect labels: class {classes[label]} has labels of one image, of which nothing can be told"
        for label in images
        if label not in told
    ]
    if len(told) < 2:
        why = "two classes with labels of two images each are needed"
        why = "no image has a label" if not images else "labels are of one class alone" if len(images) < 2 else why
        none, shares = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return Suspects(none, shares, none, shares, (*notes, f"suspect labels: cannot tell, as {why}"))
    rows, names = known[np.isin(labels[known], told)], np.array(told)
    own = np.searchsorted(names, labels[rows])
    probabilities = out_of_fold(points[rows], own, first[rows], seed)
    found = _flagged(own, probabilities)
    best = probabilities[found].argmax(axis=1)
    given, share = probabilities[found, own[found]], probabilities[found, best]
    return Suspects(rows[found], given, names[best], share, tuple(notes))


def out_of_fold(points: np.ndarray, labels: np.ndarray, first: np.ndarray, seed: int) -> np.ndarray:
    """Probabilities float32 [n, C] of each class, by classifiers that saw neither the image nor one equal to it.

    points: float32 [n, d]; labels: int64 [n], from 0 to C - 1, each of two different images or more; first: as in
    `suspects`.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    _, place, group = np.unique(first, return_index=True, return_inverse=True)
    count = min(FOLDS, int(np.bincount(labels[place]).max()))
    folds = StratifiedKFold(count, shuffle=True, random_state=draws.number(seed, "health.folds", bits=32))
    points = points / np.sqrt(max(1e-30, float(np.vdot(points, points)) / len(points)))
    with warnings.catch_warnings():
        # classes with fewer images than folds; and the last digits of a loss
        warnings.simplefilter("ignore")
        fold_of = np.empty(len(place), np.int64)
        for number, (_, held) in enumerate(folds.split(place, labels[place])):
            fold_of[held] = number
        own = fold_of[group]
        cuts = [(np.flatnonzero(own != fold), np.flatnonzero(own == fold)) for fold in range(int(own.max()) + 1)]
        shares = cross_val_predict(_classifier(), points, labels, cv=cuts, method="predict_proba")
    return shares.astype(np.float32)


def guessed(points: np.ndarray, labels: np.ndarray, first: np.ndarray, classes: int, seed: int) -> np.ndarray:
    """Probabilities float32 [N, C] of all images, as `out_of_fold` gives them; of those without a label by all labels.
    0 for classes with labels of fewer than LEAST images; NaN of these images, and of all where no two classes are left.

    points: float32 [N, d]; labels: int64 [N], -1 unknown; first: as in `suspects`.
    """
    shares = np.full((len(labels), classes), np.nan, np.float32)
    known = labels >= 0
    told = np.array([c for c in range(classes) if len(np.unique(first[labels == c])) >= LEAST], np.int64)
    if len(told) < 2:
        return shares
    rows, unlabelled = np.flatnonzero(np.isin(labels, told)), np.flatnonzero(~known)
    own = np.searchsorted(told, labels[rows])
    shares[np.concatenate([rows, unlabelled])] = 0
    shares[np.ix_(rows, told)] = out_of_fold(points[rows], own, first[rows], seed)
    if len(unlabelled):
        scale = np.sqrt(max(1e-30, float(np.vdot(points[rows], points[rows])) / len(rows)))
        fitted = _classifier().fit(points[rows] / scale, own)
        shares[np.ix_(unlabelled, told)] = fitted.predict_proba(points[unlabelled] / scale)
    return shares


def _classifier() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, max_iter=300, tol=1e-3)


def _flagged(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The places of the suspects, int64 [n], the label of the least probability first."""
    from cleanlab.filter import find_label_issues

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flagged = find_label_issues(
            labels,
            shares.astype(np.float64),
            filter_by="low_self_confidence",
            n_jobs=1,
        )
    places = np.flatnonzero(flagged & (shares.argmax(axis=1) != labels))
    given = shares[places, labels[places]]
    return places[np.argsort(given, kind="stable")]

"""How good a choice of images is; the only part of selection that is told the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from stages.measures import predictions
from stages.measures.balance import balance
from stages.selection import Selection

ENOUGH = 0.5  # of the images chosen have to have a label: of fewer, which those are says more than the strategy


def told_enough(told: np.ndarray) -> str | None:
    """None, or what is missing for figures of the chosen images' classes; told: their labels [budget], -1 unknown."""
    labelled = int((told >= 0).sum())
    if labelled >= ENOUGH * len(told) and labelled:
        return None
    return f"only {labelled} of {len(told)} images chosen have a label" if labelled else "no chosen image has a label"


def quality(
    distances: Tensor, to: Tensor, selection: Selection, labels: np.ndarray, classes: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """Figures of one selection from a pool, and notes on what could not be measured.

    distances: [m, 1], of each picture of the pool, copies once, to the nearest chosen; to: [n, 1], of each image its
    place among those; both as neighbours.nearest gives them; labels: int64 [n], -1 unknown, left out of every figure
    that needs them: `left_out` of the chosen images have none, and of too many there is neither balance nor
    smallest_share. balance: entropy of the chosen images' classes over that of equal shares, 1 at best. mean_distance,
    largest_distance: of these distances. homogeneity, completeness, v_measure, ari, ami, nmi: of the strategy's
    clusters with the classes or, where it has none, of the parts of the pool that are nearest to each chosen image.
    Noise counts as one more cluster, so that they are of the same images for every strategy:
    over those in clusters alone, a few small and pure clusters would come out best.
    """
    clusters = to[:, 0].cpu().numpy() if selection.clusters is None else selection.clusters
    told = labels[selection.indices]
    counts = np.bincount(told[told >= 0], minlength=len(classes))
    missing = told_enough(told)
    agreement = predictions.clustering(labels, clusters)
    figures = {
        "class_counts": dict(zip(classes, counts.tolist(), strict=True)),
        "balance": None if missing else balance(counts),
        "smallest_share": None if missing else float(counts.min() / counts.sum()),
        "mean_distance": distances.double().mean().item(),
        "largest_distance": distances.max().item(),
        **agreement,
        "left_out": int((told < 0).sum()),
    }
    notes = []
    if missing:
        notes.append(f"balance, smallest_share: {missing}")
    if agreement["nmi"] is None:
        notes.append("nmi, ari: no image of the pool has a label")
    elif (labels < 0).any():
        notes.append(f"nmi, ari: {(labels < 0).sum()} images of the pool without a label are left out")
    return figures, notes

"""System A's encoder training sandbox: five ways in which the labelled and the unlabelled images of a batch move the
encoder together.

Each is a function of the labelled encodings [n, d], their labels int64 [n], the unlabelled encodings [m, d] and what it
needs besides, and gives a loss in the precision of the encodings; n and m must be at least 1. Encodings are what the
encoder gives, not normalised. Softmax over products of large vectors needs float32, so autocast must be off.

These follow the system's text; where it is silent, the docstring says what was chosen. Its code differs, and is not
rebuilt: its softmax is of products that are not scaled, and runs over the labelled images; updates 1 to 3 have an
optimiser of their own; images are not augmented; the gradients of all classes are taken at the same weights. Of it,
`meta_distance_code` has the sign alone.

`idle` is a sixth, the control: its loss is 0. Under Adam one more step moves the encoder along its moments all the
same, nearly as far as a step with a loss, and that has to be told from what the loss does.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Sandbox = Literal[
    "idle", "soft_lookup", "reclassify", "reclassify_weighted", "meta_reclassify", "meta_distance", "meta_distance_code"
]
# those that classify what they made with a second probe
PROBED: tuple[Sandbox, ...] = ("soft_lookup", "meta_reclassify")

# of a squared distance: below its root, 0.001, points count as met and the pull fades
_MET = 1e-6


def soft_lookup(labelled: Tensor, labels: Tensor, unlabelled: Tensor, probe: nn.Module) -> Tensor:
    """Update 1, soft look-up: the labelled encodings attend over the unlabelled ones (scaled dot product, softmax), and
    `probe`, which maps [n, d] to [n, C], classifies what they found; cross-entropy to the true labels. The text moves
    the encoder and does not speak of the probe; it moves here too, or what it asks of the encoder would be chance."""
    return functional.cross_entropy(probe(_attended(labelled, unlabelled)), labels)


def reclassify(labelled: Tensor, labels: Tensor, unlabelled: Tensor, classes: int) -> Tensor:
    """Update 2, reclassification per class: the loss of each class, [classes], 0 for those not among the labels.

    The soft label of an unlabelled encoding is the softmax over classes of its mean dot product with the class's
    labelled encodings. A labelled encoding's logit for a class is its mean dot product with the unlabelled encodings,
    each weighted by its soft label: the sum is divided by m, not by the sum of the weights. The loss of a class is the
    mean cross-entropy of its labelled encodings. Classes not among the labels have no part in either softmax.
    """
    members = functional.one_hot(labels, classes).to(labelled.dtype)
    counts = members.sum(0)
    absent = counts == 0
    products = unlabelled @ labelled.T
    soft = (products @ members / counts.clamp(min=1)).masked_fill(absent, -torch.inf).softmax(1)
    logits = (products.T @ soft / len(unlabelled)).masked_fill(absent, -torch.inf)
    losses = functional.cross_entropy(logits, labels, reduction="none")
    return losses @ members / counts.clamp(min=1)


def reclassify_weighted(labelled: Tensor, labels: Tensor, unlabelled: Tensor, classes: int) -> Tensor:
    """Update 3: the losses of `reclassify`, each weighted by its class's share of the labels, in one sum."""
    shares = functional.one_hot(labels, classes).to(labelled.dtype).mean(0)
    return reclassify(labelled, labels, unlabelled, classes) @ shares


def meta_reclassify(labelled: Tensor, labels: Tensor, unlabelled: Tensor, probe: nn.Module) -> Tensor:
    """Update 4, meta reclassification: `probe` classifies the meta point of each labelled encoding, the mean of the
    unlabelled ones weighted by their similarity to it; cross-entropy to the true labels. The text says softmax at
    update 5 and not here, so that the similarity is the scaled dot product itself, of either sign."""
    similarity = labelled @ unlabelled.T / math.sqrt(labelled.shape[1])
    return functional.cross_entropy(probe(similarity @ unlabelled / len(unlabelled)), labels)


def meta_distance(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    """Update 5, meta distance, as in the text: the mean log Euclidean distance between each labelled encoding and its
    meta point, which is pooled by softmax similarities; minimised, it shrinks. No label is read.

    Nothing in it holds the points apart: where it outpulls the contrast, all encodings become one (the history's
    `spread` shows it). The code of system A minimises the negative, which pushes apart: the option
    `meta_distance_code`.
    """
    squared = (labelled - _attended(labelled, unlabelled)).square().sum(1)
    return (squared + _MET).log().mean() / 2


def loss(
    name: Sandbox, labelled: Tensor, labels: Tensor, unlabelled: Tensor, classes: int, probe: nn.Module | None
) -> Tensor:
    """The losses of the updates of that name, one after the other: [classes] for `reclassify`, else [1]."""
    if name == "idle":
        return (labelled.sum() * 0)[None]
    if name == "reclassify":
        return reclassify(labelled, labels, unlabelled, classes)
    if name == "reclassify_weighted":
        return reclassify_weighted(labelled, labels, unlabelled, classes)[None]
    if name == "meta_distance":
        return meta_distance(labelled, unlabelled)[None]
    if name == "meta_distance_code":
        return -meta_distance(labelled, unlabelled)[None]
    assert probe is not None, "PROBED says so"
    return (soft_lookup if name == "soft_lookup" else meta_reclassify)(labelled, labels, unlabelled, probe)[None]


def _attended(labelled: Tensor, unlabelled: Tensor) -> Tensor:
    return (labelled @ unlabelled.T / math.sqrt(labelled.shape[1])).softmax(1) @ unlabelled

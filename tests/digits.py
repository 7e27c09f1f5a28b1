"""A tiny run on scikit-learn's handwritten digits: does a method learn what random weights do not know?"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages import encoders
from stages.base import families
from stages.datasets.digits import load
from stages.supervision.exposure import Told, everything, fixed
from stages.training import measure
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all
from tests.blocks import settings
from tests.tiny import CPU

HARDWARE = Hardware(CPU, half=False, compile=False)
TRAINED, HELD_OUT = 600, 300


@cache
def digits() -> tuple[Images, np.ndarray, Images, np.ndarray]:
    """Images and labels to train on, and held out, 32 px."""
    with tempfile.TemporaryDirectory() as scratch:
        part = load(data(), Path(scratch)).train
    order = np.random.default_rng(0).permutation(len(part.labels))[: TRAINED + HELD_OUT]
    pool, rest = order[:TRAINED], order[TRAINED:]
    return Images(part.images, pool, CPU), part.labels[pool], Images(part.images, rest, CPU), part.labels[rest]


def beats_random(section: str, member: str, path: Path, **changes: Any) -> bool:
    """Whether a method's encoder gives a probe (ridge regression on 50 labels a class), or a regime's head, more of the
    held-out digits than the same probe has from the encoder's first random weights."""
    random, trained = accuracies(section, member, path, **changes)
    return trained > random


def accuracies(section: str, member: str, path: Path, **changes: Any) -> tuple[float, float]:
    """Held-out accuracy on random features, and after training; a regime is told 5 labels a class, as is its probe."""
    images, labels, _, _ = digits()
    each = 50 if section == "pretrain" else 5
    told = np.concatenate([np.flatnonzero(labels == c)[:each] for c in range(10)])
    chosen = settings(section, member, **({"encoder": "conv4"} if section == "pretrain" else {}) | changes)
    seed_all(0, 0)
    encoder = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    random = probe(encoder, told)
    common = {"seed": 0, "hardware": HARDWARE, "resume": path}
    if section == "pretrain":
        method = families.load("pretraining", member).build(encoder, chosen, TRAINED)
        world = everything(TRAINED, chosen.epochs)
        fit(method, images, Told(np.full(TRAINED, -1), world), world, **common)
        return random, probe(encoder, told)
    world = fixed(labels, told, 10, chosen.epochs)
    model = families.load("regimes", member).build(encoder, 10, chosen, TRAINED)
    fit(model, images, Told(labels, world), world, **common)
    kept, head = model.kept()
    _, _, held_out, truth = digits()
    return random, float((measure.classify(head, measure.embed(kept, held_out, half=False)) == truth).mean())


def probe(encoder: torch.nn.Module, told: np.ndarray) -> float:
    """Held-out accuracy of ridge regression on an encoder's features of the images told."""
    from sklearn.linear_model import RidgeClassifier

    images, labels, held_out, truth = digits()
    features = measure.embed(encoder, images, half=False).numpy()
    model = RidgeClassifier().fit(features[told], labels[told])
    return float(model.score(measure.embed(encoder, held_out, half=False).numpy(), truth))


def data() -> Any:
    """The section `data`, for the digits."""
    from stages.datasets import Settings
    from tests.blocks import base

    return Settings.model_validate(base()["data"] | {"name": "digits"})

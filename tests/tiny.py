"""A tiny world for tests of training: random pictures of a few classes, and a run of the loop on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from stages import encoders
from stages.base import families
from stages.encoders._chain import Chain
from stages.supervision.exposure import Told, World, everything, fixed, gradual
from stages.training.images import Images
from stages.training.loop import Hardware, Row, fit, seed_all
from stages.training.method import Method
from tests.blocks import blocks, schedule, settings

CPU = torch.device("cpu")
CLASSES = 3
EPOCHS = 3
LABELS = np.arange(60) % CLASSES
# what costs time in a block, and here shows nothing more
CUT = {"patches": 2, "mu": 2, "rounds": 3, "labelled_in_batch": 4}


def pictures() -> np.ndarray:
    """uint8 [60, 32, 32, 3]; each class has a colour of its own, under noise."""
    generator = np.random.default_rng(0)
    colours = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200]])
    noise = generator.integers(-50, 50, (60, 32, 32, 3))
    return (colours[LABELS][:, None, None] + noise).clip(0, 255).astype(np.uint8)


def trainable(section: str) -> list[str]:
    """The members of "pretrain" or "models" that train something."""
    return [name for name, block in blocks(section).items() if "epochs" in block]


def small(section: str, member: str, **changes: Any) -> Any:
    """A member's block, cut down to the tiny world."""
    cut = {key: number for key, number in CUT.items() if key in blocks(section)[member]}
    steps = {"steps": None, "batch_size": 16} if "steps" in blocks(section)[member] else {}
    changes = {"epochs": EPOCHS, "classes": None} | steps | cut | changes
    if section == "pretrain":
        changes = {"encoder": "conv4"} | changes
    return settings(section, member, **changes)


def world_of(chosen: Any) -> World:
    """What a model's block is told of the tiny world: 15 labels, at once or by the schedule."""
    bought = np.random.default_rng(1).permutation(60)[:15]
    if chosen.told_by(schedule()) is None:
        return fixed(LABELS, bought, chosen.classes or CLASSES, chosen.epochs)
    plan = schedule(start_classes=1, class_epochs=3)
    return gradual(LABELS, bought, np.arange(CLASSES), plan, epochs=chosen.epochs, seed=0)


def with_batch_norm() -> encoders.Encoder:
    """A net with batch norm, which conv4 has not, and no larger than it must be."""
    body = Chain(
        8,
        stem=nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.BatchNorm2d(8), nn.ReLU()),
        last=nn.Sequential(nn.Conv2d(8, 8, 3, stride=2), nn.BatchNorm2d(8), nn.ReLU()),
        pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
    return encoders.Encoder("with_batch_norm", 32, [0.5] * 3, [0.25] * 3, body)


def make(section: str, member: str, seed: int = 0, *, batch_norm: bool = False, **changes: Any) -> tuple[Method, World]:
    """A method or regime at its start, and its world."""
    chosen = small(section, member, **changes)
    seed_all(seed, 0)
    encoder = with_batch_norm() if batch_norm else encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    if section == "pretrain":
        method: Method = families.load("pretraining", member).build(encoder, chosen, 60)
        return method, everything(60, chosen.epochs)
    return families.load("regimes", member).build(encoder, CLASSES, chosen, 60), world_of(chosen)


def train(
    section: str,
    member: str,
    checkpoint: Path,
    *,
    labels: np.ndarray = LABELS,
    images: np.ndarray | None = None,
    seed: int = 0,
    **changes: Any,
) -> tuple[Method, list[Row]]:
    """Trains a member in the tiny world; `labels` is what the world tells, `images` what it shows."""
    method, world = make(section, member, seed, **changes)
    shown = Images(pictures() if images is None else images, np.arange(60), CPU)
    hardware = Hardware(CPU, half=False, compile=False)
    history = fit(method, shown, Told(labels, world), world, seed=seed, hardware=hardware, resume=checkpoint)
    return method, history

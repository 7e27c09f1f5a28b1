"""Runs beside which a test writes the paper's loop: views are the images as they are, and an epoch is one batch of all,
so that an order of images, which the loop draws, changes nothing but roundings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stages.training.augmentation import plain
from stages.training.method import Method
from tests.tiny import make, pictures, train

STEPS = 6
RATE = 0.01
MOMENTUM = 0.9
STILL = {"min_area": 1, "brightness": 0, "jitter": 0, "flip": False, "zoom": True}


def run(member: str, checkpoint: Path, **changes: Any) -> tuple[Method, list[float]]:
    """A pretraining method as it begins, in training mode, and the losses of its steps when it is trained."""
    rule = {"name": "sgd", "rate": RATE, "momentum": MOMENTUM, "weight_decay": 0, "decay": "cosine", "warmup": 0}
    changes = {"views": STILL, "optimiser": rule, "epochs": STEPS, "batch_size": 60} | changes
    start, _ = make("pretrain", member, **changes)
    _, history = train("pretrain", member, checkpoint, **changes)
    return start.train(), [row["loss"] for row in history]


def images() -> Tensor:
    """The batch of each step, [60, 3, 32, 32]."""
    return plain(torch.from_numpy(pictures()))


def steps(parameters: list[nn.Parameter]) -> Iterator[tuple[int, torch.optim.Optimizer]]:
    """The number of each step and the optimiser of the run."""
    rule = torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)
    for step in range(STEPS):
        for group in rule.param_groups:
            group["lr"] = RATE * (1 + math.cos(math.pi * step / STEPS)) / 2
        rule.zero_grad()
        yield step, rule

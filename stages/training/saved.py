"""A trained model as `train` keeps it: its encoder and its head."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from stages import encoders
from stages.base.errors import UserError
from stages.encoders import Encoder
from stages.training.standardised import Standardised


def load(folder: Path) -> tuple[Encoder, torch.nn.Linear]:
    """On the CPU. Raises UserError, naming the file, for one that is missing or broken."""
    encoder, path = encoders.load(folder), folder / "head.safetensors"
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or the stage before this one)")
    weights = load_file(path)
    classes, dim = weights["weight"].shape
    head = Standardised(dim, classes) if "mean" in weights else torch.nn.Linear(dim, classes)
    head.load_state_dict(weights)
    return encoder, head

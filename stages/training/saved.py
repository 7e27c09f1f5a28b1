"""A trained model as `train` keeps it: its encoder and its head."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file

from stages import encoders
from stages.base import readable
from stages.base.errors import UserError
from stages.encoders import Encoder
from stages.training.centred import Centred
from stages.training.standardised import Standardised

# heads by what they keep beside their weights
_KINDS: dict[str, type[torch.nn.Linear]] = {"scale": Centred, "deviation": Standardised}


def load(folder: Path, classes: int | None = None) -> tuple[Encoder, torch.nn.Linear]:
    """On the CPU. Raises UserError, naming the file, for one that is missing, broken, not of that encoder or not of so
    many classes."""
    encoder, path = encoders.unread(folder), folder / "head.safetensors"
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` (or the stage before this one)")

    def said(reason: str) -> str:
        return f"{path} is broken ({reason}); remove {folder} and run `dvc repro`"

    with readable.refused(said):
        weights = load_file(path)
        count = weights["weight"].shape[0] if classes is None else classes
        head = next((kind for key, kind in _KINDS.items() if key in weights), torch.nn.Linear)(encoder.dim, count)
        shapes, wanted = (
            {name: list(value.shape) for name, value in one.items()} for one in (weights, head.state_dict())
        )
        if shapes != wanted:
            raise ValueError(f"it holds {shapes}, and not {wanted}")
        head.load_state_dict(weights)
    return encoder, head

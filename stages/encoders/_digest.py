"""What an encoder is, in one number: two that differ in weights, preprocessing or code have two."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor

from stages.encoders._card import Card, HubCard

_PACKAGE = Path(__file__).parent.parent
# whose code runs between an image and its vector
_ROOMS, _LIBRARIES = ("encoders", "hub"), ("torch", "torchvision", "timm")


def digest(card: Card | HubCard, state: Mapping[str, Tensor], *, folded: bool) -> str:
    """32 hexadecimal digits, over all that says what vector an image gets: the network and how images are brought to
    it, the weights, whether batch norms are folded, the code that does it, and the versions of the libraries."""
    found = hashlib.blake2b(_code(), digest_size=16)
    found.update(card.model_dump_json().encode())
    found.update(repr(folded).encode())
    for name, tensor in sorted(state.items()):
        found.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


@cache
def _code() -> bytes:
    found = hashlib.blake2b(repr([(name, metadata.version(name)) for name in _LIBRARIES]).encode())
    for path in sorted(path for room in _ROOMS for path in (_PACKAGE / room).glob("*.py")):
        found.update(path.read_bytes())
    return found.digest()

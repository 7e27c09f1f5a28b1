"""Random numbers: a stream of its own for each purpose of a seed.

numpy fills a list of seeds with zeros, so that [0, 1] and [0, 1, 0] are one stream, and any list of small numbers meets
another somewhere. So a stream is called by a name, which stands once in the code, and a hash tells it from all others.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


def rng(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """numpy's stream of a seed for a purpose, such as rng(seed, "splitting.held_out", label)."""
    return np.random.default_rng(int.from_bytes(_digest(seed, name, numbers)))


def number(seed: int, name: str, *numbers: int, bits: int = 63) -> int:
    """A seed of so many bits from the same stream, for other generators; torch takes 63 bits, scikit-learn and UMAP
    32."""
    return int.from_bytes(_digest(seed, name, numbers)) >> (256 - bits)


def _digest(seed: int, name: str, numbers: tuple[int, ...]) -> bytes:
    return hashlib.sha256(json.dumps([int(seed), name, *map(int, numbers)]).encode()).digest()

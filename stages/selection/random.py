"""Images at random, each as likely as any other: what every other strategy has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel

from stages.base import draws
from stages.selection import Selection, check, mask

if TYPE_CHECKING:
    import torch


class Settings(BaseModel, extra="forbid", frozen=True):
    """`extractor`: whose features the quality of the choice is measured in."""

    strategy: Literal["random"]
    extractor: str


def select(
    features: np.ndarray, budget: int, settings: Settings, *, labelled: np.ndarray, seed: int, device: torch.device
) -> Selection:
    """Without replacement. A smaller budget buys the first images of a larger one, whatever is labelled."""
    check(budget, features, labelled)
    order = draws.rng(seed, "selection.random").permutation(len(features)).astype(np.int64)
    return Selection(order[~mask(labelled, len(features))[order]][:budget], None)

"""Images as stages hand them to what embeds them."""

from __future__ import annotations

import numpy as np
import torch

from stages.training.images import Images

CPU = torch.device("cpu")


def of(packed: np.ndarray, rows: np.ndarray | None = None) -> Images:
    """Packed images uint8 [M, S, S, 3], all of them or int64 [N] rows, on the CPU."""
    return Images(packed, np.arange(len(packed)) if rows is None else rows, CPU)

"""What a trained model takes the images for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from stages.encoders import Encoder
from stages.handout.asked import Asked
from stages.training import measure
from stages.training.images import Images


@torch.inference_mode()
def guess(
    encoder: Encoder,
    head: torch.nn.Linear,
    asked: Sequence[Asked],
    pictures: np.ndarray,
    classes: Sequence[str],
    device: torch.device,
    half: bool,
) -> list[Asked]:
    """Adds to each image the likeliest class of its picture, uint8 [n, S, S, 3], and the softmax share of it."""
    images = Images(pictures, np.arange(len(pictures)), device)
    embedding = measure.embed(encoder.to(device), images, half)
    shares, best = head.to(device)(embedding).softmax(1).max(1)
    found = zip(asked, best.tolist(), shares.tolist(), strict=True)
    return [replace(one, guess=(classes[label], round(share, 4))) for one, label, share in found]

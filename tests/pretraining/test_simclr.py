import numpy as np
import pytest
import torch

from stages.training.images import Images
from stages.training.method import Batch
from tests.tiny import CPU, make, pictures


@pytest.mark.parametrize("loss", ["nt_xent", "cross_view"])
def test_gradients_reach_encoder_and_head(loss: str) -> None:
    method, _ = make("pretrain", "simclr", loss=loss)
    images = Images(pictures(), np.arange(60), CPU)
    indices = torch.arange(16)
    updates = method.updates(Batch(indices, images[indices], torch.full((16,), -1)))
    next(updates)["contrast"].backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.parameters())
    assert next(updates, None) is None

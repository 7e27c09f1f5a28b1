"""A frozen network of which batch norms are folded into convolutions gives the vectors that it gave."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from stages import encoders, hub
from stages.encoders._chain import Chain
from stages.encoders._encoder import Encoder
from stages.encoders._folded import folded


def stirred(module: nn.Module) -> None:
    """Statistics and scales as training leaves them, far from those that change nothing."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor, low, high in ((part.running_mean, -0.2, 0.2), (part.running_var, 0.5, 2.0)):
                assert tensor is not None
                tensor.uniform_(low, high)
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.2, 0.2)


def norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize(
    ("library", "model", "left"),
    [("bundled", "efficientnet_lite0", 0), ("timm", "resnet18", 0), ("torchvision", "mobilenet_v3_small", 0)],
)
def test_vectors_stay(library: hub.Library, model: str, left: int) -> None:
    choice = hub.Choice(library=library, model=model, upscale=64)
    encoder = encoders.wrap(choice, hub.empty(choice), 32)
    stirred(encoder)
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    fast, images = folded(encoder), torch.rand(3, 3, 32, 32)
    with torch.inference_mode():
        wanted, found = encoder(images), fast(images)
    assert norms(fast) == left < norms(encoder)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    assert all(torch.equal(before[name], tensor) for name, tensor in encoder.state_dict().items())


class Crossed(Chain):
    """The norm stands behind one convolution, and is given what another makes."""

    def __init__(self) -> None:
        super().__init__(
            4, other=nn.Conv2d(3, 4, 1), near=nn.Conv2d(3, 4, 1), norm=nn.BatchNorm2d(4), flat=nn.Flatten()
        )

    def forward(self, images: Tensor) -> Tensor:
        other, near, norm = self[0], self[1], self[2]
        found: Tensor = (norm(other(images)) + near(images)).mean((2, 3))
        return found


def test_a_norm_of_another_convolution_stays() -> None:
    encoder = Encoder("crossed", 8, (0.5,) * 3, (0.2,) * 3, Crossed())
    stirred(encoder)
    assert folded(encoder) is encoder


def test_a_network_without_norms_is_not_copied() -> None:
    encoder = Encoder("plain", 8, (0.5,) * 3, (0.2,) * 3, Chain(4, conv=nn.Conv2d(3, 4, 8), flat=nn.Flatten()))
    assert folded(encoder) is encoder

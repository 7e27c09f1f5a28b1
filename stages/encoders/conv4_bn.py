"""conv4 with batch norm behind each layer, for BYOL and SwAV, which collapse to few dimensions without any."""

from __future__ import annotations

from torch import nn

from stages.encoders import conv4
from stages.encoders._chain import Chain

# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """As conv4."""
    return conv4.takes(size, built_for)


def build(size: int) -> Chain:
    """conv4's layers, batch norm between each and its leaky ReLU."""
    chain = conv4.build(size)
    for block in chain:
        assert isinstance(block, nn.Sequential)
        norm = nn.BatchNorm1d if isinstance(block[-2], nn.Linear) else nn.BatchNorm2d
        block.insert(len(block) - 1, norm(conv4.WIDTH))
        # the batch norm has a bias
        block[-3].register_parameter("bias", None)
    return chain

"""ResNet-50 (He et al. 2016), 2048 values an image."""

from __future__ import annotations

from stages.encoders._chain import Chain

# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """Whether images of `size` px leave a position after three halvings, which a pooling brings to one."""
    return size >= 8


def build(size: int) -> Chain:
    from torchvision.models import resnet50

    from stages.encoders._resnet import chain

    return chain(resnet50(), size)

"""WRN-50-2 (Zagoruyko and Komodakis 2016): ResNet-50 with twice the inner width, 2048 values an image."""

from __future__ import annotations

from stages.encoders._chain import Chain

# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """Whether images of `size` px leave a position after three halvings, which a pooling brings to one."""
    return size >= 8


def build(size: int) -> Chain:
    from torchvision.models import wide_resnet50_2

    from stages.encoders._resnet import chain

    return chain(wide_resnet50_2(), size)

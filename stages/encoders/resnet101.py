"""ResNet-101 (He et al. 2016), 2048 values an image."""

from __future__ import annotations

from stages.encoders._chain import Chain


def build(size: int) -> Chain:
    from torchvision.models import resnet101

    from stages.encoders._resnet import chain

    return chain(resnet101(), size, "resnet101")

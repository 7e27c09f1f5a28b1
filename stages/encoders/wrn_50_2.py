"""WRN-50-2 (Zagoruyko and Komodakis 2016): ResNet-50 with twice the inner width, 2048 values an image."""

from __future__ import annotations

from stages.encoders._chain import Chain


def build(size: int) -> Chain:
    from torchvision.models import wide_resnet50_2

    from stages.encoders._resnet import chain

    return chain(wide_resnet50_2(), size, "wrn_50_2")

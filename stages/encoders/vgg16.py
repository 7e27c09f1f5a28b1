"""VGG-16 with batch norm for small images (Simonyan and Zisserman 2015, configuration D), 512 values an image."""

from __future__ import annotations

from torch import nn

from stages.encoders._chain import Chain

STAGES = {
    "stage1": (64, 64),
    "stage2": (128,) * 2,
    "stage3": (256,) * 3,
    "stage4": (512,) * 3,
    "stage5": (512,) * 3,
}


# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """Whether images of `size` px leave a position after five halvings; more of them are averaged."""
    return size >= 32


def build(size: int) -> Chain:
    """The 13 convolutions in five stages, each ended by a max-pool; what is left at more than 32 px is averaged."""
    channels = 3
    stages: dict[str, nn.Module] = {}
    for name, widths in STAGES.items():
        layers: list[nn.Module] = []
        for width in widths:
            layers += [_conv(channels, width), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
            channels = width
        stages[name] = nn.Sequential(*layers, nn.MaxPool2d(2))
    return Chain(channels, **stages, pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))


def _conv(channels: int, width: int) -> nn.Conv2d:
    conv = nn.Conv2d(channels, width, 3, padding=1, bias=False)  # the batch norm after it has the bias
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv

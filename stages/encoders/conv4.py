"""The small net of the gradual-supervision experiments: four strided convolutions and a dense layer."""

from __future__ import annotations

from torch import nn

from stages.encoders._chain import Chain

WIDTH = 128
SLOPE = 0.2


# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """Whether images of `size` px leave as many positions as those of `built_for` px, for it ends in a dense layer."""
    return 1 <= positions(size) == positions(built_for)


def positions(size: int) -> int:
    """Of a side, after four strided convolutions; 0 for images that are too small."""
    for _ in range(4):
        size = (size - 3) // 2 + 1
    return max(size, 0)


def build(size: int) -> Chain:
    """3x3 convolutions of 128 channels with stride 2 and no padding: 32 px end as one position, 96 px as 5 x 5."""
    return Chain(
        WIDTH,
        conv1=_conv(3),
        conv2=_conv(WIDTH),
        conv3=_conv(WIDTH),
        conv4=_conv(WIDTH),
        dense=nn.Sequential(nn.Flatten(), _keras(nn.Linear(WIDTH * positions(size) ** 2, WIDTH)), nn.LeakyReLU(SLOPE)),
    )


def _conv(channels: int) -> nn.Sequential:
    return nn.Sequential(_keras(nn.Conv2d(channels, WIDTH, 3, stride=2)), nn.LeakyReLU(SLOPE))


def _keras(layer: nn.Conv2d | nn.Linear) -> nn.Conv2d | nn.Linear:
    """Glorot's uniform weights and no bias: system A ran in Keras, whose default this is."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer

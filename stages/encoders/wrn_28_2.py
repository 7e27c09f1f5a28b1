"""WRN-28-2 as in FixMatch (Sohn et al. 2020): pre-activation, leaky ReLU of 0.1, 128 values an image."""

from __future__ import annotations

from torch import Tensor, nn

from stages.encoders._chain import Chain

SLOPE = 0.1
WIDTHS = (32, 64, 128)
UNITS = 4  # depth 28 = 4 + 3 groups * 4 units * 2 convolutions


# those that hold parameters
BLOCKS = 5


def takes(size: int, built_for: int) -> bool:
    """Whether images of `size` px are of 2 px or more in the last group, as smaller ones are one number a channel."""
    return size >= 8


def build(size: int) -> Chain:
    """A 3x3 stem of 16 channels, three groups of four units at size, size / 2 and size / 4, and the average.

    The batch norms keep torch's momentum of 0.1 and epsilon of 1e-5; FixMatch's 0.001 is for runs of a million steps,
    and its epsilon is 1e-3. Its images are in [-1, 1], ours normalised by the data.
    """
    net = Chain(
        WIDTHS[-1],
        stem=nn.Conv2d(3, 16, 3, padding=1, bias=False),
        group1=_group(16, WIDTHS[0], stride=1, first=True),
        group2=_group(WIDTHS[0], WIDTHS[1], stride=2),
        group3=_group(WIDTHS[1], WIDTHS[2], stride=2),
        norm=_norm(WIDTHS[2]),
        pool=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=SLOPE, mode="fan_out", nonlinearity="leaky_relu")
    return net


class Unit(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the width changes."""

    def __init__(self, channels: int, width: int, stride: int, activate_shortcut: bool) -> None:
        super().__init__()
        self.before = _norm(channels)
        self.convs = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            _norm(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )
        same = channels == width
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, width, 1, stride=stride, bias=False)
        self.activate_shortcut = activate_shortcut

    def forward(self, x: Tensor) -> Tensor:
        active = self.before(x)
        out: Tensor = self.convs(active) + self.shortcut(active if self.activate_shortcut else x)
        return out


def _group(channels: int, width: int, stride: int, first: bool = False) -> nn.Sequential:
    """Units of one width; only the very first unit of the net hands its activated input to the shortcut."""
    rest = [Unit(width, width, 1, False) for _ in range(UNITS - 1)]
    return nn.Sequential(Unit(channels, width, stride, first), *rest)


def _norm(width: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(width), nn.LeakyReLU(SLOPE, inplace=True))

"""torchvision's residual networks, with the stem that suits the size of the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from stages.encoders._chain import Chain

if TYPE_CHECKING:
    from torchvision.models import ResNet

SMALL_STEM_BELOW = 64


def chain(net: ResNet, size: int) -> Chain:
    """The network without its classifier. Below 64 px the first convolution is 3x3 with stride 1, without max-pool.

    The small stem is that of He et al. 2016, section 4.2 (CIFAR-10), as used by SimCLR, appendix B.9.
    """
    stem = nn.Sequential(net.conv1, net.bn1, net.relu, net.maxpool)
    if size < SMALL_STEM_BELOW:
        conv = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        stem = nn.Sequential(conv, net.bn1, net.relu)
    return Chain(
        net.fc.in_features,
        stem=stem,
        layer1=net.layer1,
        layer2=net.layer2,
        layer3=net.layer3,
        layer4=net.layer4,
        pool=nn.Sequential(net.avgpool, nn.Flatten()),
    )

"""An encoder as a fixed graph gives the vectors of the encoder itself, whatever it does to the images' size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from stages import encoders, hub
from stages.base import families

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def same(encoder: encoders.Encoder) -> bool:
    wanted = encoder.eval()(IMAGES)
    found = encoders.fixed(encoder)(IMAGES)
    return bool((found - wanted).norm() <= 1e-5 * wanted.norm())


@pytest.mark.parametrize("name", [name for name in families.names("encoders") if name.startswith(("conv", "wrn_28"))])
def test_of_our_own(name: str) -> None:
    assert same(encoders.build(name, 32, [0.5, 0.4, 0.3], [0.2, 0.3, 0.2]))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear", "nearest"])
@pytest.mark.parametrize("upscale", [24, 32, 48])
def test_of_a_library_at_another_size(interpolation: str, upscale: int) -> None:
    choice = hub.Choice(library="timm", model="test_resnet", upscale=upscale)
    network = hub.empty(choice)
    network.interpolation = interpolation
    assert same(encoders.wrap(choice, network, 32))


def test_of_one_that_is_not_read_yet(tmp_path: Path) -> None:
    choice = hub.Choice(library="timm", model="test_resnet", upscale=48)
    encoders.save(encoders.wrap(choice, hub.empty(choice), 32), tmp_path)
    assert same(encoders.unread(tmp_path))


def test_it_is_frozen_and_shares_the_weights() -> None:
    encoder = encoders.build("conv4", 32, [0.5] * 3, [0.2] * 3)
    found = encoders.fixed(encoder)
    assert not found.training and not any(one.requires_grad for one in found.parameters())
    assert next(found.parameters()).data_ptr() == next(encoder.parameters()).data_ptr()

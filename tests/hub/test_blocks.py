"""The parts of libraries' networks, which finetune freezes from the input on. Built without weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stages import encoders, hub

KNOWN = [
    # library, model, values of a vector, its own px, blocks
    ("timm", "resnet50.tv_in1k", 2048, 224, 5),
    ("timm", "vit_small_patch16_224.dino", 384, 224, 13),
    ("timm", "vit_small_patch8_224.dino", 384, 224, 13),
    ("timm", "vit_small_patch14_dinov2.lvd142m", 384, 518, 13),
    ("timm", "vit_small_patch14_reg4_dinov2.lvd142m", 384, 518, 13),
    ("timm", "vit_small_patch16_dinov3.lvd1689m", 384, 256, 13),
    ("timm", "convnext_tiny.dinov3_lvd1689m", 768, 224, 5),
    ("timm", "vit_base_patch16_clip_224.openai", 768, 224, 13),
    ("timm", "densenet121.tv_in1k", 1024, 224, 8),
    ("timm", "vgg16.tv_in1k", 512, 224, 13),
    ("timm", "efficientnet_b0.ra_in1k", 1280, 224, 9),
    ("bundled", "efficientnet_lite0", 1280, 224, 9),
    ("torchvision", "wide_resnet50_2", 2048, 224, 5),
    ("torchvision", "vgg16", 512, 224, 13),
    ("torchvision", "vit_b_16", 768, 224, 13),
    ("torchvision", "vit_h_14", 1280, 518, 33),
    ("torchvision", "swin_t", 768, 224, 8),
    ("torchvision", "googlenet", 1024, 224, 12),
    ("torchvision", "inception_v3", 2048, 299, 16),
]


@pytest.mark.parametrize(("library", "model", "dim", "size", "count"), KNOWN)
def test_families_give_vectors_and_their_blocks_hold_all(
    library: hub.Library, model: str, dim: int, size: int, count: int
) -> None:
    choice = hub.Choice(library=library, model=model, upscale=None)
    with torch.device("meta"):
        encoder = encoders.wrap(choice, hub.empty(choice), 32)
        assert (encoder.dim, encoder.input, encoder.size) == (dim, size, 32)
        # in training mode some give more than vectors
        assert encoder.train()(torch.empty(2, 3, 32, 32)).shape == (2, dim)

        blocks = encoder.blocks()
        assert len(blocks) == count
        held = [id(parameter) for block in blocks for parameter in block.parameters()]
        assert sorted(held) == sorted(map(id, encoder.parameters()))

        first: list[int] = []
        for number, block in enumerate(blocks):
            for layer in block.modules():
                if list(layer.parameters(recurse=False)) and not isinstance(layer, nn.ParameterList):
                    layer.register_forward_hook(lambda *_, number=number: first.append(number))
        encoder.eval()(torch.empty(1, 3, 32, 32))
    assert list(dict.fromkeys(first)) == list(range(count))


def test_the_tokens_of_a_transformer_go_with_its_patches_and_its_norm_with_the_last_block() -> None:
    choice = hub.Choice(library="timm", model="test_vit", upscale=None)
    with torch.device("meta"):
        module = hub.empty(choice).module
    blocks = hub.blocks(module)
    first, last = ({id(one) for one in block.parameters()} for block in (blocks[0], blocks[-1]))
    assert {id(module.cls_token), id(module.pos_embed), id(module.patch_embed.proj.weight)} <= first
    assert {id(module.norm.weight), id(module.blocks[-1].norm1.weight)} <= last
    assert len(blocks) == 1 + len(module.blocks)  # type: ignore[arg-type]


def test_a_frozen_block_has_its_norms_in_evaluation_mode() -> None:
    choice = hub.Choice(library="timm", model="test_resnet", upscale=None)
    with torch.device("meta"):
        module = hub.empty(choice).module.train()
    for block in hub.blocks(module):
        block.eval()
    norms = [layer for layer in module.modules() if isinstance(layer, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)

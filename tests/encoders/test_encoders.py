"""What every encoder must do, by discovery, and what is known of some."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stages import encoders
from stages.base import families
from stages.base.errors import UserError

NAMES = families.names("encoders")
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.24, 0.26)


def build(name: str, size: int, seed: int = 0) -> encoders.Encoder:
    torch.manual_seed(seed)
    return encoders.build(name, size, MEAN, STD)


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [32, 96])
def test_gives_one_vector_an_image(name: str, size: int) -> None:
    encoder = build(name, size).eval()
    with torch.inference_mode():
        vectors = encoder(torch.rand(2, 3, size, size))
    assert vectors.shape == (2, encoder.dim)
    assert vectors.dtype == torch.float32
    assert vectors.isfinite().all()
    assert not torch.equal(vectors[0], vectors[1])


@pytest.mark.parametrize("name", NAMES)
def test_blocks_hold_each_parameter_once_from_input_to_output(name: str) -> None:
    encoder = build(name, 32)
    in_blocks = [parameter for block in encoder.blocks() for parameter in block.parameters()]
    assert list(map(id, in_blocks)) == list(map(id, encoder.parameters()))
    assert len(encoder.blocks()) == families.load("encoders", name).BLOCKS >= 4

    called: list[int] = []
    for number, block in enumerate(encoder.blocks()):
        block.register_forward_hook(lambda *_, number=number: called.append(number))
    encoder.eval()(torch.rand(1, 3, 32, 32))
    assert called == list(range(len(encoder.blocks())))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_weights_and_a_saved_encoder_comes_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    encoder = build(name, 32).to(memory_format=torch.channels_last)
    for buffer in encoder.buffers():
        buffer += 1  # not the values it was built with
    encoders.save(encoder, tmp_path / "made")
    before = torch.get_rng_state()
    loaded = encoders.load(tmp_path / "made")
    assert torch.equal(before, torch.get_rng_state())
    assert same(encoder, loaded)
    assert (loaded.name, loaded.size, loaded.dim, loaded.training) == (name, 32, encoder.dim, False)

    again = build(name, 32)
    assert all(map(torch.equal, encoder.parameters(), again.parameters()))
    assert not same(again, build(name, 32, seed=1))


def test_the_files_are_the_same_each_time(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        encoders.save(build("conv4", 32), tmp_path / folder)
    for file in ("weights.safetensors", "encoder.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_images_are_normalised() -> None:
    encoder = build("conv4", 32)
    images = torch.rand(2, 3, 32, 32)
    mean, std = (torch.tensor(values).reshape(1, 3, 1, 1) for values in (MEAN, STD))
    assert torch.allclose(encoder(images), encoder.body((images - mean) / std))


@pytest.mark.parametrize(
    ("name", "size", "count"),
    [
        ("resnet18", 32, 11_168_832),  # ResNet-18 for CIFAR-10: 11,173,962 less its classifier's 5,130
        ("resnet18", 96, 11_176_512),  # torchvision: 11,689,512 less 513,000
        ("resnet50", 96, 23_508_032),  # torchvision: 25,557,032 less 2,049,000
        ("resnet101", 96, 42_500_160),  # torchvision: 44,549,160 less 2,049,000
        ("wrn_50_2", 96, 66_834_240),  # torchvision: 68,883,240 less 2,049,000
        ("wrn_28_2", 32, 1_466_320),  # FixMatch, CIFAR-10: 1,467,610 less 1,290
        ("vgg16", 32, 14_718_912),  # the convolutions' 14,710,464 weights, and two for each of 4,224 channels
        ("conv4", 32, 462_848),
        ("conv4_bn", 32, 463_488),  # in place of 5 x 128 biases twice as many of the batch norms
    ],
)
def test_parameter_counts_are_those_published(name: str, size: int, count: int) -> None:
    assert sum(parameter.numel() for parameter in build(name, size).parameters()) == count


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet101", "wrn_50_2"])
def test_the_stem_suits_the_size(name: str) -> None:
    encoder = build(name, 32).eval()
    assert encoder.blocks()[0](torch.rand(1, 3, 32, 32)).shape == (1, 64, 32, 32)
    encoder = build(name, 96).eval()
    assert encoder.blocks()[0](torch.rand(1, 3, 96, 96)).shape == (1, 64, 24, 24)


def test_conv4_shrinks_without_padding() -> None:
    x, sides = torch.rand(1, 3, 32, 32), []
    for block in build("conv4", 32).blocks()[:4]:
        x = block(x)
        sides.append(x.shape[-1])
    assert sides == [15, 7, 3, 1]


@pytest.mark.parametrize("name", NAMES)
def test_images_too_small_are_refused_and_the_smallest_learn(name: str) -> None:
    takes = families.load("encoders", name).takes
    smallest = next(size for size in range(1, 1000) if takes(size, size))
    with pytest.raises(UserError, match=f"encoder {name} takes no images of {smallest - 1} px; raise data.size"):
        build(name, smallest - 1)
    vectors = build(name, smallest).train()(torch.rand(2, 3, smallest, smallest))
    vectors.sum().backward()
    assert vectors.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("built_for", [33, 65])
def test_it_takes_the_sizes_that_it_says(name: str, built_for: int) -> None:
    takes, encoder = families.load("encoders", name).takes, build(name, built_for).eval()
    assert takes(built_for, built_for)
    with torch.inference_mode():
        for size in (8, 15, 31, 32, built_for, 46, 47):
            if takes(size, built_for):
                assert encoder(torch.rand(1, 3, size, size)).shape == (1, encoder.dim)
            elif size < 32 or name == "conv4":
                with pytest.raises(RuntimeError):
                    encoder(torch.rand(1, 3, size, size))


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean resnet18"):
        build("resnet_18", 32)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "resnet19"}, "did you mean resnet18"),
        ({"size": "big"}, "size"),
        ({"mean": [0.5]}, "mean"),
        ({"std": [0, 1, 1]}, "std"),
        ({"colour": 1}, "colour"),
        ({"name": "vgg16"}, r"weights.safetensors has an unknown body\..* not the weights of vgg16 at 32 px"),
        ({"size": 96}, r"body.dense.1.weight is torch.float32 \[128, 128\]"),
    ],
)
def test_a_foreign_description_is_refused(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    encoders.save(build("conv4", 32), tmp_path)
    card = tmp_path / "encoder.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(UserError, match=complaint) as refusal:
        encoders.load(tmp_path)
    assert str(tmp_path) in str(refusal.value)


@pytest.mark.parametrize("file", ["weights.safetensors", "encoder.json"])
def test_a_broken_or_missing_file_is_refused(file: str, tmp_path: Path) -> None:
    encoders.save(build("conv4", 32), tmp_path)
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match=f"{file} is broken"):
        encoders.load(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=f"{file} is missing"):
        encoders.load(tmp_path)


def test_conv4_with_batch_norm_normalises_each_layer() -> None:
    encoder, plain = build("conv4_bn", 32).train(), build("conv4", 32)
    kernels = [[one for one in net.parameters() if one.ndim > 1] for net in (encoder, plain)]
    assert [one.shape for one in kernels[0]] == [one.shape for one in kernels[1]]
    x = torch.rand(64, 3, 32, 32)
    for block in encoder.blocks():
        before = torch.nn.Sequential(*list(block)[:-1])(x).transpose(0, 1).flatten(1)
        assert torch.allclose(before.mean(1), torch.zeros(128), atol=1e-4)
        assert torch.allclose(before.std(1), torch.ones(128), atol=0.02)
        x = block(x)


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\xff", b"7", b"[]", b"{}"])
def test_what_describes_no_encoder_is_refused(data: bytes, tmp_path: Path) -> None:
    encoders.save(build("conv4", 32), tmp_path)
    (tmp_path / "encoder.json").write_bytes(data)
    with pytest.raises(UserError, match=r"encoder\.json (is broken|describes no encoder).*; remove .* run `dvc repro`"):
        encoders.load(tmp_path)


def test_tensors_of_another_program_are_refused(tmp_path: Path) -> None:
    encoders.save(build("conv4", 32), tmp_path)
    save_file({"weight": torch.ones(2)}, tmp_path / "weights.safetensors")
    with pytest.raises(UserError, match=r"weights\.safetensors lacks .*not the weights of conv4 .*; remove .*"):
        encoders.load(tmp_path)

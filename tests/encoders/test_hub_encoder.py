"""Models of libraries as encoders: their preprocessing, and how they are kept. Weights are random and made here."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stages import encoders, hub
from stages.base.errors import UserError
from stages.encoders import _hub
from tests.blocks import from_hubs


def make(library: hub.Library, model: str, upscale: int | None = None, size: int = 32) -> encoders.Encoder:
    choice = hub.Choice(library=library, model=model, upscale=upscale)
    return encoders.wrap(choice, hub.empty(choice), size)


def moved(encoder: encoders.Encoder) -> encoders.Encoder:
    """All of its state other than it was built."""
    with torch.no_grad():
        for value in encoder.state_dict().values():
            value += 0.01 * torch.rand(value.shape) if value.is_floating_point() else 3
    return encoder


MADE = [
    ("timm", "test_vit", 64),
    ("timm", "test_vit", None),
    ("timm", "test_resnet", 48),
    ("timm", "vit_tiny_patch16_dinov3_qkvb.eupe_lvd1689m", 64),
    ("torchvision", "mobilenet_v3_small", 64),
]


@pytest.mark.parametrize(("library", "model", "upscale"), MADE)
def test_comes_back_bit_for_bit_without_a_network(
    library: hub.Library, model: str, upscale: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = moved(make(library, model, upscale)).to(memory_format=torch.channels_last)
    encoders.save(encoder, tmp_path / "made")

    def offline(*_: object, **__: object) -> None:
        raise AssertionError("asked for the network")

    monkeypatch.setattr(socket.socket, "connect", offline)
    before = torch.get_rng_state()
    loaded = encoders.load(tmp_path / "made")
    assert torch.equal(before, torch.get_rng_state())
    ours, theirs = encoder.state_dict(), loaded.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert (loaded.name, loaded.size, loaded.dim, loaded.training) == (encoder.name, 32, encoder.dim, False)
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(encoder.eval()(images), loaded.to(memory_format=torch.channels_last)(images))

    encoders.save(loaded, tmp_path / "again")
    for file in ("weights.safetensors", "encoder.json"):
        assert (tmp_path / "made" / file).read_bytes() == (tmp_path / "again" / file).read_bytes()


def test_the_card_says_what_it_is(tmp_path: Path) -> None:
    encoders.save(make("timm", "test_vit", 64), tmp_path)
    assert json.loads((tmp_path / "encoder.json").read_text()) == {
        "library": "timm",
        "model": "test_vit",
        "upscale": 64,
        "interpolation": "bicubic",
        "dim": 64,
        "size": 32,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
    }


def smooth(count: int, size: int) -> np.ndarray:
    """Pictures with some structure, uint8 [count, size, size, 3], without extremes, which Pillow clips between the two
    axes."""
    coarse = np.random.default_rng(0).integers(60, 200, (count, 8, 8, 3), np.uint8)
    pictures = [Image.fromarray(one).resize((size, size), Image.Resampling.BICUBIC) for one in coarse]
    return np.stack([np.asarray(one) for one in pictures])


@pytest.mark.parametrize("size", [32, 224, 300])
@pytest.mark.parametrize(
    "model",
    [
        "test_vit",
        "test_resnet",
        "vit_small_patch16_dinov3.lvd1689m",
        "vit_base_patch16_clip_224.openai",
        *from_hubs("timm"),
    ],
)
def test_timms_preprocessing_is_the_models_own_but_for_the_crop(model: str, size: int) -> None:
    from timm import get_pretrained_cfg
    from timm.data import create_transform
    from timm.data.config import resolve_data_config

    config = resolve_data_config(pretrained_cfg=get_pretrained_cfg(model).to_dict())  # type: ignore[no-untyped-call, union-attr]
    views = create_transform(**config | {"crop_pct": 1.0})  # type: ignore[arg-type]
    images = smooth(3, size)
    wanted = torch.stack([views(Image.fromarray(one)) for one in images])  # type: ignore[operator, misc]
    check_inputs(hub.Choice(library="timm", model=model, upscale=None), images, wanted)


@pytest.mark.parametrize("model", ["resnet18", "vit_h_14", *from_hubs("torchvision")])
def test_torchvisions_preprocessing_is_the_models_own_but_for_the_crop(model: str) -> None:
    from torchvision import models

    views = models.get_model_weights(model).DEFAULT.transforms()
    views.resize_size = views.crop_size
    images = smooth(3, 300)
    wanted = torch.stack([views(Image.fromarray(one)) for one in images])
    check_inputs(hub.Choice(library="torchvision", model=model, upscale=None), images, wanted)


@pytest.mark.parametrize("size", [32, 300])
def test_dinos_preprocessing_is_that_of_its_evaluation_but_for_the_crop(size: int) -> None:
    from torchvision import transforms

    views = transforms.Compose(
        [
            transforms.Resize(224, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    images = smooth(3, size)
    wanted = torch.stack([views(Image.fromarray(one)) for one in images])
    check_inputs(hub.Choice(library="dino", model="resnet50", upscale=None), images, wanted)


class Seen(torch.nn.Module):
    """In place of a network: gives what it is given."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        return inputs


def check_inputs(choice: hub.Choice, images: np.ndarray, wanted: torch.Tensor) -> None:
    """The network itself is given `wanted`, to two grey levels: Pillow rounds between the two axes."""
    with torch.device("meta"):
        network = hub.empty(choice)
    network.module = Seen()
    encoder = _hub.HubEncoder(choice, network, images.shape[1], 0).eval()
    with torch.inference_mode():
        given = encoder(torch.from_numpy(images).permute(0, 3, 1, 2) / 255)
    assert given.shape == wanted.shape
    levels = (given - wanted).abs() * encoder.std * 255
    assert levels.max() < 2
    assert levels.mean() < 0.5


def test_pieces_give_what_the_whole_gives_and_training_sees_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = moved(make("timm", "test_resnet", 48))
    images, sizes = torch.rand(5, 3, 32, 32), []
    encoder.body.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    with torch.no_grad():
        whole = encoder(images)
        monkeypatch.setattr("stages.encoders._encoder.CPU_PIXELS", 2 * 48 * 48)
        torch.testing.assert_close(encoder(images), whole, rtol=1e-3, atol=1e-4)
        assert sizes == [5, 2, 2, 1]
        encoder.train()(images)
    encoder.eval()(images)
    assert sizes[4:] == [5, 5]
    assert encoder(images[:0]).shape == (0, encoder.dim)


def test_half_precision_is_near() -> None:
    encoder, images = make("timm", "test_vit", 64), torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        wanted = encoder(images)
        with torch.autocast("cpu", torch.bfloat16):
            found = encoder(images).float()
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.99


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": "test_vitt"}, "model: .*nearest are .*test_vit"),
        ({"model": "test_vit2"}, "not the weights of timm's test_vit2 at 32 px"),
        ({"upscale": 96}, r"pos_embed is torch.float32 \[1, 17, 64\], and timm's test_vit at 32 px needs .*37"),
        ({"library": "tim"}, "library"),
        ({"colour": 1}, "colour"),
        ({"dim": None}, "dim"),
    ],
)
def test_a_foreign_description_is_refused(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    encoders.save(make("timm", "test_vit", 64), tmp_path)
    card = tmp_path / "encoder.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | change))
    with pytest.raises(UserError, match=complaint) as refusal:
        encoders.load(tmp_path)
    assert str(tmp_path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    encoders.save(make("timm", "test_vit", 64), tmp_path)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"weights\.safetensors is broken"):
        encoders.load(tmp_path)


@pytest.mark.parametrize(("library", "model"), [("timm", "test_vit"), ("torchvision", "vit_b_32")])
def test_a_size_that_the_model_does_not_take_is_refused(library: hub.Library, model: str) -> None:
    with torch.device("meta"), pytest.raises(UserError, match=rf"{model} takes no images of 100 px .*set `upscale`"):
        make(library, model, 100)

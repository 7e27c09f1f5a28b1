"""Models of timm and torchvision by name; all weights are random and made here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.torch import save_file

from stages import hub
from stages.base.errors import UserError
from stages.encoders._hub import resize
from stages.extractors import imagenet
from stages.hub import _timm, _torchvision
from tests import blocks
from tests.images import of

BLOCK = blocks.IMAGENET | {"weights": "none", "library": "timm", "model": "resnet10t", "upscale": 64}


def settings(**changes: Any) -> imagenet.Settings:
    return imagenet.Settings.model_validate(BLOCK | changes)


@pytest.fixture(scope="module")
def timms() -> Any:
    import timm

    torch.manual_seed(0)
    return timm.create_model("resnet10t").eval()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3), np.uint8)


def prepared(images: np.ndarray, size: int) -> torch.Tensor:
    """The images as ImageNet's models want them."""
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    floats = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    return (resize(floats, size, "bicubic") - mean) / std


@pytest.mark.parametrize("kind", ["pth", "safetensors", "wrapped", "parallel", "without classifier", "10 classes"])
def test_a_local_file_gives_the_models_own_features(kind: str, timms: Any, images: np.ndarray, tmp_path: Path) -> None:
    state, path = dict(timms.state_dict()), tmp_path / "weights.pth"
    if kind == "safetensors":
        path = tmp_path / "weights.safetensors"
        save_file(state, path)
    elif kind == "wrapped":
        torch.save({"state_dict": state, "epoch": 3}, path)
    elif kind == "parallel":
        torch.save({f"module.{key}": value for key, value in state.items()}, path)
    elif kind == "without classifier":
        torch.save({key: value for key, value in state.items() if not key.startswith("fc.")}, path)
    elif kind == "10 classes":
        torch.save(state | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}, path)
    else:
        torch.save(state, path)
    found = imagenet.extract(of(images), settings(), path).numpy()
    with torch.inference_mode():
        wanted = timms.forward_head(timms.forward_features(prepared(images, 64)), pre_logits=True)
    np.testing.assert_allclose(found, wanted.numpy(), rtol=1e-3, atol=1e-5)

    unit = imagenet.extract(of(images), settings(normalise=True), path).numpy()
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(unit * np.linalg.norm(found, axis=1, keepdims=True), found, rtol=1e-3, atol=1e-5)


def test_torchvisions_models_from_a_local_file(images: np.ndarray, tmp_path: Path) -> None:
    from torchvision import models

    torch.manual_seed(0)
    model = models.get_model("mobilenet_v3_small", num_classes=7).eval()
    torch.save(model.state_dict(), tmp_path / "small.pth")
    block = {"library": "torchvision", "model": "mobilenet_v3_small", "upscale": None}
    found = imagenet.extract(of(images[:2]), settings(**block), tmp_path / "small.pth").numpy()
    with torch.inference_mode():
        inputs = prepared(images[:2], 224)
        wanted = model.avgpool(model.features(inputs)).flatten(1)
    assert found.shape == (2, 576)
    # its weights were published with bilinear resizing
    assert np.corrcoef(found.ravel(), wanted.numpy().ravel())[0, 1] > 0.9


def test_upscale_reaches_a_transformer_with_a_vector_for_each_place(images: np.ndarray, tmp_path: Path) -> None:
    import timm

    model = timm.create_model("test_vit")
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    own = imagenet.extract(of(images), settings(model="test_vit", upscale=None), tmp_path / "vit.pth").numpy()
    small = imagenet.extract(of(images), settings(model="test_vit", upscale=32), tmp_path / "vit.pth").numpy()
    assert own.shape == small.shape == (6, model.num_features)
    assert not np.allclose(own, small)


def names_in_dinos_file(blocks: int) -> set[str]:
    """The tensors of DINO's ViTs, by the names of its vision_transformer.py."""
    parts = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    layers = ["patch_embed.proj", "norm", *(f"blocks.{block}.{part}" for block in range(blocks) for part in parts)]
    return {"cls_token", "pos_embed", *(f"{layer}.{kind}" for layer in layers for kind in ("weight", "bias"))}


@pytest.mark.parametrize("patch", [16, 8])
def test_dinos_transformers_take_images_of_32_px_as_they_are(patch: int, tmp_path: Path) -> None:
    import timm

    torch.manual_seed(0)
    name = f"vit_small_patch{patch}_224.dino"
    own = timm.create_model(name, num_classes=0, dynamic_img_size=True).eval()
    torch.nn.init.normal_(own.pos_embed)
    state = own.state_dict()
    assert set(state) == names_in_dinos_file(12)
    torch.save(state, tmp_path / "dino.pth")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    found = imagenet.extract(of(images), settings(model=name, upscale=32), tmp_path / "dino.pth").numpy()
    with torch.inference_mode():
        tokens = own.forward_features(prepared(images, 32))
    assert tokens.shape == (2, 1 + (32 // patch) ** 2, 384)
    np.testing.assert_allclose(found, tokens[:, 0].numpy(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("standardise", [True, False])
def test_images_are_standardised_or_left_between_0_and_1(standardise: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def inputs(*_: object) -> hub.Network:
        return hub.Network("what it is given", torch.nn.Flatten(), 16, 16, (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), "bicubic")

    monkeypatch.setattr(hub, "load", inputs)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    found = imagenet.extract(of(images), settings(upscale=16, standardise=standardise), None).numpy()
    wanted = images / 255
    if standardise:
        wanted = (wanted - [0.5, 0.4, 0.3]) / [0.2, 0.3, 0.4]
    np.testing.assert_allclose(found.reshape(2, 3, 16, 16).transpose(0, 2, 3, 1), wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("upscale", [32, 100])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resizing_is_that_of_pillow(upscale: int, mode: str) -> None:
    # no extremes, which Pillow clips between the two axes
    image = np.random.default_rng(0).integers(80, 180, (64, 64, 3), np.uint8)
    wanted = Image.fromarray(image).resize((upscale, upscale), getattr(Image.Resampling, mode.upper()))
    found = resize(torch.from_numpy(image).permute(2, 0, 1)[None] / 255, upscale, mode)
    assert 0 <= found.min() <= found.max() <= 1
    difference = np.abs(found[0].permute(1, 2, 0).numpy() * 255 - np.asarray(wanted, np.float32))
    assert difference.max() < 2  # Pillow rounds between the two axes


@pytest.mark.parametrize(("layer", "values"), [("pool", 512), ("fc1", 4096), ("fc2", 4096)])
def test_vgg_has_its_dense_layers(layer: str, values: int) -> None:
    import timm
    from torchvision import models

    with torch.device("meta"):
        for module, library in ((models.vgg16(), _torchvision), (timm.create_model("vgg16"), _timm)):
            library._cut(module, layer, "vgg16")
            assert module.eval()(torch.empty(2, 3, 32, 32)).shape == (2, values)


def test_dense_layers_are_taken_after_their_relu_in_both_libraries() -> None:
    from timm.models.vgg import VGG
    from torchvision import models

    torch.manual_seed(0)
    model = models.alexnet().eval()
    first = model.classifier[:3]
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        flat = model.avgpool(model.features(images)).flatten(1)
        wanted = {"fc1": first(flat), "fc2": model.classifier[:6](flat)}
        for layer in ("fc2", "fc1"):
            cut = copy.deepcopy(model)
            _torchvision._cut(cut, layer, "alexnet")
            assert torch.allclose(cut(images), wanted[layer])

        small = VGG([4, "M"]).eval()
        maps = small.features(images)
        dense = small.pre_logits
        fc1 = dense.act1(dense.fc1(maps))
        wanted = {
            "fc2": dense.act2(dense.fc2(fc1)).mean((2, 3)),
            "fc1": fc1.mean((2, 3)),
            "pool": maps.mean((2, 3)),
        }
        for layer in ("fc2", "fc1", "pool"):
            cut = copy.deepcopy(small)
            _timm._cut(cut, layer, "vgg")
            assert torch.allclose(cut(images), wanted[layer], atol=1e-5), layer


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_layer_that_the_model_lacks_is_refused(library: str, timms: Any, tmp_path: Path) -> None:
    from torchvision import models

    state = timms.state_dict() if library == "timm" else models.get_model("shufflenet_v2_x0_5").state_dict()
    torch.save(state, tmp_path / "weights.pth")
    model = "resnet10t" if library == "timm" else "shufflenet_v2_x0_5"
    block = settings(library=library, model=model, layer="fc1")
    with pytest.raises(UserError, match=f"{library}'s {model} has no layer fc1"):
        imagenet.extract(of(np.zeros((1, 16, 16, 3), np.uint8)), block, tmp_path / "weights.pth")


def test_a_size_that_the_model_does_not_take_is_refused(tmp_path: Path) -> None:
    from torchvision import models

    torch.save(models.squeezenet1_1().state_dict(), tmp_path / "weights.pth")
    block = settings(library="torchvision", model="squeezenet1_1", upscale=8)
    with pytest.raises(UserError, match=r"squeezenet1_1 takes no images of 8 px \(.*set `upscale`"):
        imagenet.extract(of(np.zeros((1, 16, 16, 3), np.uint8)), block, tmp_path / "weights.pth")


@pytest.mark.parametrize(
    ("library", "model", "nearest"),
    [
        ("timm", "resnet10tt", "resnet10t"),
        ("torchvision", "resnet_50", "resnet50"),
        ("timm", "resnet18.a1_in1", "a1_in1k"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest(library: str, model: str, nearest: str) -> None:
    with pytest.raises(ValidationError, match=rf"must be a model of {library}.*{nearest}"):
        settings(library=library, model=model)
    for known in ("resnet10t", "resnet18.a1_in1k", "vit_small_patch8_224.dino"):
        settings(model=known)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_weights_that_cannot_be_had_are_refused(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("Name or service not known\nand more")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    model = "resnet10t" if library == "timm" else "shufflenet_v2_x0_5"
    with pytest.raises(UserError, match=f"{library}'s {model} can't be had .*not known.*network.*local") as refusal:
        imagenet.extract(of(np.zeros((1, 8, 8, 3), np.uint8)), settings(library=library, model=model), None)
    assert "\n" not in str(refusal.value)


def test_a_timm_model_that_nobody_published_is_refused() -> None:
    with pytest.raises(UserError, match=r"can't be had .*No pretrained weights"):
        imagenet.extract(of(np.zeros((1, 8, 8, 3), np.uint8)), settings(model="nf_resnet26"), None)


@pytest.mark.parametrize("library", ["timm", "torchvision"])
@pytest.mark.parametrize("fault", ["lacking", "unknown", "shape"])
def test_a_file_that_does_not_fit_is_refused_by_its_first_keys(
    library: str, fault: str, timms: Any, tmp_path: Path
) -> None:
    from torchvision import models

    model, key = ("resnet10t", "layer1.0.conv1.weight") if library == "timm" else ("resnet18", "layer1.0.conv1.weight")
    state = dict(timms.state_dict() if library == "timm" else models.resnet18().state_dict())
    if fault == "lacking":
        del state[key]
    elif fault == "unknown":
        state["layer9.weight"] = torch.zeros(1)
        key = "layer9.weight"
    else:
        state[key] = torch.zeros(2, 2)
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    with pytest.raises(UserError, match=rf"{path} does not fit {library}'s {model}: .*{key}") as refusal:
        imagenet.extract(of(np.zeros((1, 8, 8, 3), np.uint8)), settings(library=library, model=model), path)
    assert len(str(refusal.value)) < 600


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run from a weight file",)


@pytest.mark.parametrize("kind", ["missing", "text.pth", "text.safetensors", "code.pth", "numbers.pth", "empty.pth"])
def test_what_is_no_weight_file_is_refused(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / kind
    if kind.startswith("text"):
        path.write_text("<html>not found</html>")
    elif kind == "code.pth":
        torch.save({"state_dict": _Code()}, path)
    elif kind == "numbers.pth":
        torch.save({"a": 1}, path)
    elif kind == "empty.pth":
        path.touch()
    with pytest.raises(UserError, match=kind) as refusal:
        imagenet.extract(of(np.zeros((1, 8, 8, 3), np.uint8)), settings(), path)
    assert "\n" not in str(refusal.value)
    assert "run from" not in capsys.readouterr().out

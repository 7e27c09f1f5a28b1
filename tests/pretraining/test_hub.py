"""The method hub, from weight files made here, and what is trained on its encoders."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors import safe_open
from safetensors.torch import save_file

from stages import encoders, pretrain
from stages.base.errors import UserError
from stages.extractors import pretrained
from stages.pretraining import hub
from stages.project import estimate, layout, params
from stages.training import saved
from stages.training.augmentation import plain
from stages.training.device import Compute
from tests.images import of
from tests.tiny import pictures, small, train, trainable

BLOCK = {"method": "hub", "library": "timm", "model": "test_vit", "upscale": 64, "weights": "mine.safetensors"}


def chosen(**changes: Any) -> hub.Settings:
    return hub.Settings.model_validate(BLOCK | changes, strict=True)


def network(library: str, model: str) -> Any:
    if library == "timm":
        import timm

        return timm.create_model(model).eval()
    from torchvision import models

    return models.get_model(model).eval()


def weights(folder: Path, library: str = "timm", model: str = "test_vit", name: str = "mine.safetensors") -> Path:
    """A weight file as its authors would write it."""
    torch.manual_seed(7)
    state = network(library, model).state_dict()
    path = folder / name
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("library", "model", "upscale"),
    [("timm", "test_vit", None), ("timm", "test_resnet", 48), ("torchvision", "resnet18", 64)],
)
@pytest.mark.parametrize("kind", ["pth", "safetensors"])
def test_a_file_gives_the_models_own_vectors(
    library: str, model: str, upscale: int | None, kind: str, tmp_path: Path
) -> None:
    file = weights(tmp_path, library, model, f"mine.{kind}")
    before = torch.get_rng_state()
    encoder = hub.encoder(chosen(library=library, model=model, upscale=upscale), 32, file)
    assert torch.equal(before, torch.get_rng_state())
    assert not encoder.training

    torch.manual_seed(7)
    own = network(library, model)
    inputs: list[torch.Tensor] = []
    encoder.body.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    with torch.inference_mode():
        found = encoder(plain(torch.from_numpy(pictures()[:3])))
        if library == "timm":
            wanted = own.forward_head(own.forward_features(inputs[0]), pre_logits=True)
        else:
            own.fc = torch.nn.Identity()
            wanted = own(inputs[0])
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-4)


def test_vectors_for_places_are_fitted_to_the_size(tmp_path: Path) -> None:
    """A file for 160 px (10 x 10 places) serves 64 px (4 x 4)."""
    file = weights(tmp_path)
    small_one, own = hub.encoder(chosen(), 32, file), hub.encoder(chosen(upscale=None), 32, file)
    assert small_one.body[0].pos_embed.shape == (1, 17, 64)  # type: ignore[union-attr]
    assert own.body[0].pos_embed.shape == (1, 101, 64)  # type: ignore[union-attr]
    assert torch.equal(small_one.body[0].cls_token, own.body[0].cls_token)  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("name", ["cut.pth", "cut.safetensors", "other.safetensors", "lost.pth"])
def test_a_file_that_will_not_do_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name.startswith("cut"):
        weights(tmp_path, name=name)
        path.write_bytes(path.read_bytes()[:-1000])
    elif name.startswith("other"):
        weights(tmp_path, model="test_resnet", name=name)
    said = {"cut": "neither safetensors nor", "other": "does not fit timm's test_vit", "lost": "no such weight file"}
    with pytest.raises(UserError, match=said[path.stem]) as refusal:
        hub.encoder(chosen(weights=name), 32, path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 600


@pytest.mark.parametrize(
    ("library", "model"), [("timm", "vit_small_patch14_dinov2.lvd142m"), ("torchvision", "resnet18")]
)
def test_without_a_network_the_two_ways_out_are_said(library: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("Name or service not known\nand more")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", offline)
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    block = chosen(library=library, model=model, upscale=None, weights=None)
    with pytest.raises(
        UserError, match=rf"{model} can't be had .*not known.*a network.*`weights` to a local"
    ) as refusal:
        hub.encoder(block, 32, None)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"model": "vit_small_patch14_dinov22"}, "must be a model of timm.*vit_small_patch14_dinov2"),
        ({"weights": "none"}, "must be null"),
        ({"library": "auto"}, "model\n.*must be auto if `library` is"),
        ({"model": "auto"}, "model\n.*must be auto if `library` is"),
        ({"library": "auto", "model": "auto"}, "weights\n.*must be null: .* weights of their own"),
        ({"library": "bundled", "model": "efficientnet_lite0"}, "weights\n.*must be null"),
        ({"weights": ""}, "at least 1 character"),
        ({"upscale": 4}, "greater than or equal to 8"),
        ({"encoder": "conv4"}, "encoder"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        chosen(**change)


@pytest.fixture(params=["test_vit", "test_resnet"])
def on_a_hub_encoder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> encoders.Encoder:
    """The tiny world's models start from this encoder."""
    file = weights(tmp_path, model=request.param)
    encoder = hub.encoder(chosen(model=request.param, upscale=48), 32, file)
    monkeypatch.setattr("tests.tiny.encoders.build", lambda *_: copy.deepcopy(encoder))
    return encoder


@pytest.mark.parametrize("regime", trainable("models"))
def test_every_regime_trains_on_it(regime: str, on_a_hub_encoder: encoders.Encoder, tmp_path: Path) -> None:
    method, history = train("models", regime, tmp_path / "run")
    assert np.isfinite([row["loss"] for row in history]).all()
    encoder, head = method.kept()  # type: ignore[operator]
    encoders.save(encoder, tmp_path / "kept")
    again = encoders.load(tmp_path / "kept")
    images = plain(torch.from_numpy(pictures()))
    with torch.inference_mode():
        torch.testing.assert_close(head(again(images)), head(encoder.eval()(images)), rtol=1e-3, atol=1e-4)


def test_a_probe_learns_and_leaves_it_as_it_was(on_a_hub_encoder: encoders.Encoder, tmp_path: Path) -> None:
    before = copy.deepcopy(on_a_hub_encoder.state_dict())
    method, history = train("models", "probe", tmp_path / "run", views=None, epochs=20)
    assert history[-1]["loss"] < history[0]["loss"]
    assert all(torch.equal(before[key], value) for key, value in method.encoder.state_dict().items())


def test_a_probes_checkpoint_leaves_the_encoder_out_and_resumes(
    on_a_hub_encoder: encoders.Encoder, tmp_path: Path
) -> None:
    whole, history = train("models", "probe", tmp_path / "whole", epochs=4)
    with safe_open(tmp_path / "whole", "pt") as file:
        assert not [key for key in file.keys() if "encoder" in key]  # noqa: SIM118
    resumed, rows = train("models", "probe", tmp_path / "whole", epochs=4)
    assert rows == history
    assert torch.equal(whole.head.weight, resumed.head.weight)
    assert torch.equal(*(next(one.encoder.parameters()) for one in (whole, resumed)))


@pytest.mark.parametrize("moving", [1, 2, "all"])
def test_finetune_moves_the_last_blocks(moving: int | str, on_a_hub_encoder: encoders.Encoder, tmp_path: Path) -> None:
    before = [[one.clone() for one in block.state_dict().values()] for block in on_a_hub_encoder.blocks()]
    method, _ = train("models", "finetune", tmp_path / "run", layers=moving, epochs=2)
    after = [list(block.state_dict().values()) for block in method.encoder.blocks()]  # type: ignore[operator]
    still = [all(map(torch.equal, *pair)) for pair in zip(before, after, strict=True)]
    count = len(still) if moving == "all" else moving
    assert still == [True] * (len(still) - count) + [False] * count  # type: ignore[operator]


def test_too_many_layers_are_refused_with_the_number_there_is(
    on_a_hub_encoder: encoders.Encoder, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"layers=99: must be all, or 1 to \d, the blocks of timm's test_"):
        train("models", "finetune", tmp_path / "run", layers=99)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], Path]:
    """A project after split; gives the stage's result for a block."""
    monkeypatch.chdir(tmp_path)
    for folder in (layout.RAW / "train", layout.SPLIT, layout.DATA / "files"):
        folder.mkdir(parents=True)
    np.save(layout.RAW / "train" / "images.npy", pictures())
    layout.write_json(layout.RAW / "description.json", {})
    layout.PretrainingPool(np.arange(60), np.full(60, -1), [], 32, [0.4] * 3, [0.2] * 3).write(layout.SEEN)
    weights(layout.DATA / "files")

    def run(block: dict[str, Any]) -> Path:
        compute = Compute(device="cpu", precision="fp32", compile=False)
        blocks = params.Blocks("pretrain", {"mine": block})
        given = SimpleNamespace(seeds=[4, 5], compute=compute, pretrain=blocks, raw={"pretrain": blocks.raw})
        monkeypatch.setattr(params, "read", lambda: given)
        monkeypatch.setattr(sys, "argv", ["pretrain", "mine"])
        pretrain.main()
        return layout.ENCODERS / "mine"

    return run


def test_the_stage_writes_the_same_encoder_for_each_seed(project: Callable[[dict[str, Any]], Path]) -> None:
    folder = project(BLOCK | {"weights": "files/mine.safetensors"})
    for file in ("weights.safetensors", "encoder.json"):
        # so that DVC's cache holds it once
        assert (folder / "seed-4" / file).read_bytes() == (folder / "seed-5" / file).read_bytes()
    assert sorted(path.name for path in (folder / "seed-4").iterdir()) == ["encoder.json", "weights.safetensors"]
    wanted = hub.encoder(chosen(), 32, layout.DATA / "files" / "mine.safetensors")
    found = pretrained.extract(
        of(pictures()), pretrained.Settings(extractor="pretrained", weights="encoders/mine"), folder / "seed-5"
    )
    with torch.inference_mode():
        vectors = wanted(plain(torch.from_numpy(pictures())))
    np.testing.assert_allclose(found, vectors.numpy(), rtol=1e-3, atol=1e-4)


def test_the_stage_keeps_the_name_of_the_model_that_auto_took(
    project: Callable[[dict[str, Any]], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = project(BLOCK | {"library": "auto", "model": "auto", "upscale": 128, "weights": None})
    card = json.loads((folder / "seed-4" / "encoder.json").read_text())
    assert (card["library"], card["model"], card["upscale"]) == ("bundled", "efficientnet_lite0", 128)
    line = "library=auto takes library=bundled, model=efficientnet_lite0, upscale=128: there is no GPU\n"
    assert capsys.readouterr().err.count(line) == 1


def test_the_stage_leaves_nothing_where_it_is_refused(project: Callable[[dict[str, Any]], Path]) -> None:
    with pytest.raises(UserError, match=r"data/lost\.pth: no such weight file"):
        project(BLOCK | {"weights": "lost.pth"})
    assert not list(layout.ENCODERS.iterdir())


def test_evaluate_reads_what_train_keeps(on_a_hub_encoder: encoders.Encoder, tmp_path: Path) -> None:
    method, _ = train("models", "finetune", tmp_path / "run", epochs=1)
    encoders.save(method.kept()[0], tmp_path / "model")  # type: ignore[operator]
    save_file(method.kept()[1].state_dict(), tmp_path / "model" / "head.safetensors")  # type: ignore[operator]
    encoder, head = saved.load(tmp_path / "model")
    assert head.weight.shape == (3, encoder.dim)


def test_its_operations_are_counted_at_its_own_size_without_weights() -> None:
    """ViT-S/16 at 224 px: 4.6 billion multiplications (Touvron et al. 2021, table 5); ResNet-50: 4.1."""
    vit = chosen(model="vit_small_patch16_224.dino", upscale=None, weights=None)
    assert estimate.operations(vit, 32) == pytest.approx(2 * 4.6e9, rel=0.02)
    resnet = chosen(library="torchvision", model="resnet50", upscale=None, weights=None)
    assert estimate.operations(resnet, 32) == pytest.approx(2 * 4.1e9, rel=0.02)
    # computes its widths with tensors, so that it can't be built without values
    assert estimate.operations(chosen(library="torchvision", model="regnet_x_400mf", weights=None), 32) > 0
    with pytest.raises(UserError, match="takes no images of 100 px"):
        estimate.operations(chosen(upscale=100, weights=None), 32)


def test_features_computed_once_cost_one_pass() -> None:
    from stages.regimes.probe import cost

    block = small("models", "probe", views=None, epochs=50)
    assert block.epochs * cost(block) == 1
    views = {"min_area": 0.75, "brightness": 0.3, "jitter": 0.1, "flip": True, "zoom": True}
    assert cost(small("models", "probe", views=views)) == 1
    assert cost(small("models", "probe", follows="schedule")) == 1

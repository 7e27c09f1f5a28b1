"""What `auto` takes, and what is said of images far smaller than those of a network's training."""

from __future__ import annotations

from pathlib import Path

import pytest

from stages import hub
from stages.base.errors import UserError

AUTO = hub.Wish(library="auto", model="auto", upscale=None)
DINOV2 = "vit_small_patch14_dinov2.lvd142m"


def chosen(library: hub.Library, model: str, upscale: int | None) -> hub.Choice:
    return hub.Choice(library=library, model=model, upscale=upscale)


def test_auto_takes_dinov2_on_a_gpu_where_its_weights_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[hub.Choice] = []
    monkeypatch.setattr(hub, "load", lambda choice, _: asked.append(choice))
    assert hub.settled(AUTO, gpu=True) == (chosen("timm", DINOV2, 224), "there is a GPU")
    assert asked == [chosen("timm", DINOV2, 224)]


def test_auto_takes_what_comes_with_the_environment_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise UserError("the weights of it can't be had (no network); run once on a machine with a network")

    monkeypatch.setattr(hub, "load", offline)
    bundled = chosen("bundled", "efficientnet_lite0", 224)
    assert hub.settled(AUTO, gpu=False) == (bundled, "there is no GPU")
    assert hub.settled(AUTO, gpu=True) == (bundled, "the weights of it can't be had (no network)")
    smaller = hub.Wish(library="auto", model="auto", upscale=96)
    assert hub.settled(smaller, gpu=False)[0].upscale == 96


def test_a_model_that_is_named_is_taken_at_its_own_size() -> None:
    wish = hub.Wish(library="timm", model="test_vit", upscale=None)
    assert hub.settled(wish, gpu=True) == (chosen("timm", "test_vit", None), "")


def test_images_far_smaller_than_those_of_its_training_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    hub._say.cache_clear()
    for upscale in (None, 112, 64, 64):
        hub.load(chosen("bundled", "efficientnet_lite0", upscale), None)
    said = "upscale=64: the bundled efficientnet_lite0 was trained on images of 224 px, and tells little of far smaller"
    assert capsys.readouterr().err == f"{said} ones; null takes its own size\n"


def test_a_transformer_of_large_images_may_be_given_those_of_imagenet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import timm
    import torch

    hub._say.cache_clear()
    path = tmp_path / "dinov2.pth"
    torch.save(timm.create_model(DINOV2).state_dict(), path)
    hub.load(chosen("timm", DINOV2, 224), path)
    assert capsys.readouterr().err == ""
    hub.load(chosen("timm", DINOV2, 98), path)
    assert "upscale=98: timm's vit_small_patch14_dinov2" in capsys.readouterr().err

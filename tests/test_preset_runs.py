"""Every preset, run through all its stages: what is named in it works. Cut for this: the data (ten classes of a dozen
noisy pictures), one seed, two epochs of one step, eight images a batch, and whatever would wait for later epochs;
extractors upscale to 64 px at most, and the pretrained weights are random ones."""

from __future__ import annotations

import copy
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from stages import hub, preset
from tests import blocks

pytestmark = pytest.mark.anywhere

CUT = {"epochs": 2, "steps": 1, "batch_size": 8, "splits": 2, "rounds": 2}
CUT |= {"discrimination_epochs": 1, "freeze_epochs": 1, "queue_epoch": 1, "refit_every": 1}
STAGES = ("download", "split", "pretrain", "extract", "select", "train", "evaluate", "compare")
SECTIONS = {"pretrain": "pretrain", "extract": "extractors", "select": "strategies", "train": "models"}
SECTIONS["evaluate"] = "models"
LOAD = hub.load


def pictures(folder: Path) -> None:
    """Ten classes by colour, 12 pictures each to train on and 4 to test."""
    generator = np.random.default_rng(0)
    for part, count in (("train", 12), ("test", 4)):
        for name in range(10):
            (folder / part / f"class_{name}").mkdir(parents=True)
            for number in range(count):
                noise = generator.integers(-40, 40, (32, 32, 3))
                pixels = (np.array([25 * name, 255 - 25 * name, 128]) + noise).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / f"class_{name}" / f"{number}.png")


def cut(raw: dict[str, Any], source: Path) -> dict[str, Any]:
    raw = copy.deepcopy(raw)
    raw["seeds"] = [0]
    raw["data"] |= {"name": "folder", "source": str(source), "extra": None}
    raw["labels"]["budget"] = 40
    raw["rounds"] |= {"start": 20, "step": 10}
    raw["split"]["validation"] = 0.2
    raw["evaluation"] |= {"umap": False, "map_images": 20, "neighbours": 3}
    raw["compute"]["device"] = "cpu"
    for section in ("pretrain", "models"):
        for block in raw[section].values():
            block |= {key: value for key, value in CUT.items() if key in block}
            block |= blocks.warm(block, CUT["epochs"])
            if block.get("pruning"):
                block["pruning"] = {"share": 0.5, "start": 0, "end": 1}
    for block in raw["strategies"].values():
        block |= {"min_cluster_size": 4} if block.get("min_cluster_size") else {}
    for block in raw["extractors"].values():
        if "upscale" in block:
            block["upscale"] = min(block["upscale"] or 64, 64)
    return raw


def random_weights(block: dict[str, Any], path: Path) -> str:
    """A weight file of the model that a block names, as its authors would write it."""
    if block["library"] == "timm":
        import timm

        save_file(timm.create_model(block["model"]).state_dict(), path)
    else:
        from torchvision import models

        save_file(models.get_model(block["model"]).state_dict(), path)
    return path.name


def untrained(choice: hub.Choice, weights: Path | None, layer: hub.Layer = "pool") -> hub.Network:
    """What hub.load gives, with random weights; with those of a file, where there is one."""
    if weights is not None:
        return LOAD(choice, weights, layer)
    with torch.random.fork_rng(devices=[]):
        return hub._LIBRARIES[choice.library].empty(choice.model, choice.upscale, layer)


@pytest.mark.slow
@pytest.mark.parametrize("name", preset.names())
def test_every_row_of_a_preset_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures(tmp_path / "pictures")
    raw = cut(preset.overlay(blocks.base(), preset.load(name)), tmp_path / "pictures")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "none").touch()
    for key, block in raw["pretrain"].items():
        if block["method"] == "hub" and block["library"] not in ("auto", "bundled"):
            block["weights"] = random_weights(block, tmp_path / "data" / f"{key}.safetensors")
    (tmp_path / "params.yaml").write_text(blocks.written(raw))
    # files of 2 GB otherwise
    monkeypatch.setattr(hub, "load", untrained)
    monkeypatch.chdir(tmp_path)
    for verb in STAGES:
        for key in raw[SECTIONS[verb]] if verb in SECTIONS else [None]:
            monkeypatch.setattr(sys, "argv", [f"stages.{verb}", *([key] if key else [])])
            importlib.import_module(f"stages.{verb}").main()
    assert list(json.loads((tmp_path / "metrics" / "metrics.json").read_text())) == list(raw["models"])

"""SimCLR on a GPU: views trained in a second, and their share of what one H100's arithmetic allows."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from stages import encoders
from stages.pretraining import simclr
from stages.supervision.exposure import Told, everything
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all
from tests.benchmarks.loop import SIZE, data
from tests.benchmarks.rows import Row

# forward and backward of ResNet-18 at 32 px, 3.329 GFLOP an image, in bf16, arithmetic and memory one after the other
FLOOR = 101_000
LEAST = 0.5


def rows(full: bool, device: torch.device) -> list[Row]:
    what = "SimCLR, resnet18, batch 512, bf16, augmentation included / floor of one H100"
    if device.type != "cuda":
        return [Row(what, "no GPU here", f"{FLOOR:,} views/s", "-", f">= {LEAST:.0%}", None)]
    found = []
    for compiled in (False, True) if full else (False,):
        hardware = Hardware(device, half=True, compile=compiled)
        speed = views_a_second("resnet18", hardware, count=50_000, batch=512)
        share = speed / FLOOR
        shown = what + (", compiled" if compiled else "")
        ours, floor = f"{speed:,.0f} views/s", f"{FLOOR:,} views/s"
        found.append(Row(shown, ours, floor, f"{share:.0%}", f">= {LEAST:.0%}", share >= LEAST))
    return found


def views_a_second(name: str, hardware: Hardware, *, count: int, batch: int, epochs: int = 4) -> float:
    """Of the fastest epoch but the first, which compiles and plans; checkpoints are included, two views an image."""
    settings = simclr.Settings.model_validate(
        {
            "method": "simclr",
            "encoder": name,
            "classes": None,
            "epochs": epochs,
            "steps": None,
            "batch_size": batch,
            "optimiser": {
                "name": "sgd",
                "rate": 0.06,
                "momentum": 0.9,
                "weight_decay": 0.0005,
                "decay": "cosine",
                "warmup": 1,
            },
            "views": {"min_area": 0.25, "brightness": 0.6, "jitter": 0.2, "flip": True, "zoom": True},
            "loss": "nt_xent",
            "temperature": 0.2,
            "projection": [512, 128],
        }
    )
    seed_all(0, 0)
    method = simclr.build(encoders.build(name, SIZE, (0.5,) * 3, (0.25,) * 3), settings, count)
    pictures, _ = data(count)
    world = everything(count, epochs)
    ends: list[float] = []

    def ended(_: Any) -> dict[str, Any]:
        # the loop has read the losses by now, so the GPU has done the epoch's work
        ends.append(time.perf_counter())
        return {}

    with tempfile.TemporaryDirectory() as folder:
        fit(
            method,
            Images(pictures, np.arange(count), hardware.device),
            Told(np.full(count, -1), world),
            world,
            seed=0,
            hardware=hardware,
            resume=Path(folder) / "resume.safetensors",
            validate=ended,
        )
    return 2 * count / min(np.diff(ends))

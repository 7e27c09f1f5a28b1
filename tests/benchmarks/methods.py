"""Each pretraining method beside SimCLR: images a second, and what its passes of the encoder would let one expect."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from stages import encoders, preset
from stages.base import families
from stages.supervision.exposure import Told, everything
from stages.training.images import Images
from stages.training.loop import fit, seed_all
from tests.benchmarks.loop import SIZE, automatic, data
from tests.benchmarks.rows import Row, alternating, ratios

BATCH = 512
# time, beside what the passes alone would take
MOST = 1.5


def rows(full: bool, device: torch.device) -> list[Row]:
    gpu = device.type == "cuda"
    encoder, steps = ("resnet18", 40) if gpu else ("conv4", 8 if full else 4)
    blocks = {name: block for name, block in preset.load("pretraining")["pretrain"].items() if "epochs" in block}
    images, _ = data(BATCH * steps)
    pool = Images(images, np.arange(len(images)), device)
    plain = epoch(blocks["simclr"], encoder, pool)
    found = []
    for name, block in blocks.items():
        if name == "simclr":
            continue
        ours = epoch(block, encoder, pool)
        times = alternating(ours, plain, 3)
        faster, low, high = ratios(times)
        expected = passes(blocks["simclr"]) / passes(block)
        speeds = [len(pool) / min(seconds) for seconds in times]
        found.append(
            Row(
                f"{name} / SimCLR, images, {encoder}, batch {BATCH}",
                f"{speeds[0]:,.0f} images/s",
                f"{speeds[1]:,.0f} images/s",
                f"{faster:.2f} ({low:.2f} to {high:.2f})",
                f">= {expected / MOST:.2f} (its passes: {expected:.2f})",
                faster >= expected / MOST,
            )
        )
    return found


def passes(block: dict) -> float:  # type: ignore[type-arg]
    member = families.load("pretraining", block["method"])
    return float(member.cost(member.Settings.model_validate(block)))


def epoch(block: dict, encoder: str, pool: Images) -> Callable[[], None]:  # type: ignore[type-arg]
    """Trains one epoch, past those that prepare."""
    member = families.load("pretraining", block["method"])
    waits = {key: 0 for key in ("discrimination_epochs", "freeze_epochs", "queue_epoch") if key in block}
    settings = member.Settings.model_validate(
        block | waits | {"encoder": encoder, "epochs": 1, "steps": None, "batch_size": BATCH}
    )
    world = everything(len(pool), 1)

    def run() -> None:
        seed_all(0, 0)
        method = member.build(encoders.build(encoder, SIZE, (0.5,) * 3, (0.25,) * 3), settings, len(pool))
        told = Told(np.full(len(pool), -1), world)
        with tempfile.TemporaryDirectory() as folder:
            hardware, resume = automatic(pool.device), Path(folder) / "resume.safetensors"
            fit(method, pool, told, world, seed=0, hardware=hardware, resume=resume)

    return run

"""Our loop beside a bare PyTorch loop: the same net, batches, precision, optimiser and images, without augmentation."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages import encoders
from stages.regimes import supervised
from stages.supervision.exposure import Told, fixed
from stages.training.augmentation import Views
from stages.training.device import Compute, half
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all
from tests.benchmarks.rows import Row, alternating, ratios

LEAST = 0.95
CLASSES, SIZE, RATE, MOMENTUM = 10, 32, 0.001, 0.9


def rows(full: bool, device: torch.device) -> list[Row]:
    gpu = device.type == "cuda"
    count = 45_000 if gpu else 25_600 if full else 5_120
    found = [compared("conv4", device, count=count, batch=256, rounds=9 if full else 7)]
    if full or gpu:
        count, batch = (45_000, 256) if gpu else (1_024, 64)
        found.append(compared("resnet18", device, count=count, batch=batch, rounds=5))
    return found


def compared(name: str, device: torch.device, *, count: int, batch: int, rounds: int) -> Row:
    """One epoch of `count` images in each round."""
    pictures, labels = data(count)
    trained = model(name, batch, None)
    bare = copy.deepcopy(nn.Sequential(trained.encoder, trained.head))
    hardware = automatic(device)
    with tempfile.TemporaryDirectory() as folder:
        times = alternating(
            epoch_of_ours(trained, pictures, labels, hardware, Path(folder)),
            epoch_of_bare(bare, pictures, labels, batch, hardware),
            rounds,
        )
    middle, least, most = ratios(times)
    ours, other = (f"{count / median(seconds):,.0f} images/s" for seconds in times)
    what = f"training loop / bare PyTorch loop, {name}, batch {batch}, {count:,} images an epoch"
    return Row(what, ours, other, f"{middle:.2f} ({least:.2f} to {most:.2f})", f">= {LEAST}", middle >= LEAST)


def automatic(device: torch.device) -> Hardware:
    """Precision as the pipeline chooses it."""
    return Hardware(device, half(Compute(device="auto", precision="auto", compile=False), device), compile=False)


def data(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise: uint8 [count, 32, 32, 3], int64 [count]."""
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    return pictures, generator.integers(0, CLASSES, count)


def model(name: str, batch: int, views: Views | None) -> supervised.Supervised:
    settings = supervised.Settings.model_validate(
        {
            "regime": "supervised",
            "init": "scratch",
            "follows": "labels",
            "acquisition": {"name": "ranking"},
            "classes": None,
            "epochs": 1,
            "steps": None,
            "batch_size": batch,
            "optimiser": {
                "name": "adam",
                "rate": RATE,
                "momentum": MOMENTUM,
                "weight_decay": 0,
                "decay": "constant",
                "warmup": 0,
            },
            "views": views and views.model_dump(),
            "growth": "fixed",
            "unsure": None,
            "pruning": None,
        }
    )
    seed_all(0, 0)
    return supervised.build(encoders.build(name, SIZE, (0.5,) * 3, (0.25,) * 3), CLASSES, settings, 0)


def epoch_of_ours(
    model: supervised.Supervised, pictures: np.ndarray, labels: np.ndarray, hardware: Hardware, folder: Path
) -> Callable[[], object]:
    """What `train` does for an epoch, checkpoint and history included."""
    count = len(pictures)
    images = Images(pictures, np.arange(count), hardware.device)
    world = fixed(labels, np.arange(count), CLASSES, epochs=1)

    def epoch() -> object:
        resume = folder / "resume.safetensors"
        resume.unlink(missing_ok=True)
        return fit(model, images, Told(labels, world), world, seed=0, hardware=hardware, resume=resume)

    return epoch


def epoch_of_bare(
    net: nn.Module, pictures: np.ndarray, labels: np.ndarray, batch: int, hardware: Hardware
) -> Callable[[], object]:
    """The same epoch as one writes it down who wants nothing else: it ends with the same weights, to the last bit."""
    device = hardware.device
    images, targets = torch.from_numpy(pictures).to(device), torch.from_numpy(labels).to(device)
    net.to(device).to(memory_format=torch.channels_last).train()

    def epoch() -> object:
        rule = torch.optim.Adam(net.parameters(), lr=RATE, betas=(MOMENTUM, 0.999), fused=True)
        seed_all(0, 1)
        total = torch.zeros((), device=device)
        for indices in torch.randperm(len(images), device=device).tensor_split(-(-len(images) // batch)):
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=hardware.half):
                logits: Tensor = net((images[indices].float() / 255).permute(0, 3, 1, 2))
                loss = functional.cross_entropy(logits.float(), targets[indices])
            rule.zero_grad(set_to_none=True)
            loss.backward()
            rule.step()
            total += loss.detach()
        return total.item()

    return epoch

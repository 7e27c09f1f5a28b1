"""python -m tests.small_pretraining ARCHIVE [ROW ...]: the methods of the preset `pretraining`, small, on a CPU.

ARCHIVE holds CIFAR-10 as folders, train/<class>/<image>; no image of its test part is read. Each row is a block of the
preset at half the network's width, on 5,120 images, and prints a line of a table: 10-NN and a linear probe on 2,000
others, with all labels of the 5,120, and the effective rank of the embeddings. Rows `-all` learn from 38,000 images, of
which 5,120 serve that measure; rows `-wrn` have a WRN-10-1. Without rows: all of them.
metrics/reported/pretraining-small.md has what it printed.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stages import encoders, pretraining
from stages.encoders import conv4, wrn_28_2
from stages.geometry import neighbours
from stages.measures.linear_probe import probe_accuracy
from stages.project.reading import load_yaml
from stages.supervision import exposure
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all
from stages.training.measure import embed
from stages.training.spread import effective_rank

PRESET = Path(__file__).parent.parent / "stages" / "presets" / "pretraining.yaml"
FEW, MANY = 1200, 4000  # images of a class
SHOWN, HELD_OUT = 5120, 2000
HARDWARE = Hardware(torch.device("cpu"), half=False, compile=False)

ADAM = {"name": "adam", "momentum": 0.9, "weight_decay": 0, "decay": "cosine", "warmup": 1}
SGD = {"name": "sgd", "momentum": 0.9, "weight_decay": 0.0005, "decay": "cosine", "warmup": 1}
BEFORE = {"encoder": "conv4", "epsilon": 0.05, "queue": 2048, "queue_epoch": 2}
# a row: the block, and what is changed in it
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "simclr": ("simclr", {}),
    "byol-conv4": ("byol", {"encoder": "conv4"}),
    "byol": ("byol", {}),
    "swav-before": ("swav", BEFORE),
    "swav": ("swav", {}),
    "simclr-sgd-0.015": ("simclr", {"optimiser": {**SGD, "rate": 0.015}}),
    "simclr-sgd-0.06": ("simclr", {"optimiser": {**SGD, "rate": 0.06}}),
    "moco": ("moco", {}),
    "simclr-conv4_bn": ("simclr", {"encoder": "conv4_bn"}),
    "swav-conv4": ("swav", {"encoder": "conv4"}),
    "swav-conv4_bn": ("swav", {**BEFORE, "encoder": "conv4_bn"}),
    "simclr-nesterov-0.06": ("simclr", {"optimiser": {**SGD, "name": "nesterov", "rate": 0.06}}),
    "simclr-45": ("simclr", {"epochs": 45}),
    "byol-45": ("byol", {"epochs": 45}),
    "swav-45": ("swav", {"epochs": 45}),
    "byol-momentum-0.9": ("byol", {"momentum": 0.9}),
    "byol-rate-0.003": ("byol", {"optimiser": {**ADAM, "rate": 0.003}}),
    "byol-batch-64": ("byol", {"batch_size": 64}),
    "swav-rate-0.003": ("swav", {"optimiser": {**ADAM, "rate": 0.003}}),
    "swav-prototypes-128": ("swav", {"prototypes": 128}),
    "byol-momentum-0.9-rate-0.003": ("byol", {"momentum": 0.9, "optimiser": {**ADAM, "rate": 0.003}}),
    "byol-sgd-0.06": ("byol", {"optimiser": {**SGD, "rate": 0.06}}),
    "byol-adamw": ("byol", {"optimiser": {**ADAM, "name": "adamw", "rate": 0.001, "weight_decay": 0.1}}),
    "simclr-wrn": ("simclr", {"encoder": "wrn_28_2"}),
    "byol-wrn": ("byol", {"encoder": "wrn_28_2"}),
    "swav-wrn": ("swav", {"encoder": "wrn_28_2"}),
    "simclr-all": ("simclr", {}),
    "byol-all": ("byol", {}),
    "swav-all": ("swav", {}),
    "scratch": ("scratch", {}),
    "emp_ssl": ("emp_ssl", {"batch_size": 32, "epochs": 4}),
    "self_classifier": ("self_classifier", {}),
    "local_aggregation": ("local_aggregation", {}),
    "autoencoder": ("autoencoder", {}),
    "denoising_autoencoder": ("denoising_autoencoder", {}),
}


def read(archive: Path, of_a_class: int) -> tuple[np.ndarray, np.ndarray]:
    """The first training images of each class, in an order drawn: uint8 [n, 32, 32, 3], int64 [n]."""
    images, labels, classes = list[np.ndarray](), list[int](), list[str]()
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            if "train" not in parts or not member.isfile():
                continue
            if parts[-2] not in classes:
                classes.append(parts[-2])
            label = classes.index(parts[-2])
            content = tar.extractfile(member)
            if labels.count(label) < of_a_class and content is not None:
                images.append(np.asarray(Image.open(content).convert("RGB")))
                labels.append(label)
    order = np.random.default_rng(0).permutation(len(images))
    return np.stack(images)[order], np.array(labels)[order]


def measured(name: str, changes: dict[str, Any], shown: int, images: np.ndarray, labels: np.ndarray) -> list[float]:
    """10-NN and probe in percent, the embeddings' effective rank, and the spread of what is watched: of a method that
    learns from so many images."""
    block = {**load_yaml(PRESET)["pretrain"][name]}
    if name != "scratch":
        block |= {"epochs": 15, "batch_size": 128}
    member = pretraining.member(block["method"])
    settings: Any = member.Settings.model_validate({**block, **changes})
    pool, others = images[:shown], images[-HELD_OUT:]
    seed_all(0, 0)
    mean, std = (statistic((0, 1, 2)) / 255 for statistic in (pool.mean, pool.std))
    encoder = encoders.build(settings.encoder, images.shape[1], mean.tolist(), std.tolist())
    method = member.build(encoder, settings, len(pool))
    history: list[dict[str, Any]] = [{"spread": np.nan}]
    if method is not None:
        world = exposure.everything(len(pool), settings.epochs)
        told = exposure.Told(np.full(len(pool), -1), world)
        with tempfile.TemporaryDirectory() as folder:
            resume = Path(folder) / "resume.safetensors"
            history = fit(method, _all(pool), told, world, seed=0, hardware=HARDWARE, resume=resume, title=name)
    known, asked = (embed(encoder, _all(part), half=False) for part in (images[:SHOWN], others))
    mine, truth = labels[:SHOWN], labels[-HELD_OUT:]
    nearest = neighbours.knn_accuracy(
        asked, torch.from_numpy(truth), known, torch.from_numpy(mine), 10, metric="cosine"
    )
    probe = probe_accuracy(known.numpy(), mine, asked.numpy(), truth)
    assert nearest is not None and probe is not None
    return [100 * nearest, 100 * probe, effective_rank(known[::20]), history[-1]["spread"]]


def _all(images: np.ndarray) -> Images:
    return Images(images, np.arange(len(images)), HARDWARE.device)


def main() -> None:
    torch.set_num_threads(1)
    conv4.WIDTH //= 2
    wrn_28_2.UNITS, wrn_28_2.WIDTHS = 1, (16, 32, 64)
    few, many = (read(Path(sys.argv[1]), of_a_class) for of_a_class in (FEW, MANY))
    print("| row | 10-NN (%) | probe (%) | effective rank | spread |\n|---|---:|---:|---:|---:|", flush=True)
    for row in sys.argv[2:] or ROWS:
        images, labels = many if row.endswith("-all") else few
        shown = len(images) - HELD_OUT if row.endswith("-all") else SHOWN
        nearest, probe, rank, spread = measured(*ROWS[row], shown, images, labels)
        print(f"| `{row}` | {nearest:.1f} | {probe:.1f} | {rank:.1f} | {spread:.2f} |", flush=True)


if __name__ == "__main__":
    main()

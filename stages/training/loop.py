"""The loop: epochs, optimiser steps, precision, history and checkpoints, the same for every method and regime."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from tqdm import tqdm

from stages.base import draws
from stages.base.errors import UserError
from stages.supervision.exposure import Told, World
from stages.training import checkpoint, measure, memory, optimiser
from stages.training.device import autocast
from stages.training.images import Images
from stages.training.method import Batch, Epoch, Method
from stages.training.spread import COLLAPSED, effective_rank, flat, spread

Row = dict[str, Any]
Trained = TypeVar("Trained", bound=Method)


@dataclass(frozen=True)
class Hardware:
    """Where and how to compute; `compile` is torch.compile, on the GPU only."""

    device: torch.device
    half: bool
    compile: bool


def seed_all(seed: int, epoch: int) -> None:
    """Seeds torch's default generators, all devices: (seed, 0) for first weights, (seed, e) for epoch e from 1. The
    seed is that of a training: draws.number tells pretraining from what follows it."""
    torch.manual_seed(draws.number(seed, "training.epoch", epoch))


def fit(
    method: Trained,
    images: Images,
    told: Told,
    world: World,
    *,
    seed: int,
    hardware: Hardware,
    resume: Path,
    validate: Callable[[Trained], Row] | None = None,
    title: str = "",
) -> list[Row]:
    """Trains the method in place and returns its history, a row for each epoch.

    images: the pool; told and world: what of it is labelled and shown at each epoch; resume: the checkpoint file, from
    whose last finished epoch a killed run goes on, with the same result; validate: figures of the method after each
    epoch, such as validation accuracy. Randomness depends on the seed and the epoch's number alone. Embeddings that
    collapse are reported on stderr.
    Raises UserError where a loss stops being a number.
    """
    device = hardware.device
    memory.keep_freed(device)
    method.to(device).to(memory_format=torch.channels_last)
    moving = any(parameter.requires_grad for parameter in method.parameters())
    rule = optimiser.build(method.rule(), method.groups()) if moving else None
    history = checkpoint.restore(resume, method, rule)
    epochs = method.settings.epochs
    if hardware.compile and device.type == "cuda":
        method.encoder.compile()
    bar = tqdm(total=epochs, initial=len(history), desc=title, unit="epoch", disable=None)
    began = said = time.monotonic()
    warned, visits = False, 0
    for number in range(len(history), epochs):
        seed_all(seed, number + 1)
        labels = told.at(number)
        epoch = Epoch(number, _tensor(world.shown(number), device), _tensor(labels, device))
        losses, visited = _train(method, rule, images, epoch, hardware, title)
        row: Row = {"epoch": number + 1} | losses
        visits += visited
        row |= {
            "classes_seen": world.classes_seen[number],
            "labels_told": world.labels_told(number),
            "images_shown": len(epoch.shown),
        }
        if any(parameter.requires_grad for parameter in method.encoder.parameters()):
            kept, watched = _embeddings(method, images, epoch.shown, hardware.half)
            row |= {"spread": spread(watched), "effective_rank": effective_rank(kept)}
            late = number + 1 > epochs / 2
            if not warned and (collapse := _collapse(row, kept, labels, method.encoder, late=late)):
                warned = True
                print(f"{title}: collapse in epoch {number + 1}: {collapse}", file=sys.stderr)
        if validate is not None:
            row |= validate(method)
        history.append(row)
        checkpoint.save(resume, method, rule, history)
        bar.update()
        bar.set_postfix(loss=f"{row['loss']:.3f}")
        if bar.disable and time.monotonic() - said > 30:
            said = time.monotonic()
            print(f"{title}: epoch {number + 1} of {epochs}, loss {row['loss']:.3f}", file=sys.stderr, flush=True)
    bar.close()
    if (seconds := time.monotonic() - began) > 30:
        # beside the history, which is the same on every machine
        speed = f"{visits:,} images in {seconds / 60:.1f} minutes, {visits / seconds:,.0f} a second"
        print(f"{title}: {speed}", file=sys.stderr, flush=True)
    return history


def _embeddings(method: Method, images: Images, shown: Tensor, half: bool) -> tuple[Tensor, Tensor]:
    """The vectors of some images by the encoder, which is kept, and by what is watched, which could collapse alone."""
    watched = method.watched()
    kept = measure.some(method.encoder, images, shown, half)
    return kept, kept if watched is method.encoder else measure.some(watched, images, shown, half)


def _collapse(row: Row, kept: Tensor, labels: np.ndarray, encoder: nn.Module, *, late: bool) -> str:
    """What has collapsed, if anything. A model told of a single class is right to see but one, and labels of few
    classes want few dimensions; a rank may be low at first."""
    told = len(np.unique(labels[labels >= 0]))
    if row["spread"] < COLLAPSED and told != 1:
        return f"embedding spread {row['spread']:.4f}; lower the learning rate, or raise the batch size"
    if late and told == 0 and flat(row["effective_rank"], kept):
        normed = any(isinstance(layer, _BatchNorm) for layer in encoder.modules())
        way = "lower the learning rate, or raise the batch size" if normed else "take an encoder with batch norm"
        return f"embeddings vary in {row['effective_rank']:.1f} dimensions; {way}"
    return ""


def _train(
    method: Method, rule: torch.optim.Optimizer | None, images: Images, epoch: Epoch, hardware: Hardware, title: str
) -> tuple[Row, int]:
    """The epoch's mean losses and last learning rates, and how many images its batches held."""
    method.train()
    if rule is None:
        return _summed(method.solve(epoch, images), epoch, title), len(epoch.labelled())
    if method.forgets(epoch.number):
        optimiser.forget(rule)
    method.begin_epoch(epoch, images)
    # indices only: a whole epoch of them is small, and their number places each step within the epoch
    batches = list(method.sampler(epoch))
    places = [indices.to(images.indexed_on) for indices in batches]
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    for step, (indices, place) in enumerate(zip(batches, places, strict=True)):
        now = epoch.number + step / len(batches)
        rates = method.rates(now)
        for group in rule.param_groups:
            group["lr"] = rates[group["name"]]
        updates = method.updates(Batch(indices, images[place], epoch.labels[indices]))
        while True:
            # a generator runs in the context of who asks: forward in half precision, backward outside of it
            try:
                with autocast(hardware.device, hardware.half):
                    losses = next(updates, None)
            except ValueError as error:
                if "more than 1 value per channel" not in str(error):
                    raise
                alone = f"{title}: batch norm has no variance in a batch of {len(indices)} images of this size"
                raise UserError(f"{alone}; label or give more images, or take a net or a head without it") from None
            if losses is None:
                break
            rule.zero_grad(set_to_none=True)
            torch.stack(list(losses.values())).sum().backward()
            rule.step()
            method.after_update(now)
            for name, loss in losses.items():
                sums[name] = sums[name] + loss.detach().float() if name in sums else loss.detach().float()
                counts[name] = counts.get(name, 0) + 1
    row = _summed({name: float(total) / counts[name] for name, total in sums.items()}, epoch, title)
    row |= {f"lr/{group['name']}": group["lr"] for group in rule.param_groups}
    return row, sum(len(indices) for indices in batches)


def _summed(means: dict[str, float], epoch: Epoch, title: str) -> Row:
    """An epoch's losses, and their sum. Raises UserError where one is no number."""
    for name, mean in means.items():
        if not math.isfinite(mean):
            raise UserError(
                f"{title}: the loss {name!r} is {mean} in epoch {epoch.number + 1}; lower the learning rate"
            )
    row: Row = {"loss": sum(means.values())}
    return row | {f"loss/{name}": mean for name, mean in means.items()}


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    return torch.from_numpy(array).to(device)

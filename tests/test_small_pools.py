"""Pools of one image, of two, of copies, and of one class; numbers at either end of what is allowed: each member works
there, or says in a line why it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from stages import encoders
from stages.acquisition import Candidates
from stages.base import families
from stages.base.errors import UserError
from stages.selection import NONE
from stages.supervision.exposure import Told, everything, fixed, gradual
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all
from tests import blocks
from tests.base.test_numbers import numbers, schemas
from tests.tiny import CPU, pictures, small, trainable, with_batch_norm

POOLS = {
    "one image": np.zeros(1, np.int64),
    "two images": np.arange(2),
    "two of a class": np.zeros(2, np.int64),
    "one class": np.zeros(12, np.int64),
}
MEMBERS = [(section, member) for section in ("pretrain", "models") for member in trainable(section)]
rng = np.random.default_rng(0)
POINTS = {
    "one image": rng.random((1, 4), np.float32),
    "two images": rng.random((2, 4), np.float32),
    "copies": np.ones((5, 4), np.float32),
    "zeros": np.zeros((5, 4), np.float32),
    "some": rng.random((30, 4), np.float32),
}
STRATEGIES = families.names("selection")
ACQUISITIONS = families.names("acquisition")


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("section", "member"), MEMBERS)
def test_it_trains_on_a_small_pool_or_says_why_not(
    section: str, member: str, pool: str, batch_norm: bool, tmp_path: Path
) -> None:
    labels, chosen = POOLS[pool], small(section, member)
    count, classes = len(labels), int(labels.max()) + 1
    seed_all(0, 0)
    encoder = with_batch_norm() if batch_norm else encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    if section == "pretrain":
        method = families.load("pretraining", member).build(encoder, chosen, count)
        world = everything(count, chosen.epochs)
    else:
        method = families.load("regimes", member).build(encoder, classes, chosen, count)
        plan, told = chosen.told_by(blocks.schedule(start_classes=1)), np.arange(count)
        world = fixed(labels, told, classes, chosen.epochs)
        if plan is not None:
            world = gradual(labels, told, np.arange(classes), plan, epochs=chosen.epochs, seed=0)
    images = Images(pictures()[:count], np.arange(count), CPU)
    try:
        history = fit(
            method,
            images,
            Told(labels, world),
            world,
            seed=0,
            hardware=Hardware(CPU, half=False, compile=False),
            resume=tmp_path / "checkpoint",
        )
    except UserError as error:
        assert pool == "one image" and "batch norm" in str(error)
        return
    assert all(np.isfinite(value) for row in history for value in row.values())
    assert all(parameter.isfinite().all() for parameter in method.parameters())


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("member", STRATEGIES)
def test_it_chooses_from_a_small_pool_or_says_why_not(member: str, points: str) -> None:
    for budget in {1, len(POINTS[points])}:
        chosen_or_said(member, blocks.settings("strategies", member), POINTS[points], budget)


@pytest.mark.parametrize("member", STRATEGIES)
def test_it_chooses_with_any_number_allowed(member: str) -> None:
    settings = blocks.settings("strategies", member)
    for key, value in ends(type(settings)):
        changed = settings.model_validate(settings.model_dump() | {key: value})
        for points in ("two images", "some"):
            chosen_or_said(member, changed, POINTS[points], len(POINTS[points]) // 2)


def chosen_or_said(member: str, settings: Any, points: np.ndarray, budget: int) -> None:
    try:
        selection = families.load("selection", member).select(
            points, budget, settings, labelled=NONE, seed=0, device=CPU
        )
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        return
    assert len(set(selection.indices.tolist())) == budget
    assert set(selection.indices.tolist()) <= set(range(len(points)))


@pytest.mark.parametrize("points", POINTS)
@pytest.mark.parametrize("member", ACQUISITIONS)
def test_it_queries_a_small_pool(member: str, points: str) -> None:
    options = families.load("acquisition", member).Settings.model_validate(blocks.acquisitions()[member])
    queried(member, options, POINTS[points])


@pytest.mark.parametrize("member", ACQUISITIONS)
def test_it_queries_with_any_number_allowed(member: str) -> None:
    settings = families.load("acquisition", member).Settings.model_validate(blocks.acquisitions()[member])
    for key, value in ends(type(settings)):
        for points in ("two images", "some"):
            queried(member, settings.model_validate(settings.model_dump() | {key: value}), POINTS[points])


def queried(member: str, settings: Any, points: np.ndarray) -> None:
    """With one class and with three, none labelled or half."""
    for classes in (1, 3):
        for labelled in {0, len(points) // 2}:
            torch.manual_seed(0)
            candidates = Candidates.among(
                torch.from_numpy(points),
                nn.Linear(points.shape[1], classes),
                labelled=np.arange(labelled),
                ranked=np.arange(labelled, len(points)),
                count=max(1, (len(points) - labelled) // 2),
                seed=0,
                round=1,
            )
            query = families.load("acquisition", member).query(candidates, settings)
            chosen = query.indices.tolist()
            assert len(set(chosen)) == candidates.count and min(chosen) >= labelled
            assert query.scores is None or query.scores.isfinite().all()


def ends(model: Any) -> list[tuple[str, Any]]:
    """The least and the largest number of each key of a model that takes one."""
    found = []
    for key, field, kind in numbers(model):
        for schema in schemas(TypeAdapter(Annotated[field.annotation, field]).json_schema(), "integer", "number"):
            least = schema["minimum"] if "minimum" in schema else schema["exclusiveMinimum"]
            most = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"]
            inside = 1e-9 if kind is float else 1
            found.append((key, least + inside * ("exclusiveMinimum" in schema)))
            found.append((key, most - inside * ("exclusiveMaximum" in schema)))
    return found

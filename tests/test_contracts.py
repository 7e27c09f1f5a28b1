"""What every method and regime keeps, found by discovery: a new file is tested here without a word."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.base import families
from stages.training import checkpoint, loop
from stages.training.loop import Row
from stages.training.method import Method
from tests.blocks import blocks, settings
from tests.tiny import CLASSES, EPOCHS, LABELS, make, pictures, train, trainable, world_of

TENANTS = [(section, member) for section in ("pretrain", "models") for member in trainable(section)]
each = pytest.mark.parametrize(("section", "member"), TENANTS)


@cache
def untouched(section: str, member: str) -> tuple[torch.nn.Module, list[Row]]:
    """A run to which nothing happens, and its history: many tests hold theirs against it, and change nothing of it."""
    with tempfile.TemporaryDirectory() as folder:
        return train(section, member, Path(folder) / "checkpoint")


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(("section", "family"), [("pretrain", "pretraining"), ("models", "regimes")])
def test_every_file_has_a_block(section: str, family: str) -> None:
    assert sorted(blocks(section)) == families.names(family)


@each
def test_every_file_says_what_it_costs(section: str, member: str) -> None:
    family = "pretraining" if section == "pretrain" else "regimes"
    assert families.load(family, member).cost(settings(section, member)) > 0


@each
def test_the_same_twice_and_another_seed_another(section: str, member: str, tmp_path: Path) -> None:
    first, history = untouched(section, member)
    again, history_again = train(section, member, tmp_path / "b")
    other, _ = train(section, member, tmp_path / "c", seed=1)
    assert same(first, again) and history == history_again and not same(first, other)
    assert [row["epoch"] for row in history] == list(range(1, EPOCHS + 1))


@pytest.mark.anywhere
@each
def test_labels_not_told_do_not_matter(section: str, member: str, tmp_path: Path) -> None:
    """Scrambles every label that is not told: the trained weights are the same."""
    method, world = make(section, member)
    told = np.zeros(len(LABELS), bool)
    told[world.told(method.settings.epochs - 1)] = True
    scrambled = np.where(told, LABELS, np.random.default_rng(3).permutation(LABELS))
    assert (scrambled != LABELS).any()
    honest, _ = untouched(section, member)
    blind, _ = train(section, member, tmp_path / "b", labels=scrambled)
    assert same(honest, blind)


@pytest.mark.anywhere
@pytest.mark.parametrize("member", trainable("models"))
def test_labels_told_do_matter(member: str, tmp_path: Path) -> None:
    """Else the scramble above would prove nothing."""
    honest, _ = untouched("models", member)
    misled, _ = train("models", member, tmp_path / "b", labels=(LABELS + 1) % 3)
    assert not same(honest, misled)


@pytest.mark.anywhere
@pytest.mark.parametrize("member", trainable("models"))
def test_a_label_told_late_is_not_known_before(member: str, tmp_path: Path) -> None:
    """Labels that come with the last epoch change nothing of the weights before it."""
    world = world_of(make("models", member, follows="schedule")[0].settings)
    late = np.setdiff1d(world.told(EPOCHS - 1), world.told(EPOCHS - 2))
    assert len(late)
    changed = LABELS.copy()
    changed[late] = (changed[late] + 1) % 3
    states = []
    for name, labels in (("a", LABELS), ("b", changed)):
        kept: list[dict[str, torch.Tensor]] = []
        with pytest.MonkeyPatch.context() as patch:
            real = checkpoint.save

            def keep(path, method, rule, history, kept=kept, real=real):  # type: ignore[no-untyped-def]
                kept.append({key: value.clone() for key, value in method.state_dict().items()})
                real(path, method, rule, history)

            patch.setattr(loop.checkpoint, "save", keep)
            train("models", member, tmp_path / name, labels=labels, follows="schedule")
        states.append(kept)
    before = [torch.equal(states[0][EPOCHS - 2][key], states[1][EPOCHS - 2][key]) for key in states[0][0]]
    after = [torch.equal(states[0][EPOCHS - 1][key], states[1][EPOCHS - 1][key]) for key in states[0][0]]
    assert all(before) and not all(after)


@pytest.mark.anywhere
@pytest.mark.parametrize("member", trainable("models"))
def test_images_not_shown_do_not_matter(member: str, tmp_path: Path) -> None:
    """What the schedule holds back may look like anything."""
    world = world_of(make("models", member, follows="schedule")[0].settings)
    hidden = np.setdiff1d(np.arange(len(LABELS)), world.shown(EPOCHS - 1))
    assert len(hidden)
    others = pictures()
    others[hidden] = 255 - others[hidden]
    one, _ = train("models", member, tmp_path / "a", follows="schedule")
    other, _ = train("models", member, tmp_path / "b", images=others, follows="schedule")
    assert same(one, other)


def kill_in_epoch(number: int) -> Callable[[], None]:
    """Kills the process in an epoch, from 0: at the first optimiser step, or before a method solves."""

    def arm() -> None:
        now = {"epoch": -1}
        real_seed, real_build, real_train = loop.seed_all, loop.optimiser.build, loop._train

        def seed_all(seed: int, epoch: int) -> None:
            now["epoch"] += 1
            real_seed(seed, epoch)

        def build(*arguments):  # type: ignore[no-untyped-def]
            rule = real_build(*arguments)
            rule.register_step_pre_hook(lambda *_: die() if now["epoch"] == number else None)
            return rule

        def train(method: Method, rule: torch.optim.Optimizer | None, *arguments: Any) -> tuple[Row, int]:
            if rule is None and now["epoch"] == number:
                die()
            return real_train(method, rule, *arguments)

        loop.seed_all, loop.optimiser.build, loop._train = seed_all, build, train  # type: ignore[assignment]

    return arm


def kill_at_save(number: int, moment: str) -> Callable[[], None]:
    """Kills the process before, in the middle of, or after the write of its n-th checkpoint."""

    def arm() -> None:
        saves = iter(range(number + 1))
        real_save, real_write = checkpoint.save, checkpoint.save_file

        def save(*arguments):  # type: ignore[no-untyped-def]
            last = next(saves) == number
            if last and moment == "before":
                die()
            if last and moment == "within":
                checkpoint.save_file = half_a_file
            real_save(*arguments)
            if last:
                die()

        def half_a_file(tensors, path, metadata):  # type: ignore[no-untyped-def]
            real_write(tensors, path, metadata)
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)
            die()

        checkpoint.save = save

    return arm


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def until_killed(arm: Callable[[], None], section: str, member: str, path: Path, **changes: Any) -> None:
    def child() -> None:
        torch.set_num_threads(1)
        arm()
        train(section, member, path, **changes)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.anywhere
@each
def test_killed_within_an_epoch_it_ends_as_if_it_never_stopped(section: str, member: str, tmp_path: Path) -> None:
    whole, history = untouched(section, member)
    until_killed(kill_in_epoch(EPOCHS - 1), section, member, tmp_path / "killed")
    resumed, rows = train(section, member, tmp_path / "killed")
    assert same(whole, resumed) and rows == history


@pytest.mark.anywhere
@pytest.mark.parametrize(("section", "member"), [("pretrain", "moco"), ("models", "fixmatch")])
def test_killed_anywhere_it_ends_as_if_it_never_stopped(section: str, member: str, tmp_path: Path) -> None:
    """Where the loop and its checkpoints are cut off, which are the same for all members."""
    whole, history = untouched(section, member)
    kills = [kill_in_epoch(n) for n in range(EPOCHS)]
    kills += [kill_at_save(n, "before") for n in range(EPOCHS)]
    kills += [kill_at_save(n, moment) for n in (0, EPOCHS - 1) for moment in ("within", "after")]
    for number, arm in enumerate(kills):
        path = tmp_path / f"killed-{number}"
        until_killed(arm, section, member, path)
        resumed, rows = train(section, member, path)
        assert same(whole, resumed) and rows == history, number


@pytest.mark.anywhere
@each
def test_killed_in_every_epoch_of_one_run(section: str, member: str, tmp_path: Path) -> None:
    """The same run is killed again and again, one epoch further each time."""
    whole, history = untouched(section, member)
    path = tmp_path / "killed"
    for _ in range(EPOCHS):
        until_killed(kill_at_save(0, "after"), section, member, path)
    resumed, rows = train(section, member, path)
    assert same(whole, resumed) and rows == history


@pytest.mark.anywhere
@each
def test_killed_with_batch_norm_it_ends_as_if_it_never_stopped(section: str, member: str, tmp_path: Path) -> None:
    """Running statistics are state, too; the encoder of the tests above has none."""
    whole, history = train(section, member, tmp_path / "whole", batch_norm=True)
    path = tmp_path / "killed"
    until_killed(kill_at_save(EPOCHS - 2, "after"), section, member, path, batch_norm=True)
    resumed, rows = train(section, member, path, batch_norm=True)
    assert same(whole, resumed) and rows == history


@each
def test_it_learns(section: str, member: str, tmp_path: Path) -> None:
    _, history = train(section, member, tmp_path / "a", epochs=12)
    # what is solved is so in its first epoch
    before = history[0]["loss"] if "steps" in blocks(section)[member] else np.log(CLASSES)
    assert history[-1]["loss"] < before

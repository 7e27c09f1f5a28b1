"""Rounds of training and asking, for every regime that can follow them: a new file is tested here without a word."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy

from stages import encoders
from stages.acquisition import Candidates
from stages.base import families
from stages.base.errors import UserError
from stages.learning.job import Job
from stages.learning.rounds import Learn, Plan, alternate
from stages.supervision.exposure import Told, fixed
from stages.training import checkpoint, loop, measure
from stages.training.images import Images
from stages.training.loop import Hardware, Row
from tests.blocks import acquisitions, blocks
from tests.tiny import CLASSES, CPU, EPOCHS, LABELS, make, pictures, small, trainable

RANKING = np.random.default_rng(1).permutation(60)
TOTALS = [9, 13, 15]
IMAGES = Images(pictures(), np.arange(60), CPU)
# gradual supervision follows its schedule, and nothing else
REGIMES = [name for name in trainable("models") if name != "gradual"]


def chosen(name: str) -> Any:
    return families.load("acquisition", name).Settings.model_validate(acquisitions()[name])


def learning(
    regime: str, folder: Path, *, acquisition: str = "margin", labels: np.ndarray = LABELS, **changes: Any
) -> tuple[Job, Learn]:
    """What the stage train makes of a regime's block, in the tiny world; `labels` is what it tells."""
    changes = {"follows": "rounds", "acquisition": chosen(acquisition)} | changes
    hardware = Hardware(CPU, half=False, compile=False)
    classes, nobody = ["red", "green", "blue"], np.zeros(0, np.int64)
    job = Job(regime, small("models", regime, **changes), None, classes, labels, nobody, hardware)
    loop.seed_all(0, 0)
    encoders.save(encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3), folder / "start")
    held_out = measure.Embedded(Images(pictures(), nobody, CPU))
    return job, partial(job.learn, 0, folder / "start", IMAGES, held_out)


def run(
    regime: str,
    folder: Path,
    *,
    acquisition: str = "margin",
    restart: bool = True,
    totals: list[int] = TOTALS,
    spy: Callable[[Candidates], None] = lambda candidates: None,
    **changes: Any,
) -> tuple[Any, list[Row], list[Row]]:
    """The tiny world in rounds, as the stage train runs them; what they leave behind lies in `folder`/scratch."""
    (folder / "scratch").mkdir(parents=True, exist_ok=True)
    job, learn = learning(regime, folder, acquisition=acquisition, **changes)

    def query(candidates: Candidates, queried: np.ndarray) -> Any:
        spy(candidates)
        return families.load("acquisition", acquisition).query(candidates, chosen(acquisition))

    plan = Plan(RANKING, totals, restart, seed=0)
    return alternate(plan, learn, partial(job.tell, 0), query, measure.Embedded(IMAGES), folder / "scratch")


def same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("regime", REGIMES)
def test_rounds_run_on_and_are_the_same_twice(regime: str, tmp_path: Path) -> None:
    model, history, queries = run(regime, tmp_path / "a")
    again, history_again, queries_again = run(regime, tmp_path / "b")
    assert same(model, again) and history == history_again and queries == queries_again
    assert [row["epoch"] for row in history] == list(range(1, 3 * EPOCHS + 1))
    assert [row["round"] for row in history] == [1] * EPOCHS + [2] * EPOCHS + [3] * EPOCHS
    assert [row["labels_told"] for row in history[::EPOCHS]] == TOTALS
    for row, total in zip(history[::EPOCHS], TOTALS, strict=True):
        told = np.bincount(LABELS[[one["image"] for one in queries[:total]]], minlength=CLASSES)
        assert row["label_balance"] == pytest.approx(entropy(told, base=CLASSES))
    assert [row["rank"] for row in queries] == list(range(1, 16))
    assert [row["round"] for row in queries] == [1] * 9 + [2] * 4 + [3] * 2
    assert [row["image"] for row in queries[:9]] == RANKING[:9].tolist()
    assert [row["score"] is None for row in queries] == [True] * 9 + [False] * 6
    assert len({row["image"] for row in queries}) == 15


@pytest.mark.parametrize("acquisition", families.names("acquisition"))
def test_every_acquisition_asks_for_what_is_shown_and_not_labelled(acquisition: str, tmp_path: Path) -> None:
    _, _, queries = run("probe", tmp_path, acquisition=acquisition)
    assert len({row["image"] for row in queries}) == 15
    if acquisition == "ranking":
        assert [row["image"] for row in queries] == RANKING[:15].tolist()
    else:
        assert [row["image"] for row in queries] != RANKING[:15].tolist()


@pytest.mark.parametrize(
    ("regime", "acquisition", "restart"),
    [(regime, "margin", False) for regime in REGIMES]
    + [("probe", acquisition, True) for acquisition in families.names("acquisition")],
)
def test_labels_not_told_do_not_matter(regime: str, acquisition: str, restart: bool, tmp_path: Path) -> None:
    """Scrambles every label that nobody asked for: the same weights, and the same images asked for."""
    model, history, queries = run(regime, tmp_path / "a", acquisition=acquisition, restart=restart)
    told = np.zeros(60, bool)
    told[[row["image"] for row in queries]] = True
    scrambled = np.where(told, LABELS, (LABELS + 1) % 3)
    blind, blind_history, blind_queries = run(
        regime, tmp_path / "b", labels=scrambled, acquisition=acquisition, restart=restart
    )
    assert same(model, blind) and history == blind_history and queries == blind_queries


def test_labels_told_do_matter(tmp_path: Path) -> None:
    """Else the scramble above would prove nothing."""
    _, _, queries = run("supervised", tmp_path / "a")
    _, _, misled = run("supervised", tmp_path / "b", labels=(LABELS + 1) % 3 * (LABELS > 0))
    assert queries != misled


def test_a_label_is_not_known_before_its_round(tmp_path: Path) -> None:
    """Labels bought last change nothing of the rounds before."""
    _, history, queries = run("supervised", tmp_path / "a")
    late = [row["image"] for row in queries if row["round"] == 3]
    changed = LABELS.copy()
    changed[late] = (changed[late] + 1) % 3
    _, other, queries_then = run("supervised", tmp_path / "b", labels=changed)
    assert queries == queries_then
    assert history[: 2 * EPOCHS] == other[: 2 * EPOCHS] and history[-1] != other[-1]


@pytest.mark.parametrize("regime", ["supervised", "probe", "fixmatch"])
def test_a_round_that_begins_anew_is_the_training_that_is_told_these_labels_at_once(
    regime: str, tmp_path: Path
) -> None:
    model, history, queries = run(regime, tmp_path / "rounds")
    told = Told(LABELS, fixed(LABELS, np.array([row["image"] for row in queries]), CLASSES, EPOCHS))
    _, learn = learning(regime, tmp_path / "whole")
    whole, rows = learn(None, told, tmp_path / "whole" / "checkpoint", None)
    assert same(model, whole)
    assert [row["loss"] for row in rows] == [row["loss"] for row in history[-EPOCHS:]]


@pytest.mark.parametrize("regime", REGIMES)
def test_without_restart_a_round_goes_on_from_the_weights_before(
    regime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[dict[str, torch.Tensor]] = []
    starts: list[dict[str, torch.Tensor]] = []
    real_save, real_weights = checkpoint.save, checkpoint.weights

    def copied(method: torch.nn.Module) -> dict[str, torch.Tensor]:
        return {key: value.clone() for key, value in method.state_dict().items()}

    def save(path, method, rule, history):  # type: ignore[no-untyped-def]
        if len(history) == EPOCHS:
            ends.append(copied(method))
        real_save(path, method, rule, history)

    def weights(path, method):  # type: ignore[no-untyped-def]
        real_weights(path, method)
        starts.append(copied(method))

    monkeypatch.setattr(loop.checkpoint, "save", save)
    monkeypatch.setattr(checkpoint, "weights", weights)
    run(regime, tmp_path, restart=False)
    assert len(ends) == 3 and len(starts) == 2
    for end, start in zip(ends, starts, strict=False):
        assert end.keys() == start.keys() and all(torch.equal(end[key], start[key]) for key in end)


def test_an_image_without_a_label_uses_up_its_place(tmp_path: Path) -> None:
    _, _, queries = run("supervised", tmp_path / "a")
    nobody = (queries[2]["image"], queries[10]["image"])
    seen: list[Candidates] = []
    labels = LABELS.copy()
    labels[list(nobody)] = -1
    _, history, then = run("supervised", tmp_path / "b", labels=labels, spy=seen.append)
    assert [len(one.labelled) for one in seen] == [8, 13 - sum(row["image"] in nobody for row in then[:13])]
    assert [row["labels_told"] for row in history[::EPOCHS]][:2] == [len(one.labelled) for one in seen]
    assert len({row["image"] for row in then}) == 15
    for one in seen:
        # asked about once is enough
        assert nobody[0] not in one.askable and nobody[0] not in one.ranked
        assert not set(one.askable.tolist()) & set(one.labelled.tolist())


def test_what_an_acquisition_is_given(tmp_path: Path) -> None:
    seen: list[Candidates] = []
    run("supervised", tmp_path, spy=seen.append)
    assert [(one.count, one.round, one.seed) for one in seen] == [(4, 1, 0), (2, 2, 0)]
    for one in seen:
        assert one.embedding.shape[0] == 60 and one.logits().shape == (60, CLASSES)
        assert one.askable.tolist() == sorted(one.ranked.tolist())
        assert one.ranked.tolist() == [image for image in RANKING if image in one.askable]


def test_a_frozen_encoder_sees_the_pool_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = []
    real = measure.embed

    def noted(encoder: Any, images: Images, half: bool, chosen: torch.Tensor | None = None) -> torch.Tensor:
        if chosen is None:
            whole.append(len(images))
        return real(encoder, images, half, chosen)

    monkeypatch.setattr(measure, "embed", noted)
    run("probe", tmp_path / "a")
    assert whole == [60]
    run("finetune", tmp_path / "b")
    assert whole == [60] * 3


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_save(number: int) -> Callable[[], None]:
    """Kills the process after its n-th checkpoint, from 0."""

    def arm() -> None:
        left = iter(range(number + 1))
        real = checkpoint.save

        def save(*arguments):  # type: ignore[no-untyped-def]
            real(*arguments)
            if next(left) == number:
                die()

        checkpoint.save = save

    return arm


def kill_within_request(number: int) -> Callable[[], None]:
    def arm() -> None:
        left = iter(range(number + 1))
        real = Path.write_text

        def write_text(path, content, **named):  # type: ignore[no-untyped-def]
            last = ".json" in path.name and next(left) == number
            real(path, content[: len(content) // 2] if last else content, **named)
            if last:
                die()

        Path.write_text = write_text  # type: ignore[method-assign]

    return arm


def kill_after_request(number: int) -> Callable[[], None]:
    def arm() -> None:
        left = iter(range(number + 1))
        real = Path.unlink

        def unlink(path, **named):  # type: ignore[no-untyped-def]
            if path.suffix == ".safetensors" and next(left) == number:
                die()
            real(path, **named)

        Path.unlink = unlink  # type: ignore[method-assign]

    return arm


def until_killed(arm: Callable[[], None], work: Callable[[], Any]) -> None:
    def child() -> None:
        torch.set_num_threads(1)
        arm()
        work()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL


KILLS = {
    "within round 1": kill_at_save(0),
    "trained, not asked": kill_at_save(EPOCHS - 1),
    "within the request": kill_within_request(0),
    "after round 1": kill_after_request(0),
    "within round 2": kill_at_save(EPOCHS + 1),
    "after round 2": kill_after_request(1),
    "at the very end": kill_at_save(3 * EPOCHS - 1),
}


@pytest.mark.anywhere
@pytest.mark.parametrize(("regime", "restart"), [("supervised", True), *((regime, False) for regime in REGIMES)])
def test_killed_anywhere_it_ends_as_if_it_never_stopped(regime: str, restart: bool, tmp_path: Path) -> None:
    whole, history, queries = run(regime, tmp_path / "whole", restart=restart)
    for name in KILLS if regime == "supervised" else ("after round 1", "within round 2"):
        folder = tmp_path / name
        until_killed(KILLS[name], partial(run, regime, folder, restart=restart))
        resumed, rows, then = run(regime, folder, restart=restart)
        assert same(whole, resumed) and rows == history and then == queries, name


@pytest.mark.anywhere
def test_killed_again_and_again_it_ends_the_same(tmp_path: Path) -> None:
    whole, history, queries = run("supervised", tmp_path / "whole", acquisition="bald", restart=False)
    for _ in range(3 * EPOCHS):
        until_killed(kill_at_save(0), partial(run, "supervised", tmp_path / "b", acquisition="bald", restart=False))
    resumed, rows, then = run("supervised", tmp_path / "b", acquisition="bald", restart=False)
    assert same(whole, resumed) and rows == history and then == queries


def test_only_what_is_needed_to_go_on_is_kept(tmp_path: Path) -> None:
    run("supervised", tmp_path, restart=False)
    scratch = tmp_path / "scratch"
    kept = sorted(path.name for path in scratch.iterdir())
    assert kept == [f"seed-0-round-{file}" for file in ("1.json", "2.json", "2.safetensors", "3.safetensors")]
    assert json.loads((scratch / kept[0]).read_text())["history"][-1]["epoch"] == EPOCHS


@pytest.mark.parametrize("regime", REGIMES)
def test_how_a_model_asks_changes_nothing_of_how_it_learns(regime: str, tmp_path: Path) -> None:
    """BALD once trained a head with dropout, so that its figures were those of another learner."""
    plain, history, _ = run(regime, tmp_path / "a", acquisition="random", totals=[15])
    model, again, _ = run(regime, tmp_path / "b", acquisition="bald", totals=[15])
    assert same(plain, model) and history == again


def test_gradual_cannot_follow_rounds() -> None:
    with pytest.raises(ValueError, match="schedule"):
        make("models", "gradual", follows="rounds")
    assert "gradual" in blocks("models")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"history": 1, "images": [], "scores": null}', "[" * 100_000])
def test_a_broken_record_of_a_round_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "seed-0-round-1.json").write_text(content)
    unused: Any = None
    with pytest.raises(UserError, match=r"seed-0-round-1\.json: a broken record .*; remove it to train"):
        alternate(Plan(RANKING, TOTALS, True, 0), unused, unused, unused, unused, tmp_path)

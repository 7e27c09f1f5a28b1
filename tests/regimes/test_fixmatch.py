"""FixMatch's and FlexMatch's losses by slow loops, and each trap of the method."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from stages import encoders
from stages.regimes.fixmatch import FixMatch, consistency, cost, flexible, remembered
from stages.regimes.fixmatch import build as build_regime
from stages.training import checkpoint, loop
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from stages.training.optimiser import Optimiser
from tests.blocks import settings
from tests.digits import accuracies
from tests.tiny import CPU, LABELS, make, pictures, small, train

STILL = {"min_area": 1, "brightness": 0, "jitter": 0, "flip": False, "zoom": True}
UNCHANGED = {"operations": 0, "probability": 1, "cutout": 0}
FLEXIBLE = {"thresholds": "flexible", "threshold_warmup": True}


def regime(**changes: Any) -> FixMatch:
    method, _ = make("models", "fixmatch", **({"batch_size": 4, "mu": 3} | changes))
    assert isinstance(method, FixMatch)
    return method


def epoch(labelled: int, shown: int = 60) -> Epoch:
    known = torch.full((60,), -1)
    known[:labelled] = torch.from_numpy(LABELS[:labelled])
    return Epoch(0, torch.arange(shown), known)


def first_batch(method: FixMatch, known: Epoch) -> Batch:
    indices = next(iter(method.sampler(known)))
    return Batch(indices, Images(pictures(), np.arange(60), CPU)[indices], known.labels[indices])


def inputs_of(method: FixMatch) -> list[Tensor]:
    """What the encoder is given, from now on; it has to be in training mode."""
    seen: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor]) -> None:
        assert module.training
        seen.append(inputs[0])

    method.encoder.register_forward_pre_hook(note)
    return seen


# the losses


def test_consistency_by_hand() -> None:
    """Hard labels; the sum over those kept is divided by the number of all."""
    generator = torch.manual_seed(0)
    weak, strong = (4 * torch.randn(40, 5, dtype=torch.float64, generator=generator) for _ in range(2))
    expected, kept = 0.0, 0
    for weak_row, strong_row in zip(weak.numpy(), strong.numpy(), strict=True):
        sure = np.exp(weak_row) / np.exp(weak_row).sum()
        if sure.max() >= 0.8:
            kept += 1
            expected += -math.log(np.exp(strong_row[sure.argmax()]) / np.exp(strong_row).sum())
    assert 5 < kept < 35
    confidence, guess = weak.softmax(1).max(1)
    loss = consistency(strong, guess, confidence >= 0.8)
    assert loss.item() == pytest.approx(expected / 40, rel=1e-12)
    assert consistency(strong, guess, confidence > 1).item() == 0


@pytest.mark.parametrize("threshold_warmup", [True, False])
@pytest.mark.parametrize("guessed_share", [0.0, 0.3, 0.9])
def test_flexible_thresholds_by_hand(threshold_warmup: bool, guessed_share: float) -> None:
    generator = np.random.default_rng(0)
    guessed = generator.choice(5, 200, p=[0.5, 0.2, 0.2, 0.1, 0.0])
    guessed[generator.random(200) >= guessed_share] = -1
    counts = [sum(one == c for one in guessed) for c in range(5)]
    most = max(counts)
    if threshold_warmup:
        most = max(most, sum(one == -1 for one in guessed))
    expected = []
    for count in counts:
        beta = count / most if most else 0
        expected.append(0.95 * beta / (2 - beta))
    found = flexible(torch.from_numpy(guessed), 200, 5, 0.95, threshold_warmup)
    assert found.tolist() == pytest.approx(expected, rel=1e-6)
    if guessed_share:
        # the class best learnt has the whole threshold once the images not guessed at all are few
        assert (found.max().item() == pytest.approx(0.95)) == (not threshold_warmup or guessed_share == 0.9)


def test_images_not_shown_yet_are_not_counted_as_not_guessed() -> None:
    guessed = torch.tensor([0, 0, 1, -1, -1, -1, -1, -1])
    assert flexible(guessed, 4, 2, 1.0, True)[0] == 1
    assert flexible(guessed, 8, 2, 1.0, True)[0] == pytest.approx(0.4 / 1.6)


def test_a_guess_is_remembered_until_a_sure_one_replaces_it() -> None:
    guessed = torch.tensor([-1, 2, 1, -1, 0])
    indices = torch.tensor([0, 1, 2, 3, 3])
    guess, sure = torch.tensor([1, 0, 0, 2, 1]), torch.tensor([True, True, False, True, True])
    assert remembered(guessed, indices, guess, sure).tolist() == [1, 0, 1, 2, 0]
    assert remembered(guessed, indices, guess, torch.zeros(5, dtype=torch.bool)).tolist() == guessed.tolist()


# the step


def test_a_batch_holds_labelled_images_and_mu_times_as_many_of_all() -> None:
    method = regime()
    batches = list(method.sampler(epoch(10)))
    assert len(batches) == 60 // (4 * 3)
    for batch in batches:
        assert len(batch) == 4 + 12 and (batch[:4] < 10).all()
    # the labelled images are among those taken as unlabelled
    assert torch.cat([batch[4:] for batch in batches]).sort().values.tolist() == list(range(60))
    assert len(list(regime(steps=7).sampler(epoch(10)))) == 7
    # images that are not shown are not touched
    assert torch.cat(list(method.sampler(epoch(10, shown=25)))).max() < 25


def test_few_images_are_shown_again_and_again() -> None:
    method = regime(batch_size=8, mu=9, steps=3)
    for batch in method.sampler(epoch(3)):
        assert len(batch) == 8 + 72
        counts = torch.bincount(batch[:8])
        assert len(counts) == 3 and counts.min() >= 1


def test_labelled_weak_and_strong_views_share_one_pass_in_training_mode() -> None:
    still = {"views": STILL, "strong": UNCHANGED | {"cutout": 0.5}}
    method = regime(**still)
    method.train()
    batch, seen = first_batch(method, epoch(10)), inputs_of(method)
    losses = list(method.updates(batch))
    assert len(losses) == 1 and set(losses[0]) == {"labelled", "unlabelled"}
    assert len(seen) == 1 and len(seen[0]) == 4 + 2 * 12
    plain = batch.images.permute(0, 3, 1, 2) / 255
    torch.testing.assert_close(seen[0][:16], plain, atol=1e-6, rtol=0)
    strong = seen[0][16:]
    cut = (strong == 0.5).all(1, keepdim=True)
    assert cut.any((1, 2, 3)).all()
    torch.testing.assert_close(strong.where(~cut, 0), plain[4:].where(~cut, 0), atol=1e-6, rtol=0)


def test_batch_norm_sees_all_three_together() -> None:
    """Its running mean after a step is that of the whole batch."""
    torch.manual_seed(0)
    encoder = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3)
    method = build_regime(encoder, 3, small("models", "fixmatch", batch_size=2, mu=2), 60)
    method.train()
    norm = next(module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d))
    means: list[Tensor] = []
    norm.register_forward_pre_hook(lambda _, inputs: means.append(inputs[0].mean((0, 2, 3))))
    list(method.updates(first_batch(method, epoch(10))))
    assert len(means) == 1
    torch.testing.assert_close(norm.running_mean, 0.1 * means[0])


def test_the_weak_views_name_and_only_the_strong_ones_and_the_labelled_learn() -> None:
    """By hand from the logits of the one pass; no gradient reaches the weak ones' logits."""
    method = regime(threshold=0.5, unlabelled_weight=2.0)
    method.train()
    nn.init.normal_(method.head.weight, std=3)
    batch = first_batch(method, epoch(10))
    kept: list[Tensor] = []

    def note(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    method.head.register_forward_hook(note)
    losses = next(method.updates(batch))
    logits = kept[0]
    told, weak, strong = logits.split([4, 12, 12])
    labels = batch.labels[:4]
    assert (labels >= 0).all()
    assert losses["labelled"].item() == pytest.approx(nn.functional.cross_entropy(told, labels).item())
    sure, guess = weak.softmax(1).max(1)
    chosen = sure >= 0.5
    assert 0 < chosen.sum() < 12
    each = -strong.log_softmax(1)[torch.arange(12), guess]
    assert losses["unlabelled"].item() == pytest.approx(2 * each[chosen].sum().item() / 12, rel=1e-5)
    sum(losses.values()).backward()  # type: ignore[union-attr]
    reached = logits.grad.abs().sum(1) > 0  # type: ignore[union-attr]
    assert reached[:4].all() and not reached[4:16].any() and torch.equal(reached[16:], chosen)
    assert method.encoder.blocks()[0][0].weight.grad is not None  # type: ignore[index]


def test_labels_of_those_taken_as_unlabelled_are_not_used() -> None:
    method = regime(views=STILL, strong=UNCHANGED)
    method.train()
    batch = first_batch(method, epoch(60))
    scrambled = Batch(batch.indices, batch.images, torch.cat([batch.labels[:4], (batch.labels[4:] + 1) % 3]))
    first, other = (next(method.updates(one)) for one in (batch, scrambled))
    assert all(first[name] == other[name] for name in first)


def test_flexible_thresholds_are_those_before_the_step_and_it_is_remembered() -> None:
    method = regime(**FLEXIBLE, threshold=0.5)
    assert "guessed" in method.state_dict() and "guessed" not in regime().state_dict()
    method.train()
    nn.init.normal_(method.head.weight, std=3)
    batch = first_batch(method, epoch(10))
    seen: list[Tensor] = []
    method.head.register_forward_hook(lambda _, __, output: seen.append(output.detach()))
    # nothing is remembered yet, so that all thresholds are 0 and all guesses count
    loss = next(method.updates(batch))["unlabelled"]
    _, weak, strong = seen[0].split([4, 12, 12])
    sure, guess = weak.softmax(1).max(1)
    assert loss.item() == pytest.approx(nn.functional.cross_entropy(strong, guess).item(), rel=1e-5)
    # remembered are those above the whole threshold
    expected = torch.full((60,), -1)
    expected[batch.indices[4:][sure >= 0.5]] = guess[sure >= 0.5]
    assert 0 < (sure >= 0.5).sum() < 12 and torch.equal(method.guessed, expected)
    assert torch.equal(method.thresholds(3), flexible(expected, 60, 3, 0.5, True)) and method.thresholds(3).max() > 0


def test_the_learning_rate_ends_at_a_fifth() -> None:
    rule = Optimiser(name="nesterov", momentum=0.9, weight_decay=0.0005, rate=0.03, decay="cosine_7_16", warmup=0)
    for k in (0, 3, 8, 16):
        assert rule.at(k, 16) == pytest.approx(0.03 * math.cos(7 * math.pi * k / (16 * 16)))
    assert rule.at(16, 16) == pytest.approx(0.195 * 0.03, rel=1e-3)
    method = regime(optimiser=rule.model_dump(), epochs=4)
    assert method.rates(2.0) == {"model": rule.at(2.0, 4)}


# the average


def test_the_average_is_what_is_kept_and_no_gradient_reaches_it() -> None:
    torch.manual_seed(0)
    encoder = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3)
    method = build_regime(encoder, 3, small("models", "fixmatch", batch_size=2, mu=2, ema=0.9), 60)
    method.train()
    kept_encoder, kept_head = method.kept()
    assert isinstance(kept_encoder, encoders.Encoder) and isinstance(kept_head, nn.Linear)
    assert kept_encoder is not method.encoder and kept_head is not method.head
    trained = {id(parameter) for group in method.groups().values() for parameter in group}
    for average in (kept_encoder, kept_head):
        assert all(not p.requires_grad and id(p) not in trained for p in average.parameters())
    # it begins as the model, and follows it
    before = method.head.weight.detach().clone()
    buffers = [buffer.clone() for buffer in kept_encoder.buffers()]
    assert torch.equal(kept_head.weight, before)
    rule = torch.optim.SGD(method.groups()["model"], lr=0.1)
    sum(next(method.updates(first_batch(method, epoch(10)))).values()).backward()  # type: ignore[union-attr]
    rule.step()
    method.after_update(0.0)
    assert not torch.equal(method.head.weight, before)
    torch.testing.assert_close(kept_head.weight, 0.9 * before + 0.1 * method.head.weight.detach())
    for mine, first, other in zip(kept_encoder.buffers(), buffers, method.encoder.buffers(), strict=True):
        expected = 0.9 * first + 0.1 * other if mine.is_floating_point() else other
        torch.testing.assert_close(mine, expected)


# the whole


def test_what_flexmatch_remembers_survives_a_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, history = train("models", "fixmatch", tmp_path / "whole", threshold=0.4, **FLEXIBLE)
    assert (whole.guessed >= 0).any()  # type: ignore[operator]
    real = checkpoint.save

    def save_and_stop(*arguments: Any) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop.checkpoint, "save", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        train("models", "fixmatch", tmp_path / "stopped", threshold=0.4, **FLEXIBLE)
    monkeypatch.undo()
    resumed, rows = train("models", "fixmatch", tmp_path / "stopped", threshold=0.4, **FLEXIBLE)
    one, other = whole.state_dict(), resumed.state_dict()
    assert rows == history and all(torch.equal(one[key], other[key]) for key in one)


def test_it_follows_the_schedule(tmp_path: Path) -> None:
    _, history = train("models", "fixmatch", tmp_path / "a", follows="schedule", **FLEXIBLE)
    assert [row["classes_seen"] for row in history] == [1, 1, 2]


def test_refusals_and_cost() -> None:
    with pytest.raises(ValidationError, match="threshold_warmup"):
        small("models", "fixmatch", threshold_warmup=True)
    assert cost(settings("models", "fixmatch", mu=7)) == 45


@pytest.mark.parametrize("options", [{}, FLEXIBLE])
def test_it_beats_the_probe_on_random_features(options: dict[str, Any], tmp_path: Path) -> None:
    """On the digits, with 5 labels a class, in 60 steps."""
    adam = {"name": "adam", "rate": 0.002, "momentum": 0.9, "weight_decay": 0, "decay": "cosine", "warmup": 0}
    short = {"epochs": 4, "steps": 15, "batch_size": 16, "mu": 2, "optimiser": adam, "ema": 0.9}
    views = {"min_area": 0.75, "brightness": 0.2, "jitter": 0, "flip": False, "zoom": True}
    random, trained = accuracies("models", "fixmatch", tmp_path / "a", **short, views=views, **options)
    assert trained > random

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightly.loss import NegativeCosineSimilarity
from torch import nn
from torch.nn import functional

from stages.pretraining.byol import BYOL, regression, target_momentum
from stages.supervision.exposure import Told
from stages.training.images import Images
from stages.training.loop import Hardware, Row, fit
from stages.training.method import Batch
from tests import paper
from tests.digits import beats_random
from tests.tiny import CPU, LABELS, make, pictures


def four() -> tuple[torch.Tensor, ...]:
    """Predictions from both views, and the targets of both."""
    generator = torch.Generator().manual_seed(3)
    return tuple(torch.randn(7, 5, generator=generator, dtype=torch.float64) for _ in range(4))


def batch(count: int = 16) -> Batch:
    indices = torch.arange(count)
    return Batch(indices, Images(pictures(), np.arange(60), CPU)[indices], torch.full((count,), -1))


# the loss


def test_against_a_slow_loop() -> None:
    """As the paper has it: the squared distance of normalised vectors, the views swapped, and both added."""
    first, second, first_target, second_target = four()
    total = 0.0
    for prediction, target in ((first, second_target), (second, first_target)):
        for p, z in zip(prediction.numpy(), target.numpy(), strict=True):
            p, z = p / np.linalg.norm(p), z / np.linalg.norm(z)
            total += sum((p[k] - z[k]) ** 2 for k in range(5))
    assert regression(first, second, first_target, second_target).item() == pytest.approx(total / 7, 1e-5)


def test_against_lightly() -> None:
    first, second, first_target, second_target = (part.float() for part in four())
    cosine = NegativeCosineSimilarity()
    oracle = 4 + 2 * cosine(first, second_target) + 2 * cosine(second, first_target)
    assert regression(first, second, first_target, second_target).item() == pytest.approx(oracle.item(), 1e-5)


def test_from_nought_for_the_same_to_eight_for_opposites() -> None:
    vectors = four()[0]
    assert regression(vectors, vectors, 3 * vectors, vectors).item() == pytest.approx(0, abs=1e-6)
    assert regression(vectors, vectors, -vectors, -2 * vectors).item() == pytest.approx(8, 1e-6)


def test_half_precision_inputs_are_compared_in_full_precision() -> None:
    half = [part.bfloat16() for part in four()]
    with torch.autocast("cpu", torch.bfloat16):
        loss = regression(*half)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(regression(*(part.float() for part in half)).item(), 1e-6)


def test_it_falls_when_trained() -> None:
    first, second, first_target, second_target = (part.float() for part in four())
    rule = torch.optim.Adam([first.requires_grad_(), second.requires_grad_()], lr=0.05)
    before = regression(first, second, first_target, second_target).item()
    for _ in range(100):
        rule.zero_grad()
        regression(first, second, first_target, second_target).backward()
        rule.step()
    assert regression(first, second, first_target, second_target).item() < before / 10


# gradients and the target


def test_gradients_reach_all_but_the_target() -> None:
    method, _ = make("pretrain", "byol")
    updates = method.updates(batch())
    next(updates)["regression"].backward()
    online = [*method.encoder.parameters(), *method.projector.parameters(), *method.predictor.parameters()]
    assert {id(p) for p in method.groups()["model"]} == {id(p) for p in online}
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in online)
    target = [*method.target_encoder.parameters(), *method.target_projector.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in target)
    assert next(updates, None) is None


def test_each_view_is_predicted_from_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    method, _ = make("pretrain", "byol")
    views = [torch.rand(8, 3, 32, 32) for _ in range(2)]
    given = iter(views)
    monkeypatch.setattr("stages.pretraining.byol.augment", lambda *_: next(given))
    loss = next(method.updates(batch(8)))["regression"].item()
    first, second = (method.predictor(method.projector(method.encoder(view))) for view in views)
    targets = [method.target_projector(method.target_encoder(view)) for view in views]
    assert loss == pytest.approx(regression(first, second, *targets).item(), 1e-5)


def test_the_targets_momentum_rises_from_its_start_to_one() -> None:
    for k in range(11):
        paper = 1 - (1 - 0.99) * (math.cos(math.pi * k / 10) + 1) / 2
        assert target_momentum(0.99, k / 10) == pytest.approx(paper, 1e-12)
    assert target_momentum(0.99, 0) == pytest.approx(0.99) and target_momentum(0.99, 1) == 1


def test_the_target_follows_by_the_fraction_of_all_epochs() -> None:
    method, _ = make("pretrain", "byol", epochs=4, momentum=0.8)
    for epoch, moved in ((0.0, 0.2), (2.0, 0.1), (4.0, 0.0)):
        with torch.no_grad():
            old = [parameter.clone() for parameter in method.target_projector.parameters()]
            for mine, theirs in zip(method.projector.parameters(), old, strict=True):
                mine.copy_(theirs + 1)
        method.after_update(epoch)
        for before, now in zip(old, method.target_projector.parameters(), strict=True):
            assert torch.allclose(now, before + moved, atol=1e-6)


def test_the_target_is_part_of_the_state() -> None:
    keys = make("pretrain", "byol")[0].state_dict().keys()
    assert {"target_encoder.body.conv1.0.weight", "target_projector.1.running_mean"} <= keys


@pytest.mark.parametrize("last", [2, 3])
def test_a_smaller_last_batch(last: int) -> None:
    method, _ = make("pretrain", "byol")
    assert next(method.updates(batch(last)))["regression"].isfinite()


# training


def without_safeguards(path: Path, *, predictor: bool) -> list[Row]:
    """A run whose target is the online network itself, with or without the predictor. The projector is one layer:
    one with batch norm collapses alone, in its last layer, and leaves the encoder behind it as it was. The rate is so
    low that rounding, which differs by processor, decides nothing."""
    falling = {"name": "adam", "rate": 0.005, "momentum": 0.9, "weight_decay": 0.1, "decay": "constant", "warmup": 0}
    method, world = make("pretrain", "byol", epochs=5, momentum=0, projection=[32], optimiser=falling)
    if not predictor:
        method.predictor = nn.Identity()
    images = Images(pictures(), np.arange(60), CPU)
    hardware = Hardware(CPU, half=False, compile=False)
    return fit(method, images, Told(LABELS, world), world, seed=0, hardware=hardware, resume=path)


def test_collapse_without_a_predictor_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = without_safeguards(tmp_path / "a", predictor=False)
    assert history[-1]["spread"] < 0.02 and history[-1]["loss"] < 0.01
    assert ": embedding spread" in capsys.readouterr().err


def test_the_predictor_is_what_keeps_it_from_collapse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history = without_safeguards(tmp_path / "a", predictor=True)
    # of the projections, which begin close together and move apart; 0.77 and more with four seeds, 0.002 without it
    assert history[-1]["spread"] > 0.4
    assert "embedding spread" not in capsys.readouterr().err


def test_it_beats_random_features_on_digits(tmp_path: Path) -> None:
    views = {"min_area": 0.5, "brightness": 0.3, "jitter": 0.1, "flip": False, "zoom": True}
    assert beats_random("pretrain", "byol", tmp_path / "a", epochs=2, batch_size=64, views=views)


def test_a_run_is_the_papers_loop(tmp_path: Path) -> None:
    """Grill et al. 2020, algorithm 1, with the momentum of its section 3.3."""
    start, losses = paper.run("byol", tmp_path / "a", batch_norm=True, momentum=0.9)
    assert isinstance(start, BYOL)
    online, predictor = nn.Sequential(start.encoder, start.projector), start.predictor
    target, images, found = copy.deepcopy(online), paper.images(), []
    for step, rule in paper.steps([*online.parameters(), *predictor.parameters()]):
        with torch.no_grad():
            wanted = functional.normalize(target(images), dim=1)
        loss = torch.zeros(())
        for _ in range(2):
            predicted = functional.normalize(predictor(online(images)), dim=1)
            loss = loss + (predicted - wanted).square().sum(1).mean()
        loss.backward()
        rule.step()
        found.append(loss.item())
        tau = 1 - (1 - 0.9) * (math.cos(math.pi * step / paper.STEPS) + 1) / 2
        for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
            slow.data = tau * slow.data + (1 - tau) * fast.data
    assert losses == pytest.approx(found, rel=1e-4)
    assert losses[-1] < losses[0] - 0.1

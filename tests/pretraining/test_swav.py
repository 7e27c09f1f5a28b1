import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightly.loss import SwaVLoss
from torch import nn
from torch.nn import functional

from stages import encoders
from stages.base.errors import UserError
from stages.pretraining import swav
from stages.pretraining._sinkhorn import sinkhorn
from stages.pretraining.swav import SwAV, swapped
from stages.training.augmentation import Views, augment, plain
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from tests import paper
from tests.digits import beats_random
from tests.tiny import CPU, make, pictures, small, train

SMALL = {"number": 2, "min_area": 0.1, "max_area": 0.3, "pixels": None}
ALL = torch.full((60,), -1)


def method(epoch: int = 9, **changes: Any) -> SwAV:
    """At the beginning of an epoch, by default one when prototypes move and the queue is used."""
    made, _ = make("pretrain", "swav", **{"prototypes": 8, "queue": 20} | changes)
    assert isinstance(made, SwAV)
    begin(made, epoch)
    return made


def begin(made: SwAV, epoch: int) -> None:
    made.begin_epoch(Epoch(epoch, torch.arange(60), ALL), None)


def batch(n: int = 16) -> Batch:
    images = Images(pictures(), np.arange(60), CPU)
    return Batch(torch.arange(n), images[torch.arange(n)], ALL[:n])


def of_views(views: int, n: int = 6, prototypes: int = 5) -> torch.Tensor:
    return torch.rand(views, n, prototypes, generator=torch.manual_seed(1), dtype=torch.float64) * 2 - 1


def slow(scores: np.ndarray, targets: np.ndarray, temperature: float) -> list[float]:
    """The loss of each pair of an assignment and another view, term by term."""
    losses = []
    for t in range(len(targets)):
        for v in range(len(scores)):
            if v == t:
                continue
            total = 0.0
            for q, z in zip(targets[t], scores[v], strict=True):
                below = sum(math.exp(value / temperature) for value in z)
                total -= sum(q[k] * math.log(math.exp(z[k] / temperature) / below) for k in range(len(z)))
            losses.append(total / scores.shape[1])
    return losses


@pytest.mark.parametrize("views", [2, 4])
def test_the_loss_against_a_slow_loop(views: int) -> None:
    scores = of_views(views)
    targets = sinkhorn(scores[:2], 0.05, 3)
    losses = slow(scores.numpy(), targets.numpy(), 0.1)
    assert len(losses) == 2 * (views - 1)
    assert swapped(scores, targets, 0.1, "sum").item() == pytest.approx(sum(losses), 1e-5)
    assert swapped(scores, targets, 0.1, "mean").item() == pytest.approx(sum(losses) / len(losses), 1e-5)


@pytest.mark.parametrize("views", [2, 5])
def test_loss_and_queue_against_lightly(views: int) -> None:
    scores, queue = of_views(views).float(), of_views(2, 9).float().flip(0)
    targets = sinkhorn(torch.cat([scores[:2], queue], dim=1), 0.05, 3)[:, :6]
    oracle = SwaVLoss()(list(scores[:2]), list(scores[2:]), list(queue))
    assert swapped(scores, targets, 0.1, "mean").item() == pytest.approx(oracle.item(), 1e-5)


def test_gradients_flow_through_predictions_alone_and_from_all_views() -> None:
    scores, targets = of_views(3).requires_grad_(), sinkhorn(of_views(2), 0.05, 3).requires_grad_()
    swapped(scores, targets, 0.1, "mean").backward()
    assert targets.grad is None and scores.grad is not None
    assert (scores.grad.abs().sum((1, 2)) > 0).all()


def test_it_falls_when_trained() -> None:
    scores = of_views(2).requires_grad_()
    rule = torch.optim.Adam([scores], lr=0.05)
    losses = []
    for _ in range(50):
        loss = swapped(scores, sinkhorn(scores, 0.05, 3), 0.1, "mean")
        losses.append(loss.item())
        rule.zero_grad()
        loss.backward()
        rule.step()
    assert losses[-1] < losses[0] / 3


def test_where_all_images_are_one_the_loss_is_ln_k() -> None:
    alike = torch.zeros(2, 6, 5)
    assert swapped(alike, sinkhorn(alike, 0.05, 3), 0.1, "mean").item() == pytest.approx(math.log(5))


@pytest.mark.parametrize("small_crops", [None, SMALL])
def test_gradients_reach_encoder_head_and_prototypes(small_crops: dict[str, Any] | None) -> None:
    made = method(small_crops=small_crops)
    updates = made.updates(batch())
    next(updates)["swap"].backward()
    # without a bias before batch norm, nothing is left without a gradient
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in made.parameters())
    assert next(updates, None) is None


def test_prototypes_have_length_one_at_the_start_and_after_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths, real = [method().prototypes.norm(dim=1)], SwAV.after_update

    def after_update(self: SwAV, epoch: float) -> None:
        real(self, epoch)
        lengths.append(self.prototypes.detach().norm(dim=1))

    monkeypatch.setattr(SwAV, "after_update", after_update)
    train("pretrain", "swav", tmp_path / "a", prototypes=8)
    assert len(lengths) == 1 + 3 * 4
    torch.testing.assert_close(torch.stack(lengths), torch.ones(len(lengths), 8))


def test_prototypes_stay_as_drawn_in_the_first_epochs(tmp_path: Path) -> None:
    """Even with weight decay, which would shrink them without a gradient."""
    decay = small("pretrain", "swav").optimiser.model_dump() | {"weight_decay": 0.1}
    first = method().prototypes
    for epochs, same in ((2, True), (3, False)):
        made, _ = train(
            "pretrain", "swav", tmp_path / str(epochs), epochs=epochs, freeze_epochs=2, prototypes=8, optimiser=decay
        )
        assert torch.equal(made.prototypes, first) == same


def test_the_queue_holds_the_newest_projections_of_each_view() -> None:
    made = method(queue=5)
    one, other, third = (torch.full((2, 2, 128), value) for value in (1.0, 2.0, 3.0))
    one[1] = -1
    for added, held in ((one, 2), (other, 4), (third, 5)):
        made._enqueue(added)
        assert made.queued == held
    assert made.queue[:, :, 0].tolist() == [[3, 3, 2, 2, 1], [3, 3, 2, 2, -1]]
    made._enqueue(torch.arange(14.0).view(2, 7, 1).expand(-1, -1, 128))
    assert made.queue[0, :, 0].tolist() == [0, 1, 2, 3, 4]


def test_the_queue_balances_from_its_epoch_on_as_far_as_it_is_filled() -> None:
    made = method(epoch=3, queue=20, queue_epoch=4, epsilon=0.05)
    scores, earlier = of_views(2, 6, 8).float(), functional.normalize(torch.randn(2, 7, 128), dim=2)
    alone = sinkhorn(scores, 0.05, 3)
    made._enqueue(earlier)
    torch.testing.assert_close(made._assign(scores), alone)
    begin(made, 4)
    together = sinkhorn(torch.cat([scores, earlier @ made.prototypes.detach().T], dim=1), 0.05, 3)[:, :6]
    assert not torch.allclose(together, alone, atol=1e-3)
    torch.testing.assert_close(made._assign(scores), together)


def test_the_queue_survives_in_the_state() -> None:
    made, other = method(), method()
    next(made.updates(batch()))
    assert made.queue.abs().sum() > 0 and made.queue[:, 16:].abs().sum() == 0
    other.load_state_dict(made.state_dict())
    begin(other, 9)
    torch.testing.assert_close(other._assign(of_views(2, 6, 8).float()), made._assign(of_views(2, 6, 8).float()))


def test_a_step_does_not_meet_itself_in_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(swav, "sinkhorn", lambda scores, *rest: seen.append(scores.shape[1]) or sinkhorn(scores, *rest))
    made = method(queue=20)
    for _ in range(3):
        next(made.updates(batch()))
    assert seen == [16, 16 + 16, 16 + 20]


def test_assignments_and_loss_are_in_full_precision_within_autocast() -> None:
    made = method()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = next(made.updates(batch()))
    assert losses["swap"].dtype == made.queue.dtype == torch.float32
    torch.testing.assert_close(made.queue[:, :16].norm(dim=2), torch.ones(2, 16))
    # nothing of the context is left behind by a generator that stands still
    assert not torch.is_autocast_enabled("cpu")


def test_uniform_assignments_collapse_and_are_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a huge epsilon every prototype is as good as any other, and the loss sits at ln K."""
    rule = {"name": "adam", "rate": 0.003, "momentum": 0.9, "weight_decay": 0.1, "decay": "constant", "warmup": 0}
    common = {"epochs": 6, "prototypes": 16, "queue": 0, "projection": [64], "freeze_epochs": 0, "optimiser": rule}
    _, rows = train("pretrain", "swav", tmp_path / "a", epsilon=1000.0, **common)
    assert rows[-1]["spread"] < 0.02 and rows[-1]["loss"] == pytest.approx(math.log(16), abs=0.02)
    assert "spread" in capsys.readouterr().err
    _, rows = train("pretrain", "swav", tmp_path / "b", **common)
    assert rows[-1]["spread"] > 0.1 and "spread" not in capsys.readouterr().err


def test_small_crops_only_predict(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def seen(scores: torch.Tensor, targets: torch.Tensor, *rest: Any) -> torch.Tensor:
        shapes.append((tuple(scores.shape), tuple(targets.shape)))
        return swapped(scores, targets, *rest)

    monkeypatch.setattr(swav, "swapped", seen)
    next(method(small_crops=SMALL).updates(batch()))
    assert shapes == [((4, 16, 8), (2, 16, 8))]


def test_small_crops_are_of_a_size_that_the_encoder_takes() -> None:
    settings = small("pretrain", "swav", small_crops=SMALL | {"pixels": 16})
    net = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3)
    made = swav.build(net, settings, 60)
    sizes = []
    net.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape)))
    next(made.updates(batch(2)))
    assert sizes == [(4, 3, 32, 32), (4, 3, 16, 16)]
    for name in ("conv4", "vgg16"):
        with pytest.raises(UserError, match=rf"small_crops.pixels=16: encoder {name} .* null"):
            swav.build(encoders.build(name, 32, [0.5] * 3, [0.25] * 3), settings, 60)


def test_a_small_crop_of_half_the_size_is_the_mean_of_two_by_two() -> None:
    still = Views(min_area=1, brightness=0, jitter=0, flip=False, zoom=True)
    halved = augment(batch(3).images, still, size=16)
    assert halved.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(halved, functional.avg_pool2d(plain(batch(3).images), 2), atol=1e-5, rtol=0)


def test_small_crops_keep_between_the_least_and_the_largest_area() -> None:
    """Columns of a ramp, seen through a window of that side, differ by the side."""
    ramp = torch.arange(32, dtype=torch.uint8).mul(8)[None, None, :, None].expand(300, 32, 32, 3)
    narrow = Views(min_area=0.09, brightness=0, jitter=0, flip=False, zoom=True)
    torch.manual_seed(0)
    views = augment(ramp, narrow, max_area=0.25)[:, 0, 16] * 255 / 8
    step = views.diff(dim=1).abs().median(1).values
    assert 0.3 - 1e-3 < step.min() < 0.32 and 0.48 < step.max() < 0.5 + 1e-3


def test_areas_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"min_area=0.5 is above max_area=0.3"):
        swav.SmallCrops(number=2, min_area=0.5, max_area=0.3, pixels=None)


def test_cost_counts_small_crops() -> None:
    assert swav.cost(small("pretrain", "swav")) == 6
    assert swav.cost(small("pretrain", "swav", small_crops=SMALL)) == 12


def test_it_beats_random_features_on_digits(tmp_path: Path) -> None:
    assert beats_random(
        "pretrain", "swav", tmp_path / "a", epochs=2, batch_size=64, prototypes=64, queue=256, queue_epoch=1
    )


def test_a_run_is_the_papers_loop(tmp_path: Path) -> None:
    """Caron et al. 2020, algorithm 1, with a queue from the second step on, and prototypes that move from there on."""
    options = {"prototypes": 8, "queue": 60, "queue_epoch": 1, "freeze_epochs": 1, "pairs": "sum", "small_crops": None}
    start, losses = paper.run("swav", tmp_path / "a", batch_norm=True, epsilon=0.05, temperature=0.1, **options)
    assert isinstance(start, SwAV)
    head, images, found = nn.Sequential(start.encoder, start.projection), paper.images(), []
    prototypes, queue = nn.Parameter(start.prototypes.detach().clone()), torch.zeros(0, start.prototypes.shape[1])
    for step, rule in paper.steps([*head.parameters(), prototypes]):
        with torch.no_grad():
            prototypes.copy_(functional.normalize(prototypes, dim=1))
        vectors = functional.normalize(head(torch.cat([images, images])), dim=1)
        scores = vectors @ prototypes.T
        with torch.no_grad():
            shares = (torch.cat([scores[:60], queue @ prototypes.T]) / 0.05).double().exp()
            for _ in range(start.settings.iterations):
                shares /= shares.sum(0)
                shares /= shares.sum(1, keepdim=True)
            targets = shares[:60].float()
        loss = -2 * (targets * (scores[60:] / 0.1).log_softmax(1)).sum(1).mean()
        loss.backward()
        if step == 0:
            prototypes.grad = None
        rule.step()
        found.append(loss.item())
        queue = vectors[:60].detach()
    assert losses == pytest.approx(found, rel=1e-3)
    assert losses[-1] != pytest.approx(losses[0], rel=1e-2)

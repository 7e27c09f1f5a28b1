import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from lightly.loss import NTXentLoss
from torch import nn
from torch.nn import functional

from stages import encoders
from stages.pretraining._split_norm import SplitBatchNorm
from stages.pretraining.moco import MoCo, Queue, info_nce
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from tests import paper
from tests.blocks import settings
from tests.digits import beats_random
from tests.tiny import CPU, make, pictures, train


def vectors(n: int, d: int = 5, seed: int = 3) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def unit(n: int, seed: int) -> torch.Tensor:
    return functional.normalize(vectors(n, seed=seed), dim=1)


def batch(count: int = 16) -> Batch:
    indices = torch.arange(count)
    return Batch(indices, Images(pictures(), np.arange(60), CPU)[indices], torch.full((count,), -1))


def on_resnet(**changes: object) -> MoCo:
    """A MoCo of a net with batch norm, with queries and keys by the same weights."""
    torch.manual_seed(0)
    encoder = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3)
    chosen = settings("pretrain", "moco", batch_size=16, **changes)
    return MoCo(encoder, chosen, 60).train()


def norms(module: nn.Module) -> set[type]:
    kinds = (nn.BatchNorm2d, SplitBatchNorm)
    return {type(layer) for layer in module.modules() if isinstance(layer, kinds)}


# the loss


@pytest.mark.parametrize("temperature", [0.07, 0.5])
def test_against_a_slow_loop(temperature: float) -> None:
    queries, keys, queue = vectors(7), vectors(7, seed=4), unit(11, seed=5)
    total = 0.0
    for q, own in zip(queries.numpy(), keys.numpy(), strict=True):
        q, own = q / np.linalg.norm(q), own / np.linalg.norm(own)
        above = math.exp(q @ own / temperature)
        total -= math.log(above / (above + sum(math.exp(q @ k / temperature) for k in queue.numpy())))
    assert info_nce(queries, keys, queue, temperature).item() == pytest.approx(total / 7, 1e-5)


def test_against_lightly() -> None:
    queries, keys, queue = vectors(7).float(), vectors(7, seed=4).float(), unit(11, seed=5).float()
    oracle = NTXentLoss(temperature=0.2, memory_bank_size=(11, 5))
    oracle.memory_bank.bank = queue
    assert info_nce(queries, keys, queue, 0.2).item() == pytest.approx(oracle(queries, keys).item(), 1e-5)


def test_half_precision_inputs_are_compared_in_full_precision() -> None:
    queries, keys, queue = vectors(7).bfloat16(), vectors(7, seed=4).bfloat16(), unit(11, seed=5).float()
    with torch.autocast("cpu", torch.bfloat16):
        half = info_nce(queries, keys, queue, 0.05)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(info_nce(queries.float(), keys.float(), queue, 0.05).item(), 1e-6)


def test_it_falls_when_trained() -> None:
    queries, keys, queue = vectors(7).float().requires_grad_(), vectors(7, seed=4).float(), unit(11, seed=5).float()
    rule = torch.optim.Adam([queries], lr=0.05)
    before = info_nce(queries, keys, queue, 0.2).item()
    for _ in range(50):
        rule.zero_grad()
        info_nce(queries, keys, queue, 0.2).backward()
        rule.step()
    assert info_nce(queries, keys, queue, 0.2).item() < before / 3


# the queue


def test_the_queue_is_first_in_first_out_when_its_size_is_no_multiple_of_the_batch() -> None:
    torch.manual_seed(0)
    queue = Queue(10, 5)
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(10))
    pushed = unit(23, seed=6).float()
    for part in pushed.split(4):  # the last has 3
        queue.push(part)
    assert {tuple(key) for key in queue.keys.tolist()} == {tuple(key) for key in pushed[-10:].tolist()}
    assert queue.cursor.item() == 23 % 10
    # the next goes to the place of the oldest
    queue.push(pushed[:1])
    assert tuple(pushed[13].tolist()) not in {tuple(key) for key in queue.keys.tolist()}


def test_of_a_batch_larger_than_the_queue_the_last_keys_stay() -> None:
    queue = Queue(4, 5)
    pushed = unit(11, seed=6).float()
    queue.push(pushed[:2])
    queue.push(pushed[2:])
    assert {tuple(key) for key in queue.keys.tolist()} == {tuple(key) for key in pushed[-4:].tolist()}
    assert torch.equal(queue.keys[queue.cursor], pushed[-4])


def test_queue_and_cursor_are_part_of_the_state() -> None:
    method, _ = make("pretrain", "moco")
    assert {"queue.keys", "queue.cursor", "key_encoder.body.conv1.0.weight"} <= method.state_dict().keys()


def test_it_holds_no_more_keys_than_the_pool_has_images() -> None:
    assert len(make("pretrain", "moco", queue=4096)[0].queue.keys) == 60
    assert len(make("pretrain", "moco", queue=40)[0].queue.keys) == 40


def test_it_is_filled_with_keys_of_images_shown_before_the_first_epoch_only() -> None:
    method, _ = make("pretrain", "moco", batch_size=16)
    asked: list[torch.Tensor] = []

    class Watched(Images):
        def __getitem__(self, indices: torch.Tensor) -> torch.Tensor:
            asked.append(indices)
            return super().__getitem__(indices)

    images = Watched(pictures(), np.arange(60), CPU)
    shown = torch.arange(0, 60, 3)
    before = method.queue.keys.clone()
    method.begin_epoch(Epoch(1, shown, torch.full((60,), -1)), images)
    assert torch.equal(method.queue.keys, before)
    method.begin_epoch(Epoch(0, shown, torch.full((60,), -1)), images)
    assert not (method.queue.keys == before).all(1).any()
    assert set(torch.cat(asked).tolist()) == set(shown.tolist())


@pytest.mark.parametrize("symmetric", [False, True])
def test_keys_enter_the_queue_after_the_step_from_one_side_or_both(symmetric: bool) -> None:
    method, _ = make("pretrain", "moco", symmetric=symmetric, queue=40)
    before = method.queue.keys.clone()
    updates = method.updates(batch(7))
    next(updates)["contrast"].backward()
    assert torch.equal(method.queue.keys, before)
    assert next(updates, None) is None
    changed = (method.queue.keys != before).any(1)
    assert changed.sum() == (14 if symmetric else 7) and changed[: changed.sum()].all()
    assert torch.allclose(method.queue.keys.norm(dim=1), torch.ones(40))


def test_symmetric_adds_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    method, _ = make("pretrain", "moco", symmetric=True)
    views = [torch.rand(8, 3, 32, 32) for _ in range(2)]
    given = iter(views)
    monkeypatch.setattr("stages.pretraining.moco.augment", lambda *_: next(given))
    loss = next(method.updates(batch(8)))["contrast"]
    expected = 0.0
    for asking, asked in (views, views[::-1]):
        queries = method.projection(method.encoder(asking))
        keys = method.key_projection(method.key_encoder(asked))
        expected += info_nce(queries, keys, method.queue.keys, method.settings.temperature).item()
    assert loss.item() == pytest.approx(expected, 1e-5)


# gradients and the twin


@pytest.mark.parametrize("symmetric", [False, True])
def test_gradients_reach_encoder_and_head_and_not_the_twin(symmetric: bool) -> None:
    method, _ = make("pretrain", "moco", symmetric=symmetric)
    next(method.updates(batch()))["contrast"].backward()
    asking = [*method.encoder.parameters(), *method.projection.parameters()]
    assert {id(p) for p in method.groups()["model"]} == {id(p) for p in asking}
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in asking)
    twin = [*method.key_encoder.parameters(), *method.key_projection.parameters()]
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in twin)


def test_the_twin_follows_after_a_step() -> None:
    method, _ = make("pretrain", "moco", momentum=0.9)
    with torch.no_grad():
        old = [parameter.clone() for parameter in method.key_encoder.parameters()]
        for parameter in method.encoder.parameters():
            parameter.add_(1.0)
    method.after_update(0.5)
    for before, now in zip(old, method.key_encoder.parameters(), strict=True):
        assert torch.allclose(now, before + 0.1, atol=1e-6)


# batch norm


@pytest.mark.parametrize(
    ("batch_norm", "queries", "keys"),
    [
        ("plain", nn.BatchNorm2d, nn.BatchNorm2d),
        ("shuffled", nn.BatchNorm2d, SplitBatchNorm),
        ("split", SplitBatchNorm, SplitBatchNorm),
    ],
)
def test_what_normalises_queries_and_keys(batch_norm: str, queries: type, keys: type) -> None:
    method = on_resnet(batch_norm=batch_norm, splits=4)
    assert norms(method.encoder) == {queries} and norms(method.key_encoder) == {keys}
    plain = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3)
    assert method.encoder.state_dict().keys() == plain.state_dict().keys()
    plain.load_state_dict(method.encoder.state_dict())
    views = torch.rand(6, 3, 32, 32)
    assert torch.equal(method.encoder.eval()(views), plain.eval()(views))


def test_keys_are_shuffled_into_groups_and_put_back() -> None:
    """Against the groups encoded one by one, by a net with plain batch norm."""
    method = on_resnet(batch_norm="shuffled", splits=4)
    plain = encoders.build("resnet18", 32, [0.5] * 3, [0.25] * 3).train()
    plain.load_state_dict(method.encoder.state_dict())
    views = torch.rand(16, 3, 32, 32)
    torch.manual_seed(5)
    order = torch.randperm(16)
    assert not torch.equal(order, torch.arange(16))
    expected = torch.empty(16, 128)
    with torch.no_grad():
        for group in order.split(4):
            expected[group] = functional.normalize(method.projection(plain(views[group])), dim=1)
    torch.manual_seed(5)
    assert torch.allclose(method.keys(views), expected, atol=1e-4)


def test_only_plain_batch_norm_lets_the_same_views_agree() -> None:
    """The statistics that a query shares with its key are what gives the key away."""
    views = torch.rand(8, 3, 32, 32)
    for batch_norm, leaks in (("plain", True), ("shuffled", False), ("split", False)):
        method = on_resnet(batch_norm=batch_norm, splits=2)
        with torch.no_grad():
            queries = functional.normalize(method.projection(method.encoder(views)), dim=1)
        assert torch.allclose(queries, method.keys(views), atol=1e-4) == leaks, batch_norm


@pytest.mark.parametrize("last", [2, 13])
def test_a_smaller_last_batch(last: int) -> None:
    updates = on_resnet(batch_norm="split", splits=8, symmetric=False).updates(batch(last))
    assert next(updates)["contrast"].isfinite() and next(updates, None) is None


def test_splits_must_leave_two_images_a_group() -> None:
    with pytest.raises(ValueError, match="splits 16 must be at most half of batch_size 16"):
        settings("pretrain", "moco", batch_size=16, batch_norm="split", splits=16)
    settings("pretrain", "moco", batch_size=16, batch_norm="plain", splits=16)


# training


def test_collapse_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without contrast, which a high temperature is, weight decay has its way."""
    falling = {"name": "adam", "rate": 0.01, "momentum": 0.9, "weight_decay": 0.1, "decay": "constant", "warmup": 0}
    _, history = train("pretrain", "moco", tmp_path / "a", epochs=6, temperature=1000.0, optimiser=falling)
    assert history[-1]["spread"] < 0.02
    assert ": embedding spread" in capsys.readouterr().err


def test_it_beats_random_features_on_digits(tmp_path: Path) -> None:
    views = {"min_area": 0.5, "brightness": 0.3, "jitter": 0.1, "flip": False, "zoom": True}
    assert beats_random("pretrain", "moco", tmp_path / "a", epochs=2, batch_size=64, views=views, symmetric=False)


@pytest.mark.parametrize("symmetric", [False, True])
def test_a_run_is_the_papers_loop(symmetric: bool, tmp_path: Path) -> None:
    """He et al. 2020, algorithm 1, on a queue that holds the last step's keys; of both sides, those of the later."""
    start, losses = paper.run("moco", tmp_path / "a", momentum=0.5, queue=60, symmetric=symmetric, temperature=0.2)
    assert isinstance(start, MoCo)
    asks, images, found = nn.Sequential(start.encoder, start.projection), paper.images(), []
    answers = copy.deepcopy(asks)
    queue = functional.normalize(answers(images), dim=1).detach()
    for _, rule in paper.steps(list(asks.parameters())):
        keys = functional.normalize(answers(images), dim=1).detach()
        queries = functional.normalize(asks(images), dim=1)
        logits = torch.cat([(queries * keys).sum(1, keepdim=True), queries @ queue.T], dim=1) / 0.2
        loss = functional.cross_entropy(logits, torch.zeros(60, dtype=torch.int64)) * (1 + symmetric)
        loss.backward()
        rule.step()
        found.append(loss.item())
        queue = keys
        for slow, fast in zip(answers.parameters(), asks.parameters(), strict=True):
            slow.data = 0.5 * slow.data + 0.5 * fast.data
    assert losses == pytest.approx(found, rel=1e-4)
    assert losses[-1] != pytest.approx(losses[0], rel=1e-3)

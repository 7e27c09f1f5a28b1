"""System A's five updates: each against a slow loop that follows the text word by word, and within gradual."""

from __future__ import annotations

import math
import typing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.regimes import _sandbox as sandbox
from stages.regimes.gradual import Gradual, cost
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from stages.training.spread import COLLAPSED, spread
from tests import test_contracts as contracts
from tests.tiny import CPU, LABELS, make, pictures, small, train

NAMES: list[sandbox.Sandbox] = list(typing.get_args(sandbox.Sandbox))
CLASSES = 5


def encodings(seed: int = 0, scale: float = 1.0) -> tuple[Tensor, Tensor, Tensor, nn.Linear]:
    """Labelled [7, 4] of classes 0, 1 and 4 of five, unlabelled [9, 4], and a probe; float64."""
    generator = torch.Generator().manual_seed(seed)
    labelled, unlabelled = (torch.randn(n, 4, generator=generator, dtype=torch.float64) * scale for n in (7, 9))
    probe = nn.Linear(4, CLASSES).double()
    return labelled.requires_grad_(), torch.tensor([1, 0, 4, 4, 0, 1, 1]), unlabelled.requires_grad_(), probe


def dot(first: Tensor, second: Tensor) -> float:
    return sum(a * b for a, b in zip(first.tolist(), second.tolist(), strict=True))


def softmax(values: dict[int, float]) -> dict[int, float]:
    largest = max(values.values())
    exponents = {key: math.exp(value - largest) for key, value in values.items()}
    return {key: value / sum(exponents.values()) for key, value in exponents.items()}


def pooled(labelled: Tensor, unlabelled: Tensor, attend: bool) -> list[list[float]]:
    """The meta point of each labelled encoding: by softmax, or by the similarity itself."""
    points = []
    for one in labelled:
        similarity = {j: dot(one, other) / math.sqrt(len(one)) for j, other in enumerate(unlabelled)}
        weights = softmax(similarity) if attend else {j: value / len(unlabelled) for j, value in similarity.items()}
        points.append([sum(weights[j] * unlabelled[j, k].item() for j in weights) for k in range(len(one))])
    return points


def classified(points: list[list[float]], labels: Tensor, probe: nn.Linear) -> float:
    total = 0.0
    for point, label in zip(points, labels.tolist(), strict=True):
        row = [
            sum(w * x for w, x in zip(weights, point, strict=True)) + bias
            for weights, bias in zip(probe.weight.tolist(), probe.bias.tolist(), strict=True)
        ]
        total -= math.log(softmax(dict(enumerate(row)))[label])
    return total / len(points)


def reclassified(labelled: Tensor, labels: Tensor, unlabelled: Tensor) -> dict[int, float]:
    """The loss of each class present."""
    present = sorted(set(labels.tolist()))
    members = {c: [labelled[i] for i in range(len(labelled)) if labels[i] == c] for c in present}
    soft = [
        softmax({c: sum(dot(other, one) for one in members[c]) / len(members[c]) for c in present})
        for other in unlabelled
    ]
    losses = {}
    for label in present:
        of_class = []
        for one in members[label]:
            logits = {
                c: sum(soft[j][c] * dot(one, other) for j, other in enumerate(unlabelled)) / len(unlabelled)
                for c in present
            }
            of_class.append(-math.log(softmax(logits)[label]))
        losses[label] = sum(of_class) / len(of_class)
    return losses


@pytest.mark.parametrize("seed", range(3))
def test_soft_lookup_by_the_text(seed: int) -> None:
    labelled, labels, unlabelled, probe = encodings(seed)
    slow = classified(pooled(labelled, unlabelled, attend=True), labels, probe)
    assert sandbox.soft_lookup(labelled, labels, unlabelled, probe).item() == pytest.approx(slow, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_reclassification_by_the_text(seed: int) -> None:
    labelled, labels, unlabelled, _ = encodings(seed)
    slow = reclassified(labelled, labels, unlabelled)
    found = sandbox.reclassify(labelled, labels, unlabelled, CLASSES)
    assert found.tolist() == pytest.approx([slow.get(c, 0) for c in range(CLASSES)], rel=1e-10)
    shares = {c: labels.tolist().count(c) / len(labels) for c in slow}
    weighted = sandbox.reclassify_weighted(labelled, labels, unlabelled, CLASSES)
    assert weighted.item() == pytest.approx(sum(shares[c] * slow[c] for c in slow), rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_meta_reclassification_by_the_text(seed: int) -> None:
    labelled, labels, unlabelled, probe = encodings(seed)
    slow = classified(pooled(labelled, unlabelled, attend=False), labels, probe)
    assert sandbox.meta_reclassify(labelled, labels, unlabelled, probe).item() == pytest.approx(slow, rel=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_meta_distance_by_the_text(seed: int) -> None:
    labelled, labels, unlabelled, _ = encodings(seed)
    points = pooled(labelled, unlabelled, attend=True)
    distances = [math.dist(one, meta) for one, meta in zip(labelled.tolist(), points, strict=True)]
    slow = sum(map(math.log, distances)) / len(labelled)
    assert sandbox.meta_distance(labelled, unlabelled).item() == pytest.approx(slow, abs=1e-4)
    code = sandbox.loss("meta_distance_code", labelled, labels, unlabelled, CLASSES, None)
    assert code.item() == -sandbox.meta_distance(labelled, unlabelled).item()


def distance(labelled: Tensor, unlabelled: Tensor) -> float:
    meta = (labelled @ unlabelled.T / 2).softmax(1) @ unlabelled
    return (labelled - meta).norm(dim=1).mean().item()


@pytest.mark.parametrize(("name", "closer"), [("meta_distance", True), ("meta_distance_code", False)])
def test_the_text_draws_together_and_the_code_pushes_apart(name: sandbox.Sandbox, closer: bool) -> None:
    labelled, labels, unlabelled, _ = encodings()
    before = distance(labelled, unlabelled)
    rule = torch.optim.SGD([labelled, unlabelled], lr=0.05)
    for _ in range(10):
        rule.zero_grad()
        sandbox.loss(name, labelled, labels, unlabelled, CLASSES, None).sum().backward()
        rule.step()
    assert (distance(labelled, unlabelled) < before) == closer


@pytest.mark.parametrize("name", NAMES)
def test_a_gradient_reaches_both_kinds_of_encodings_and_the_probe(name: sandbox.Sandbox) -> None:
    labelled, labels, unlabelled, probe = encodings()
    sandbox.loss(name, labelled, labels, unlabelled, CLASSES, probe).sum().backward()
    for encoding in (labelled, unlabelled) if name != "idle" else ():
        assert encoding.grad is not None and encoding.grad.isfinite().all() and encoding.grad.any(1).all()
    assert (probe.weight.grad is not None) == (name in sandbox.PROBED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.0, 1e-4, 30.0])
def test_numbers_stay_finite(name: sandbox.Sandbox, scale: float) -> None:
    """In float32, where all encodings are one point, and where products are in the thousands."""
    labelled, labels, unlabelled, probe = encodings(scale=scale)
    labelled, unlabelled, probe = labelled.detach().float().requires_grad_(), unlabelled.detach().float(), probe.float()
    loss = sandbox.loss(name, labelled, labels, unlabelled, CLASSES, probe)
    loss.sum().backward()
    assert loss.isfinite().all() and labelled.grad is not None and labelled.grad.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_one_image_of_each_kind_is_enough(name: sandbox.Sandbox) -> None:
    labelled, labels, unlabelled, probe = encodings()
    loss = sandbox.loss(name, labelled[:1], labels[:1], unlabelled[:1], CLASSES, probe)
    loss.sum().backward()
    assert loss.isfinite().all() and labelled.grad is not None and labelled.grad.isfinite().all()


@pytest.mark.parametrize("name", ["soft_lookup", "reclassify", "reclassify_weighted", "meta_reclassify"])
def test_it_falls_when_trained(name: sandbox.Sandbox) -> None:
    """Three clouds, whose encodings a linear map has mixed with noise."""
    torch.manual_seed(0)
    labels = torch.arange(30) % 3
    points = functional.one_hot(torch.arange(60) % 3, 8).double() + 0.3 * torch.randn(60, 8, dtype=torch.float64)
    encoder, probe = nn.Linear(8, 4).double(), nn.Linear(4, CLASSES).double()
    rule = torch.optim.Adam([*encoder.parameters(), *probe.parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        labelled, unlabelled = encoder(points).split(30)
        loss = sandbox.loss(name, labelled, labels, unlabelled, CLASSES, probe).sum()
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(("name", "collapses"), [("meta_distance", True), ("meta_distance_code", False)])
def test_alone_the_text_makes_one_point_of_all_and_the_history_would_say_so(
    name: sandbox.Sandbox, collapses: bool
) -> None:
    torch.manual_seed(0)
    points, encoder = torch.randn(40, 8), nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 4))
    rule = torch.optim.Adam(encoder.parameters(), lr=0.01)
    assert spread(encoder(points).detach()) > 0.3
    for _ in range(400):
        labelled, unlabelled = encoder(points).split(20)
        rule.zero_grad()
        sandbox.loss(name, labelled, torch.zeros(20, dtype=torch.int64), unlabelled, CLASSES, None).sum().backward()
        rule.step()
    assert (spread(encoder(points).detach()) < COLLAPSED) == collapses


# within gradual


def batch_of(method: Gradual, labelled: int = 30) -> Batch:
    """The first batch where the first images are labelled."""
    labels = torch.full((60,), -1)
    labels[:labelled] = torch.from_numpy(LABELS[:labelled])
    indices = next(iter(method.sampler(Epoch(0, torch.arange(60), labels))))
    return Batch(indices, Images(pictures(), np.arange(60), CPU)[indices], labels[indices])


def model(**changes: Any) -> Gradual:
    method, _ = make("models", "gradual", batch_size=20, least_labelled=1, **changes)
    assert isinstance(method, Gradual)
    return method


@pytest.mark.parametrize("name", NAMES)
def test_the_update_moves_encoder_and_second_probe_alone(name: sandbox.Sandbox) -> None:
    method = model(sandbox=name)
    updates = list(method.updates(batch_of(method)))
    assert [list(one) for one in updates[:2]] == [["contrast"], ["cross_entropy"]]
    further = updates[2:]
    assert all(list(one) == [name] for one in further) and len(further) == (3 if name == "reclassify" else 1)
    further[0][name].backward()
    assert all(one.grad is not None for one in method.encoder.parameters())
    assert method.head.weight.grad is None and all(one.grad is None for one in method.projection.parameters())
    assert (method.second_probe is not None) == (name in sandbox.PROBED)
    if method.second_probe is not None:
        assert method.second_probe.weight.grad is not None


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labelled", [0, 60])
def test_without_labelled_or_unlabelled_images_there_is_no_update(name: sandbox.Sandbox, labelled: int) -> None:
    method = model(sandbox=name)
    batch = batch_of(method, labelled) if labelled else batch_of(method)
    if not labelled:
        method._labelled_in_batch = 0
    assert name not in [key for losses in method.updates(batch) for key in losses]


def test_one_update_for_each_class_in_the_batch() -> None:
    method = model(sandbox="reclassify")
    batch = batch_of(method)
    labelled = batch.labels[: method._labelled_in_batch]
    labelled[labelled == 1] = 2
    further = list(method.updates(batch))[2:]
    assert len(further) == 2


def test_each_update_sees_what_the_one_before_has_moved() -> None:
    """Else backward would fail, as an update changes the weights in place."""
    method = model(sandbox="reclassify")
    rule = torch.optim.SGD(method.parameters(), lr=0.01)
    for losses in method.updates(batch_of(method)):
        rule.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        rule.step()


@pytest.mark.parametrize("name", NAMES)
def test_the_loss_is_computed_in_full_precision(name: sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = sandbox.loss

    def loss(*arguments: Any) -> Tensor:
        found = real(*arguments)
        seen.append((arguments[1].dtype, arguments[3].dtype, found.dtype, torch.is_autocast_enabled("cpu")))
        return found

    monkeypatch.setattr(sandbox, "loss", loss)
    method = model(sandbox=name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        list(method.updates(batch_of(method)))
    assert set(seen) == {(torch.float32, torch.float32, torch.float32, False)}


def test_the_second_probe_learns_at_the_probe_s_rate() -> None:
    method = model(sandbox="soft_lookup")
    assert list(method.groups()) == list(method.rates(0.0)) == ["encoder", "probe", "second_probe"]
    assert method.rates(1.5)["second_probe"] == method.rates(1.5)["probe"]
    assert list(model(sandbox="reclassify").groups()) == ["encoder", "probe"]


def test_without_the_sandbox_nothing_is_drawn_for_it(tmp_path: Path) -> None:
    """The same first weights, so that a pair of runs differs by the updates alone."""
    plain, playing = model(sandbox=None).state_dict(), model(sandbox="meta_reclassify").state_dict()
    assert all(torch.equal(plain[key], playing[key]) for key in plain)


def test_the_work_is_said() -> None:
    assert [cost(small("models", "gradual", sandbox=name)) for name in (None, "soft_lookup")] == [9, 12]
    assert cost(small("models", "gradual", sandbox="reclassify", classes=7)) == 9 + 3 * 7


@pytest.mark.anywhere
@pytest.mark.parametrize("name", NAMES)
def test_the_contract_holds(name: sandbox.Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scrambled labels and a run that was killed end as the honest and the whole run: so does the same run twice."""
    short = {"sandbox": name, "steps": 2, "least_labelled": 4}
    monkeypatch.setattr(contracts, "train", partial(train, **short))
    monkeypatch.setattr(contracts, "make", partial(make, **short))
    # not a run without these changes, which is kept
    monkeypatch.setattr(contracts, "untouched", contracts.untouched.__wrapped__)
    contracts.test_labels_not_told_do_not_matter("models", "gradual", tmp_path)
    contracts.until_killed(contracts.kill_in_epoch(2), "models", "gradual", tmp_path / "killed")
    whole, history = contracts.train("models", "gradual", tmp_path / "whole")
    resumed, rows = contracts.train("models", "gradual", tmp_path / "killed")
    assert contracts.same(whole, resumed) and rows == history
    assert all(f"loss/{name}" in row for row in history)

"""Heads that grow, units that are drawn anew, and encoders that lose edges, in supervised and gradual."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from stages import encoders
from stages.regimes._growing import closed, confidence, draw, without
from stages.regimes._plastic import Plastic
from stages.training import measure, saved
from stages.training.images import Images
from stages.training.method import Epoch
from tests import test_contracts as contracts
from tests import tiny
from tests.tiny import CPU, LABELS, make, pictures, small, train

GROWING = {"growth": "growing"}
REINITIALISE = {"growth": "reinitialise", "unsure": 1.0}
PRUNED = {"pruning": {"share": 0.5, "start": 0, "end": 2}}
ALL = GROWING | PRUNED
OPTIONS = [ALL, REINITIALISE]


def told(*classes: int, number: int = 0) -> Epoch:
    """All images are shown, and of some classes all labels told."""
    labels = torch.from_numpy(LABELS)
    return Epoch(number, torch.arange(60), labels.where(torch.isin(labels, torch.tensor(classes)), -1))


def images() -> Images:
    return Images(pictures(), np.arange(60), CPU)


def model(member: str = "gradual", **changes: Any) -> Plastic:
    method, _ = make("models", member, **changes)
    assert isinstance(method, Plastic)
    return method


def boolean(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.bool)


def test_only_the_units_asked_for_are_drawn() -> None:
    head = nn.Linear(6, 4)
    weight, bias = head.weight.clone(), head.bias.clone()
    draw(head, boolean(0, 1, 0, 1), boolean(1, 0, 1, 0))
    assert torch.equal(head.weight[[0, 2]], weight[[0, 2]]) and torch.equal(head.bias[[0, 2]], bias[[0, 2]])
    assert (head.weight[[1, 3]] != weight[[1, 3]]).all() and head.weight.abs().max() <= 1 / 6**0.5
    assert torch.equal(head.bias[[1, 3]], bias[[0, 2]].mean().expand(2))


def test_where_none_is_new_nothing_is_drawn() -> None:
    before = torch.get_rng_state()
    draw(nn.utils.skip_init(nn.Linear, 6, 4), boolean(0, 0, 0, 0), boolean(1, 1, 1, 1))
    assert torch.equal(torch.get_rng_state(), before)


def test_closed_units_have_no_probability_and_no_gradient() -> None:
    known = boolean(1, 0, 1)
    logits = torch.randn(5, 3, requires_grad=True)
    functional.cross_entropy(closed(logits, known), torch.tensor([0, 2, 0, 0, 2])).backward()
    assert logits.grad is not None and (logits.grad[:, 1] == 0).all() and (logits.grad[:, [0, 2]] != 0).all()
    probabilities = closed(logits, known).softmax(1)
    assert (probabilities[:, 1] == 0).all()
    assert torch.allclose(probabilities[:, [0, 2]], logits[:, [0, 2]].softmax(1))
    entropy = -(probabilities * closed(logits, known).log_softmax(1)).sum(1)
    assert entropy.isfinite().all()


def test_confidence_is_the_mean_largest_probability_by_hand() -> None:
    head, encodings = nn.Linear(6, 4), torch.randn(7, 6)
    largest = []
    for row in head(encodings).tolist():
        exponents = [np.exp(row[unit]) for unit in (0, 3)]
        largest.append(max(exponents) / sum(exponents))
    found = confidence(head, encodings, boolean(1, 0, 0, 1))
    assert float(found) == pytest.approx(np.mean(largest), rel=1e-5)
    assert float(confidence(head, encodings, boolean(1, 0, 0, 0))) == 1


@pytest.mark.parametrize("member", ["gradual", "supervised"])
def test_a_unit_grows_when_its_class_is_told_and_all_others_are_kept_exactly(member: str) -> None:
    method = model(member, **GROWING)
    assert not method.head.weight.any() and not method.classes_told.any()
    method.begin_epoch(told(1), images())
    assert method.classes_told.tolist() == [False, True, False]
    with torch.no_grad():
        method.head.weight[1] += 1
    weight, bias = method.head.weight.clone(), method.head.bias.clone()
    method.begin_epoch(told(1, number=1), images())
    assert torch.equal(method.head.weight, weight)
    method.begin_epoch(told(0, 1, number=2), images())
    assert method.classes_told.tolist() == [True, True, False]
    assert torch.equal(method.head.weight[1:], weight[1:]) and torch.equal(method.head.bias[1:], bias[1:])
    assert method.head.weight[0].all() and method.head.bias[0] == bias[1]
    # a label may be withdrawn again, where they are drawn anew in every epoch; the unit stays
    method.begin_epoch(told(1, number=3), images())
    assert method.classes_told.tolist() == [True, True, False]


def test_a_unit_that_is_not_there_is_never_predicted() -> None:
    method = model(**GROWING)
    method.begin_epoch(told(1, 2), images())
    with torch.no_grad():
        # so that 0 would be the largest
        method.head.bias[1:] = -50
    encoder, head = method.kept()
    assert type(head) is nn.Linear and list(head.state_dict()) == ["weight", "bias"]
    embedding = measure.embed(encoder, images(), half=False)
    assert set(measure.classify(head, embedding)) <= {1, 2}
    with torch.no_grad():
        assert torch.equal(head(embedding)[:, 1:], method.head(embedding)[:, 1:])


def test_evaluate_reads_what_is_kept_of_a_head_that_grew(tmp_path: Path) -> None:
    """As train writes it, and with a class that was never told."""
    method = model(**GROWING)
    method.begin_epoch(told(1, 2), images())
    encoder, head = method.kept()
    encoders.save(encoder, tmp_path)
    save_file(head.state_dict(), tmp_path / "head.safetensors")
    _, found = saved.load(tmp_path)
    probabilities = found(torch.randn(9, 128)).softmax(1)
    assert (probabilities[:, 0] == 0).all() and torch.allclose(probabilities.sum(1), torch.ones(9))


def test_the_copy_that_is_kept_draws_nothing() -> None:
    before = torch.get_rng_state()
    without(nn.utils.skip_init(nn.Linear, 6, 4), boolean(1, 0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("rule", ["adam", "adamw", "sgd", "nesterov"])
def test_a_unit_that_is_not_there_has_no_weights_and_no_moments(rule: str, tmp_path: Path) -> None:
    """Decay and momentum leave it at zero, so that a unit grows into a clean optimiser."""
    block = small("models", "supervised").optimiser.model_dump() | {"name": rule, "weight_decay": 0.1}
    method, _ = train("models", "supervised", tmp_path / "a", labels=LABELS % 2, optimiser=block, **GROWING)
    assert method.classes_told.tolist() == [True, True, False]
    assert not method.head.weight[2].any() and method.head.weight[:2].all()  # type: ignore[index, union-attr]
    moments = [v for k, v in load_file(tmp_path / "a").items() if k.startswith("optimiser.") and v.shape == (3, 128)]
    assert moments and all(not one[2].any() and one[:2].any() for one in moments)


@pytest.mark.parametrize(("unsure", "anew"), [(1.0, True), (1e-6, False)])
def test_a_redundant_unit_is_drawn_anew_where_the_known_are_unsure(unsure: float, anew: bool) -> None:
    method = model(**REINITIALISE | {"unsure": unsure})
    first = method.head.weight.clone()
    method.begin_epoch(told(0, 1), images())
    # at first all units are fresh
    assert torch.equal(method.head.weight, first)
    method.begin_epoch(told(0, 1, 2, number=1), images())
    assert torch.equal(method.head.weight[:2], first[:2])
    assert torch.equal(method.head.weight[2], first[2]) != anew
    assert method.classes_told.all()
    after = method.head.weight.clone()
    method.begin_epoch(told(0, 1, 2, number=2), images())
    assert torch.equal(method.head.weight, after)


def test_one_known_unit_is_never_unsure() -> None:
    method = model(**REINITIALISE)
    first = method.head.weight.clone()
    for number in range(2):
        method.begin_epoch(told(*range(number + 1), number=number), images())
    assert torch.equal(method.head.weight, first)


def test_the_confusion_test_leaves_the_mode_and_the_encoder_as_they_are() -> None:
    method = model(**REINITIALISE).train()
    before = {key: value.clone() for key, value in method.encoder.state_dict().items()}
    for number in (1, 2):
        method.begin_epoch(told(*range(number + 1), number=number), images())
    assert method.encoder.training
    assert all(torch.equal(before[key], value) for key, value in method.encoder.state_dict().items())


@pytest.mark.parametrize("member", ["gradual", "supervised"])
def test_edges_go_by_the_schedule_epoch_by_epoch(member: str, tmp_path: Path) -> None:
    """In a real run: none in the first epoch, a quarter in the second, half in the third, zeros after every update."""
    shares = []

    def measured(method: Plastic) -> dict[str, float]:
        kernels = [p for p in method.encoder.parameters() if p.ndim > 1]
        zero, edges = sum(int((p == 0).sum()) for p in kernels), sum(p.numel() for p in kernels)
        assert zero == round(method.settings.pruning.at(len(shares)) * edges)  # type: ignore[union-attr]
        shares.append(zero / edges)
        return {}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "fit", partial(tiny.fit, validate=measured))
        train("models", member, tmp_path / "a", **PRUNED)
    assert shares == pytest.approx([0, 0.25, 0.5], abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{"unsure": 0.5}, {"growth": "reinitialise"}, {"growth": "growing", "unsure": 0.5}, {"pruning": {"share": 0.5}}],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        small("models", "supervised", **changes)


@pytest.mark.anywhere
@pytest.mark.parametrize("changes", OPTIONS, ids="-".join)
def test_the_contract_holds(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(contracts, "train", partial(train, steps=2, **changes))
    monkeypatch.setattr(contracts, "make", partial(make, steps=2, **changes))
    # not a run without these changes, which is kept
    monkeypatch.setattr(contracts, "untouched", contracts.untouched.__wrapped__)
    contracts.test_labels_not_told_do_not_matter("models", "gradual", tmp_path / "leak")
    contracts.test_a_label_told_late_is_not_known_before("gradual", tmp_path / "late")
    contracts.test_killed_in_every_epoch_of_one_run("models", "gradual", tmp_path / "killed")


def test_classes_come_late_in_the_tiny_world() -> None:
    """Else the contract above would say nothing of growing."""
    world = tiny.world_of(small("models", "gradual"))
    assert [len(np.unique(LABELS[world.told(epoch)])) for epoch in range(3)] != [3, 3, 3]

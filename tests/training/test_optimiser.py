import pytest
import torch
from torch import nn

from stages.training.optimiser import Optimiser, Rule, build


def test_warm_up_then_cosine() -> None:
    rule = Optimiser(name="sgd", momentum=0.9, weight_decay=0, rate=0.4, decay="cosine", warmup=2)
    assert [rule.at(e, 10) for e in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.2, 0.4, 0.2, 0])


def test_constant() -> None:
    rule = Optimiser(name="adam", momentum=0.9, weight_decay=0, rate=0.1, decay="constant", warmup=0)
    assert {rule.at(e, 10) for e in (0, 3.5, 10)} == {0.1}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_weight_decay_is_for_kernels_only(name: str) -> None:
    layer = nn.Linear(2, 2)
    nn.init.ones_(layer.bias)
    before = layer.weight.detach().clone()
    rule = build(Rule(name=name, momentum=0.0, weight_decay=0.5), {"all": list(layer.parameters())})
    for group in rule.param_groups:
        group["lr"] = 0.1
    for parameter in layer.parameters():
        parameter.grad = torch.zeros_like(parameter)
    rule.step()
    assert torch.equal(layer.bias, torch.ones(2)) and (layer.weight.abs() < before.abs()).all()


def test_frozen_parameters_are_left_out() -> None:
    layer = nn.Linear(2, 2)
    layer.weight.requires_grad_(False)
    rule = build(Rule(name="sgd", momentum=0.9, weight_decay=0), {"all": list(layer.parameters())})
    assert [parameter.shape for group in rule.param_groups for parameter in group["params"]] == [(2,)]

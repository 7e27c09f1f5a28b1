from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from stages.training import checkpoint, loop
from stages.training.optimiser import Optimiser, Rule, build
from tests.tiny import train


def test_warm_up_then_cosine() -> None:
    rule = Optimiser(name="sgd", momentum=0.9, weight_decay=0, rate=0.4, decay="cosine", warmup=2)
    assert [rule.at(e, 10) for e in (0, 1, 2, 6, 10)] == pytest.approx([0, 0.2, 0.4, 0.2, 0])


def test_constant() -> None:
    rule = Optimiser(name="adam", momentum=0.9, weight_decay=0, rate=0.1, decay="constant", warmup=0)
    assert {rule.at(e, 10) for e in (0, 3.5, 10)} == {0.1}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "nesterov", "lars", "larc"])
def test_weight_decay_is_for_kernels_only(name: str) -> None:
    layer = nn.Linear(2, 2)
    nn.init.ones_(layer.weight)
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


def layer_with_gradients(rate: float, rule: Rule) -> tuple[nn.Linear, torch.optim.Optimizer]:
    generator = torch.manual_seed(0)
    layer = nn.Linear(4, 3)
    built = build(rule, {"all": list(layer.parameters())})
    for group in built.param_groups:
        group["lr"] = rate
    for parameter in layer.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    return layer, built


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("name", ["lars", "larc"])
def test_lars_against_the_papers_formula(name: str, decay: float) -> None:
    """You et al. 2017, eqs. 6 and 7, with one rate throughout; biases take plain steps with momentum."""
    rate, momentum = 0.3, 0.9
    layer, built = layer_with_gradients(rate, Rule(name=name, momentum=momentum, weight_decay=decay))
    weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
    gradient, bias_gradient = layer.weight.grad.double(), layer.bias.grad.double()
    velocity, bias_velocity = torch.zeros_like(weight), torch.zeros_like(bias)
    for _ in range(3):
        built.step()
        trust = {"lars": 0.001, "larc": 0.02}[name]
        local = trust * weight.norm() / (gradient.norm() + decay * weight.norm())
        local = rate * local if name == "lars" else min(local, rate)
        velocity = momentum * velocity + local * (gradient + decay * weight)
        bias_velocity = momentum * bias_velocity + rate * bias_gradient
        weight, bias = weight - velocity, bias - bias_velocity
        torch.testing.assert_close(layer.weight.detach().double(), weight, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(layer.bias.detach().double(), bias, rtol=1e-5, atol=1e-6)


def test_lars_does_not_care_how_long_the_gradient_is() -> None:
    steps = []
    for factor in (1.0, 100.0):
        layer, built = layer_with_gradients(0.3, Rule(name="lars", momentum=0.0, weight_decay=0))
        layer.weight.grad *= factor
        before = layer.weight.detach().clone()
        built.step()
        steps.append(layer.weight.detach() - before)
        assert steps[-1].norm().item() == pytest.approx(0.3 * 0.001 * before.norm().item(), 1e-4)
    torch.testing.assert_close(*steps)


@pytest.mark.parametrize("name", ["lars", "larc"])
def test_nothing_moves_at_rate_0(name: str) -> None:
    """Where a warm-up begins, and where larc divides by the rate."""
    layer, built = layer_with_gradients(0.0, Rule(name=name, momentum=0.9, weight_decay=0.1))
    before = [parameter.detach().clone() for parameter in layer.parameters()]
    built.step()
    assert all(torch.equal(old, new) for old, new in zip(before, layer.parameters(), strict=True))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["lars", "larc"])
def test_lars_goes_on_from_a_checkpoint(name: str, momentum: float, tmp_path: Path) -> None:
    """A parameter that no loss has reached has no state, on either side."""
    block = {"name": name, "rate": 0.3, "momentum": momentum, "weight_decay": 1e-4, "decay": "cosine", "warmup": 1}
    whole, history = train("pretrain", "simclr", tmp_path / "whole", optimiser=block)
    saved = tmp_path / "saved"
    with pytest.MonkeyPatch.context() as patch:
        real = checkpoint.save

        def once(path: Path, *rest: Any) -> None:
            if saved.exists():
                raise KeyboardInterrupt
            real(path, *rest)

        patch.setattr(loop.checkpoint, "save", once)
        with pytest.raises(KeyboardInterrupt):
            train("pretrain", "simclr", saved, optimiser=block)
    resumed, rows = train("pretrain", "simclr", saved, optimiser=block)
    assert rows == history
    assert all(
        torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("name", ["sgd", "nesterov"])
def test_sgd_against_its_formula(name: Literal["sgd", "nesterov"], momentum: float) -> None:
    """Sutskever et al. 2013, eqs. 1 to 4, as torch writes them: Nesterov's looks one step of momentum ahead."""
    layer, rule = layer_with_gradients(0.1, Rule(name=name, momentum=momentum, weight_decay=0))
    gradients = [parameter.grad for parameter in layer.parameters()]
    expected = [parameter.detach().clone() for parameter in layer.parameters()]
    for _ in range(3):
        rule.step()
    for weight, gradient in zip(expected, gradients, strict=True):
        assert gradient is not None
        buffer = torch.zeros_like(weight)
        for _ in range(3):
            buffer = momentum * buffer + gradient
            weight -= 0.1 * (gradient + momentum * buffer if name == "nesterov" else buffer)
    for parameter, weight in zip(layer.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.detach(), weight)


def test_a_parameter_whose_first_gradient_comes_later_is_moved_as_by_the_plain_step() -> None:
    torch.manual_seed(0)
    early, late = (nn.Parameter(torch.rand(3, 3)) for _ in range(2))
    expected = late.detach().clone()
    rule = build(Rule(name="nesterov", momentum=0.9, weight_decay=0), {"model": [early, late]})
    for group in rule.param_groups:
        group["lr"] = 0.1
    for step in range(3):
        rule.zero_grad(set_to_none=True)
        (early.sum() + (late.sum() if step else 0)).backward()
        rule.step()
    buffer = torch.zeros_like(expected)
    for _ in range(2):
        buffer = 0.9 * buffer + 1
        expected -= 0.1 * (1 + 0.9 * buffer)
    torch.testing.assert_close(late.detach(), expected)

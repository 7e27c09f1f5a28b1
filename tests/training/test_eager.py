"""That training steps as torch does, and brings no compiler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from stages.training import optimiser
from stages.training.optimiser import Rule

ROOT = Path(__file__).parent.parent.parent
NAMES = ["adam", "adamw", "sgd", "nesterov", "lars", "larc"]
TRAINED = """
import sys, torch
from torch import nn
from stages.training.optimiser import Rule, build
layer = nn.Linear(3, 2)
rule = build(Rule(name={name!r}, momentum=0.9, weight_decay=0.1), {{"all": list(layer.parameters())}})
layer(torch.ones(4, 3)).sum().backward()
rule.step()
rule.zero_grad()
rule.load_state_dict(rule.state_dict())
print(sorted({{"sympy", "torch._dynamo", "triton"}} & sys.modules.keys()))
"""


@pytest.mark.parametrize("name", ["adam", "sgd", "lars"])
def test_training_brings_no_compiler(name: str) -> None:
    done = subprocess.check_output([sys.executable, "-c", TRAINED.format(name=name)], cwd=ROOT, text=True)
    assert done == "[]\n"


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_those_of_torch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = trained(name)
    monkeypatch.setattr("stages.training.eager.unmarked", lambda rule: rule)
    assert all(torch.equal(one, other) for one, other in zip(ours, trained(name), strict=True))


def trained(name: str) -> list[torch.Tensor]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    rule = optimiser.build(
        Rule.model_validate({"name": name, "momentum": 0.9, "weight_decay": 0.1}), {"all": list(layer.parameters())}
    )
    for group in rule.param_groups:
        group["lr"] = 0.1
    for _ in range(3):
        rule.zero_grad(set_to_none=True)
        layer(torch.randn(4, 3)).square().sum().backward()
        rule.step()
    return [parameter.detach() for parameter in layer.parameters()]


def test_another_release_of_torch_may_mark_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    def zero_grad(self: torch.optim.Optimizer, set_to_none: bool = True) -> Any:
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    monkeypatch.setattr(torch.optim.Optimizer, "zero_grad", zero_grad)
    assert trained("adam")

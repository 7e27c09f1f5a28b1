from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from stages import encoders
from stages.regimes._pruning import Pruner, Pruning, kernels


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8, 5))


def flat(module: nn.Module) -> torch.Tensor:
    return torch.cat([kernel.detach().flatten() for kernel in kernels(module)])


def test_the_share_rises_in_equal_parts() -> None:
    plan = Pruning(share=0.5, start=2, end=7)
    assert [plan.at(epoch) for epoch in range(9)] == pytest.approx([0, 0, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.5])


@pytest.mark.parametrize(("share", "start", "end"), [(0.0, 0, 1), (1.0, 0, 1), (0.5, 3, 3), (0.5, 4, 3), (0.5, -1, 3)])
def test_a_schedule_that_cannot_be_is_refused(share: float, start: int, end: int) -> None:
    with pytest.raises(ValidationError):
        Pruning(share=share, start=start, end=end)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.333, 0.5, 0.99])
def test_the_smallest_of_all_layers_go_and_the_rest_stays(share: float) -> None:
    module = network()
    before, others = flat(module), [p.clone() for p in module.parameters() if p.ndim == 1]
    Pruner(module).prune(module, share)
    gone = round(share * len(before))
    threshold = before.abs().sort().values[gone]
    assert torch.equal(flat(module), before.where(before.abs() >= threshold, 0))
    assert (flat(module) == 0).sum() == gone
    assert all(torch.equal(a, b) for a, b in zip(others, [p for p in module.parameters() if p.ndim == 1], strict=True))


def test_equals_are_removed_to_the_number() -> None:
    module = network()
    for kernel in kernels(module):
        nn.init.constant_(kernel, 0.5)
    Pruner(module).prune(module, 0.25)
    assert (flat(module) == 0).sum() == round(0.25 * len(flat(module)))


def test_what_is_gone_stays_so_whatever_moves() -> None:
    """Through updates that would bring it back, with momentum, and as more is removed."""
    module, plan = network(), Pruning(share=0.6, start=0, end=4)
    pruner, rule = Pruner(module), torch.optim.Adam(module.parameters(), lr=0.1)
    gone = torch.zeros(len(flat(module)), dtype=torch.bool)
    for epoch in range(7):
        pruner.prune(module, plan.at(epoch))
        for _ in range(3):
            rule.zero_grad()
            module(torch.randn(16, 3, 3, 3)).square().sum().backward()
            rule.step()
            pruner.apply_to(module)
        zero = flat(module) == 0
        assert zero.sum() == round(plan.at(epoch) * len(zero)) and (zero | ~gone).all()
        gone = zero


def test_less_brings_nothing_back() -> None:
    module = network()
    pruner = Pruner(module)
    pruner.prune(module, 0.5)
    before = flat(module)
    pruner.prune(module, 0.2)
    assert torch.equal(flat(module), before)


def test_the_masks_are_state_and_the_weights_those_of_any_encoder() -> None:
    encoder = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    names = list(encoder.state_dict())
    pruner = Pruner(encoder)
    pruner.prune(encoder, 0.3)
    assert list(encoder.state_dict()) == names
    twin = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    other = Pruner(twin)
    other.load_state_dict(pruner.state_dict())
    twin.load_state_dict(encoder.state_dict())
    pruner.prune(encoder, 0.6), other.prune(twin, 0.6)
    assert torch.equal(flat(encoder), flat(twin))


def test_the_lie_of_the_memory_does_not_matter() -> None:
    plain, last = network(), network().to(memory_format=torch.channels_last)
    for module in (plain, last):
        Pruner(module).to(memory_format=torch.channels_last).prune(module, 0.5)
    assert torch.equal(flat(plain), flat(last))

import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss

from stages.modules.contrast import contrast, cross_view, nt_xent


def pair(n: int = 7, d: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.manual_seed(3)
    return torch.randn(n, d, generator=generator), torch.randn(n, d, generator=generator)


def slow(first: np.ndarray, second: np.ndarray, temperature: float, *, all_views: bool) -> float:
    """Term by term: `all_views` for NT-Xent's 2N - 2 negatives, else the other side's N - 1."""
    n = len(first)
    views = [v / np.linalg.norm(v) for v in (*first, *second)]
    total = 0.0
    for i in range(2 * n):
        partner = (i + n) % (2 * n)
        others = range(2 * n) if all_views else (range(n, 2 * n) if i < n else range(n))
        below = sum(math.exp(views[i] @ views[k] / temperature) for k in others if k != i)
        total -= math.log(math.exp(views[i] @ views[partner] / temperature) / below)
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_against_slow_loops(temperature: float) -> None:
    first, second = pair()
    numbers = first.double().numpy(), second.double().numpy()
    assert nt_xent(first, second, temperature).item() == pytest.approx(
        slow(*numbers, temperature, all_views=True), 1e-5
    )
    expected = slow(*numbers, temperature, all_views=False)
    assert cross_view(first, second, temperature).item() == pytest.approx(expected, 1e-5)


def test_nt_xent_against_pytorch_metric_learning() -> None:
    first, second = pair()
    labels = torch.arange(len(first)).repeat(2)
    oracle = NTXentLoss(temperature=0.2)(torch.cat([first, second]), labels)
    assert nt_xent(first, second, 0.2).item() == pytest.approx(oracle.item(), 1e-5)


@pytest.mark.parametrize("loss", ["nt_xent", "cross_view"])
def test_it_falls_when_trained_and_both_sides_get_gradients(loss: str) -> None:
    first, second = (side.requires_grad_() for side in pair())
    rule = torch.optim.Adam([first, second], lr=0.05)
    before = contrast(first, second, loss, 0.2).item()
    for _ in range(50):
        rule.zero_grad()
        contrast(first, second, loss, 0.2).backward()
        assert first.grad.abs().sum() > 0 and second.grad.abs().sum() > 0
        rule.step()
    assert contrast(first, second, loss, 0.2).item() < before / 3


def test_half_precision_inputs_are_compared_in_full_precision() -> None:
    first, second = pair()
    half = nt_xent(first.bfloat16(), second.bfloat16(), 0.05)
    assert half.dtype == torch.float32
    assert half.item() == pytest.approx(nt_xent(first.bfloat16().float(), second.bfloat16().float(), 0.05).item(), 1e-6)

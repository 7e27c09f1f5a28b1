"""That the bounds hold, and the measured distances are exact."""

from __future__ import annotations

import pytest
import torch

from stages.geometry.distances import bound_operands, full_precision, squares


def points(n: int, seed: int) -> torch.Tensor:
    """Of sizes from a thousandth to a thousand, off the origin."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, 200, generator=generator) * torch.logspace(-3, 3, n)[:, None] + 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_pair_is_closer_than_its_bound(dtype: torch.dtype) -> None:
    left, right = points(300, 0), torch.cat([points(300, 1), points(300, 0)])
    a, b = bound_operands(left, right, right.mean(0), dtype)
    bound = (a @ b.T).double()
    closeness = -torch.cdist(left.double(), right.double()).square() / 2
    assert (bound + bound.abs() * torch.finfo(dtype).eps >= closeness).all()


def test_float32_bounds_are_tight() -> None:
    left, right = torch.randn(50, 200), torch.randn(60, 200)
    a, b = bound_operands(left, right, right.mean(0), torch.float32)
    closeness = -torch.cdist(left.double(), right.double()).square() / 2
    torch.testing.assert_close((a @ b.T).double(), closeness, rtol=1e-4, atol=0)


def test_equal_points_are_at_zero_and_equal_distances_compare_equal() -> None:
    left = torch.tensor([[0.1, 0.2], [0.4, 0.2]]) + 1000
    rows, columns = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0])
    same, there, back = squares(left, left, rows, columns).tolist()
    assert same == 0 and there == back > 0


def test_precision_is_full_inside_and_as_before_outside() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with full_precision():
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)

"""Squared distances: cheap bounds by matrix products, and exact values of a few pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

ROWS = 2048  # rows prepared at a time: temporaries that stay in the cache
PAIRS = 2**17  # numbers subtracted at a time


@contextmanager
def full_precision() -> Iterator[None]:
    """Keeps float32 products in float32: the bounds below do not hold in TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def fast_type(device: torch.device) -> torch.dtype:
    """The type in which products are fastest while they still bound distances tightly."""
    if device.type != "cpu":
        return torch.float32
    # emulated bfloat16 is slower than float32
    able = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()
    return torch.bfloat16 if able else torch.float32


def bound_operands(left: Tensor, right: Tensor, centre: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Operands whose product bounds closeness from above: (a @ b.T)[i, j] >= -|left_i - right_j|^2 / 2.

    float32 [m, d] and [n, d], shifted by `centre` [d], which leaves their distances as they are and tightens
    the bounds. These hold up to the rounding of the product to `dtype`. With x = x~ + r, inputs rounded to
    `dtype` and their residuals, x.y <= x~.y~ + |r_x| |y| + |x~| |r_y| (Cauchy-Schwarz), and a float32 sum of
    d terms is off by at most about d * 2^-24 of the sum of their sizes. Both allowances are further columns
    of the product, so that a far outlier loosens its own bounds and no others.
    """
    allowances = 2 if dtype == torch.bfloat16 else 0
    slack = 2 * accumulation(left.shape[1])
    return (
        operand(left, centre, dtype, first=True, slack=slack, allowances=allowances),
        operand(right, centre, dtype, first=False, slack=slack, allowances=allowances),
    )


def operand(
    points: Tensor,
    centre: Tensor,
    dtype: torch.dtype,
    *,
    first: bool,
    slack: float = 0.0,
    allowances: int = 0,
) -> Tensor:
    """The first or second operand of a product that is -|x - y|^2 / 2: points [n, d] and columns for their norms.

    With the norms in the product, not added to it, a small distance keeps its digits where the product is rounded.
    """
    dims = points.shape[1]
    parts = 3 if dtype == torch.bfloat16 else 1  # three times 8 bits are as exact as float32
    widths = [dims, parts, parts, allowances]
    out = torch.ones(len(points), sum(widths), dtype=dtype, device=points.device)
    for start in range(0, len(points), ROWS):
        x = points[start : start + ROWS].to(torch.promote_types(dtype, torch.float32)) - centre
        rounded, ours, theirs, allowance = torch.split(out[start : start + ROWS], widths, 1)
        rounded.copy_(x)
        norm = x.norm(dim=1)
        half = norm.square() * (0.5 * (1 - slack))
        for column in (ours if first else theirs).unbind(1):
            column.copy_(-half)
            half += column.to(half.dtype)
        if allowances:
            residual = x.sub_(rounded.float()).norm(dim=1)
            pair = [residual, norm + residual] if first else [norm + residual, residual]
            # 1 + 2^-6: the allowances must not be rounded down
            allowance.copy_(torch.stack(pair, 1) * (1 + 2**-6))
    return out


def largest_square(points: Tensor, centre: Tensor) -> float:
    """The largest squared distance of the points [n, d] to `centre` [d]; NaN where one is not finite."""
    norms = [(block - centre).norm(dim=1).amax() for block in torch.split(points, ROWS)]
    return torch.stack(norms).amax().square().item()


def accumulation(terms: int) -> float:
    """The largest relative error of a float32 sum of so many terms, in any order, with some to spare."""
    return (terms + 64) * 2.0**-24


def squares(left: Tensor, right: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Squared distances float64 [p] of the pairs left[rows], right[columns], by differences.

    They are as exact as the points: equal points are at 0 and equal distances compare equal.
    """
    found = torch.empty(len(rows), dtype=torch.float64, device=left.device)
    step = max(1, PAIRS // left.shape[1])
    for start in range(0, len(rows), step):
        pairs = slice(start, start + step)
        difference = left.index_select(0, rows[pairs]).double().sub_(right.index_select(0, columns[pairs]))
        torch.sum(difference.square_(), 1, out=found[pairs])
    return found

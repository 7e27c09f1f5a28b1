import math

import numpy as np
import pytest
import torch
from lightly.loss.swav_loss import sinkhorn as oracle

from stages.pretraining._sinkhorn import sinkhorn


def scores(samples: int = 12, prototypes: int = 5) -> torch.Tensor:
    """Cosines, as the method has them."""
    return torch.rand(samples, prototypes, generator=torch.manual_seed(0), dtype=torch.float64) * 2 - 1


def slow(scores: np.ndarray, epsilon: float, iterations: int) -> np.ndarray:
    """The paper's, entry by entry: prototypes get 1 / K each, then samples 1 / B each; rows are then scaled to 1."""
    samples, prototypes = scores.shape
    q = [[math.exp(scores[b, k] / epsilon) for k in range(prototypes)] for b in range(samples)]
    for _ in range(iterations):
        for k in range(prototypes):
            total = sum(q[b][k] for b in range(samples))
            for b in range(samples):
                q[b][k] /= total * prototypes
        for b in range(samples):
            total = sum(q[b])
            q[b] = [value / total / samples for value in q[b]]
    return np.array(q) * samples


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("epsilon", [0.05, 0.5])
def test_against_a_slow_loop_and_lightly(epsilon: float, iterations: int) -> None:
    ours = sinkhorn(scores(), epsilon, iterations)
    np.testing.assert_allclose(ours.numpy(), slow(scores().numpy(), epsilon, iterations), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(ours, oracle(scores(), iterations, epsilon).float(), rtol=1e-4, atol=1e-7)


def test_rows_sum_to_one_and_columns_come_to_equal_shares() -> None:
    found = sinkhorn(scores(), 0.5, 50)
    torch.testing.assert_close(found.sum(1), torch.ones(12))
    torch.testing.assert_close(found.sum(0), torch.full((5,), 12 / 5))


def test_even_where_all_samples_like_one_prototype() -> None:
    """The collapse that it is there to prevent."""
    liked = scores() * 0.1
    liked[:, 2] += 1
    assert (liked.argmax(1) == 2).all()
    assert sinkhorn(liked, 0.05, 50).sum(0).max() < 1.01 * 12 / 5


def test_huge_and_tiny_scores_neither_overflow_nor_vanish() -> None:
    """exp(scores / epsilon) is beyond float32 here."""
    found = sinkhorn(scores() * 100, 0.05, 3)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(1), torch.ones(12))


def test_each_of_several_is_balanced_by_itself_without_gradient() -> None:
    both = torch.stack([scores(), -scores()]).requires_grad_()
    found = sinkhorn(both, 0.05, 3)
    assert not found.requires_grad
    torch.testing.assert_close(found[1], sinkhorn(-scores(), 0.05, 3))


def test_in_full_precision_within_autocast() -> None:
    outside = sinkhorn(scores(), 0.05, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = sinkhorn(scores(), 0.05, 3)
    assert within.dtype == torch.float32 and torch.equal(within, outside)

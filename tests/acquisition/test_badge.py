"""BADGE against gradients that are made in full."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages.acquisition import Candidates, badge
from stages.acquisition.badge import spread

N, DIMS, CLASSES = 50, 7, 4


def points(n: int = N) -> Tensor:
    return torch.randn(n, DIMS, generator=torch.Generator().manual_seed(0))


def head() -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(DIMS, CLASSES)


def gradients(embedding: Tensor, layer: nn.Linear) -> np.ndarray:
    """[n, C * d], by torch: of the cross-entropy with the model's own guess, by the head's weights."""
    rows = []
    for one in embedding:
        logits = layer(one[None])
        loss = nn.functional.cross_entropy(logits, logits.argmax(1))
        rows.append(torch.autograd.grad(loss, layer.weight)[0].flatten().double().numpy())
    return np.stack(rows)


def slowly(g: np.ndarray, draws: np.ndarray) -> list[int]:
    """k-means++ with all distances anew at each step."""
    picks = [int((g**2).sum(1).argmax())]
    for draw in draws[1:]:
        nearest = np.array([min(((one - g[pick]) ** 2).sum() for pick in picks) for one in g])
        nearest[picks] = 0
        cumulative = nearest.cumsum()
        picks.append(int(np.searchsorted(cumulative, draw * cumulative[-1], side="right")))
    return picks


def candidates(embedding: Tensor, count: int, seed: int = 0) -> Candidates:
    every = torch.arange(len(embedding))
    return Candidates(embedding, head(), every[:0], every, every, count, seed=seed, round=1)


@pytest.mark.parametrize("seed", range(5))
def test_the_picks_are_those_of_materialised_gradients(seed: int) -> None:
    pool = candidates(points(), 30, seed)
    expected = slowly(gradients(points(), head()), pool.rng().random(30))
    assert badge.query(pool, badge.Settings(name="badge")).indices.tolist() == expected


def test_the_first_is_that_of_scikit_activeml() -> None:
    """Later ones are drawn, each by a generator of its own."""
    from skactiveml.base import SkactivemlClassifier
    from skactiveml.pool import Badge

    probabilities = head()(points()).detach().double().softmax(1).numpy()

    class Known(SkactivemlClassifier):
        def fit(self, x, y, sample_weight=None):
            return self

        def predict_proba(self, x):
            return probabilities

    x, y = points().double().numpy(), np.full(N, np.nan)
    theirs, utilities = Badge(random_state=0).query(x, y, Known(), fit_clf=False, batch_size=2, return_utilities=True)
    ours = badge.query(candidates(points(), 1), badge.Settings(name="badge")).indices.tolist()
    assert ours == [int(theirs[0])]
    # what the second is drawn by is the same, but that theirs counts the origin as a centre, too
    g = gradients(points(), head())
    weights = np.minimum(((g - g[ours]) ** 2).sum(1), (g**2).sum(1))
    np.testing.assert_allclose(np.nan_to_num(utilities[1]), weights / weights.sum(), atol=1e-6)


def test_images_with_the_gradient_of_a_pick_are_drawn_last() -> None:
    """Four distinct points, ten times each: the first four picks are distinct, then any are as good."""
    for seed in range(10):
        picks = badge.query(candidates(points(4).repeat(10, 1), 40, seed), badge.Settings(name="badge")).indices
        assert len({int(pick) % 4 for pick in picks[:4]}) == 4


def test_a_draw_at_the_very_end_falls_on_an_image_of_some_weight() -> None:
    residual = torch.tensor([[1.0, -1.0], [2.0, -2.0], [1.0, -1.0], [0.0, 0.0], [0.0, 0.0]]).double()
    ones = torch.ones(5, 1).double()
    almost = np.nextafter(1.0, 0.0)
    picks = spread(residual, ones, np.full(3, almost)).tolist()
    assert picks[0] == 1 and picks[1] == 4 and len(set(picks)) == 3
    assert sorted(spread(residual, ones, np.full(5, almost)).tolist()) == [0, 1, 2, 3, 4]

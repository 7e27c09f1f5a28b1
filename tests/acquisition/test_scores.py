"""The score of each image, against scikit-activeml and slow loops."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.acquisition import Candidates, bald, energy_random, entropy, least_confidence, margin
from stages.acquisition.bald import disagreement


def pool(logits: Tensor, count: int | None = None, **changes: Any) -> Candidates:
    """Images whose embedding is their logits; all may be asked about, in the order of the ranking."""
    every = torch.arange(len(logits))
    common: dict[str, Any] = {"labelled": every[:0], "askable": every, "ranked": every, "seed": 0, "round": 1}
    return Candidates(logits, nn.Identity(), count=count or len(logits), **(common | changes))


def some(n: int = 60, classes: int = 5) -> Tensor:
    return 2 * torch.randn(n, classes, generator=torch.Generator().manual_seed(0))


def by_image(module: Any, logits: Tensor) -> np.ndarray:
    """The scores in the order of the images."""
    found = module.query(pool(logits), SimpleNamespace())
    return found.scores[found.indices.argsort()].numpy()


@pytest.mark.parametrize(
    ("module", "method"),
    [(least_confidence, "least_confident"), (margin, "margin_sampling"), (entropy, "entropy")],
)
def test_uncertainty_is_that_of_scikit_activeml(module: Any, method: str) -> None:
    from skactiveml.pool import uncertainty_scores

    expected = uncertainty_scores(some().double().softmax(1).numpy(), method=method)
    found = by_image(module, some())
    # theirs is how unsure a model is, the margin how sure
    np.testing.assert_allclose(1 - found if module is margin else found, expected, rtol=1e-12)


def test_the_margin_is_the_lead_of_the_likeliest_class_and_the_smallest_comes_first() -> None:
    logits = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.4, 0.2, 0.4]]).log()
    found = margin.query(pool(logits), SimpleNamespace())  # type: ignore[arg-type]
    assert found.indices.tolist() == [2, 1, 0] and found.scores is not None
    np.testing.assert_allclose(found.scores, [0, 0.1, 0.5], atol=1e-6)


@pytest.mark.parametrize("module", [least_confidence, margin, entropy])
def test_the_most_uncertain_come_first_and_ties_by_the_lower_index(module: Any) -> None:
    sure, torn, even = [9.0, 0.0, 0.0], [2.0, 2.0, -5.0], [1.0, 1.0, 1.0]
    logits = torch.tensor([sure, torn, even, sure, torn, even])
    found = module.query(pool(logits, count=5), SimpleNamespace())
    first = [1, 2, 4, 5] if module is margin else [2, 5, 1, 4]
    assert found.indices.tolist() == [*first, 0]


@pytest.mark.parametrize("module", [least_confidence, margin, entropy])
def test_a_very_sure_model_still_tells_images_apart(module: Any) -> None:
    """In float32 these probabilities would all be 1."""
    logits = torch.tensor([[30.0, 0.0], [25.0, 0.0], [28.0, 0.0]])
    assert module.query(pool(logits), SimpleNamespace()).indices.tolist() == [1, 2, 0]


def entropy_of(p: list[float]) -> float:
    return -math.fsum(x * math.log(x) for x in p if x > 0)


def test_disagreement_is_the_entropy_of_the_mean_less_the_mean_entropy() -> None:
    passes = [torch.randn(60, 5, generator=torch.Generator().manual_seed(n)).double().softmax(1) for n in range(4)]
    found = disagreement(iter(passes))
    for image in range(60):
        each = [one[image].tolist() for one in passes]
        mean = [math.fsum(one[c] for one in each) / 4 for c in range(5)]
        assert found[image] == pytest.approx(entropy_of(mean) - math.fsum(map(entropy_of, each)) / 4, abs=1e-12)
    # variants that agree say nothing, however unsure each is
    assert disagreement([torch.full((1, 2), 0.5).double()] * 3).item() == pytest.approx(0, abs=1e-15)
    # variants that are sure of different classes say most
    assert disagreement([torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])]).item() == pytest.approx(math.log(2))


def head() -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Linear(8, 3)


def test_bald_drops_what_the_weights_see_as_dropout_does() -> None:
    """With many passes it comes near the score of as many made by torch's own dropout."""
    points = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
    settings = bald.Settings(name="bald", dropout=0.3, passes=1000)
    every = torch.arange(40)
    found = bald.query(Candidates(points, head(), every[:0], every, every, 40, seed=0, round=1), settings)
    with torch.random.fork_rng(), torch.no_grad():
        passes = [head()(functional.dropout(points, 0.3)).double().softmax(1) for _ in range(4000)]
    expected = disagreement(passes)
    assert found.scores is not None
    torch.testing.assert_close(found.scores, expected[found.indices], atol=0.006, rtol=0.05)


def test_equal_images_are_equally_uncertain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever block they are in: the variants of the model are the same for all."""
    points = torch.randn(2, 8, generator=torch.Generator().manual_seed(1)).repeat(4, 1)
    settings = bald.Settings(name="bald", dropout=0.5, passes=3)
    every = torch.arange(8)
    monkeypatch.setattr(bald, "ROWS", 3)
    found = bald.query(Candidates(points, head(), every[:0], every, every, 8, seed=0, round=1), settings)
    assert found.scores is not None and len(set(found.scores.tolist())) == 2
    assert [index % 2 for index in found.indices.tolist()] in ([0] * 4 + [1] * 4, [1] * 4 + [0] * 4)


def test_energies_are_drawn_from_low_and_high_alike() -> None:
    logits = some(100)
    energies = np.array([-math.log(math.fsum(math.exp(x) for x in row)) for row in logits.tolist()])
    order = energies.argsort()
    for strata, count in ((2, 40), (2, 7), (5, 50), (5, 13)):
        settings = energy_random.Settings(name="energy_random", strata=strata)
        found = energy_random.query(pool(logits, count=count), settings)
        assert found.scores is not None
        np.testing.assert_allclose(found.scores, energies[found.indices], rtol=1e-6)
        stratum = np.argsort(order)[found.indices] * strata // 100
        counts = np.bincount(stratum, minlength=strata)
        assert counts.max() - counts.min() <= 1 and counts.sum() == count
        # the first of them are as spread as the whole
        assert stratum[:strata].tolist() == list(range(strata))


def test_within_a_stratum_every_image_can_be_drawn() -> None:
    settings = energy_random.Settings(name="energy_random", strata=2)
    drawn = [energy_random.query(pool(some(20), count=4, seed=seed), settings).indices.tolist() for seed in range(60)]
    assert {image for one in drawn for image in one} == set(range(20))

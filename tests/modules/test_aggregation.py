import math

import pytest
import torch
from torch.nn import functional

from stages.modules.aggregation import aggregation, discrimination, together


def example(m: int = 7, k: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    vectors, bank = (functional.normalize(torch.randn(n, 5, dtype=torch.float64), dim=1) for n in (m, k))
    close = torch.rand(m, k) < 0.3
    close[:, 0] = True
    return vectors @ bank.T, close


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_the_loss_is_that_of_a_slow_loop(temperature: float) -> None:
    similarity, close = example()
    for m, loss in enumerate(aggregation(similarity, close, temperature).tolist()):
        own, all_of_them = 0.0, 0.0
        for j in range(similarity.shape[1]):
            weight = math.exp(similarity[m, j].item() / temperature)
            all_of_them += weight
            own += weight if close[m, j] else 0.0
        assert loss == pytest.approx(-math.log(own / all_of_them), rel=1e-9)


def test_with_oneself_alone_in_c_it_is_cross_entropy_over_the_bank() -> None:
    similarity, _ = example()
    own = torch.arange(7)
    close = torch.arange(11) == own[:, None]
    expected = functional.cross_entropy(similarity / 0.07, own, reduction="none")
    assert torch.allclose(aggregation(similarity, close, 0.07), expected)
    assert torch.allclose(discrimination(similarity, similarity[own, own], 0.07), expected)


def test_it_is_zero_and_pulls_nowhere_where_all_are_close() -> None:
    similarity, _ = example()
    similarity.requires_grad_()
    loss = aggregation(similarity, torch.ones(7, 11, dtype=torch.bool), 0.07)
    loss.sum().backward()
    assert torch.allclose(loss, torch.zeros(7, dtype=torch.float64), atol=1e-9)
    assert similarity.grad is not None and similarity.grad.abs().max() < 1e-9


def test_gradients_pull_the_close_and_push_the_others() -> None:
    similarity, close = example()
    assert torch.autograd.gradcheck(lambda x: aggregation(x, close, 0.3), similarity.requires_grad_())
    aggregation(similarity, close, 0.3).sum().backward()
    assert similarity.grad is not None
    assert (similarity.grad[close] < 0).all() and (similarity.grad[~close] > 0).all()


def test_a_low_temperature_overflows_nothing() -> None:
    similarity, close = example()
    for half in (torch.float32, torch.bfloat16):
        assert aggregation(similarity.to(half), close, 0.001).isfinite().all()


def test_it_falls_when_trained() -> None:
    _, close = example()
    bank = functional.normalize(torch.randn(11, 5), dim=1)
    vectors = torch.randn(7, 5, requires_grad=True)
    rule, losses = torch.optim.SGD([vectors], lr=0.1), []
    for _ in range(50):
        loss = aggregation(functional.normalize(vectors, dim=1) @ bank.T, close, 0.2).mean()
        rule.zero_grad()
        loss.backward()
        rule.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


def test_close_are_the_union_of_one_s_own_clusters_not_what_they_share() -> None:
    torch.manual_seed(1)
    clusters = torch.randint(-1, 4, (3, 20)).int()
    own, near = torch.randint(20, (6,)), torch.randint(20, (6, 9))
    found = together(clusters, own, near)
    for m in range(6):
        for b in range(9):
            i, j = int(own[m]), int(near[m, b])
            labels = [(int(run[i]), int(run[j])) for run in clusters]
            assert bool(found[m, b]) == (i == j or any(a == c != -1 for a, c in labels))


def test_images_in_no_cluster_are_not_together() -> None:
    assert together(torch.full((2, 4), -1), torch.tensor([1]), torch.tensor([[0, 1, 2]])).tolist() == [
        [False, True, False]
    ]

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from stages.modules import bank as module
from stages.modules.bank import Bank, firsts
from stages.training.images import Images
from stages.training.measure import embed
from tests.tiny import CPU, pictures


def filled(pool_size: int = 40, dim: int = 6) -> Bank:
    torch.manual_seed(0)
    return Bank(pool_size, dim).double()


def units(count: int, dim: int = 6) -> torch.Tensor:
    return functional.normalize(torch.randn(count, dim, dtype=torch.float64), dim=1)


def test_it_begins_with_random_unit_vectors_that_are_state() -> None:
    bank = filled()
    assert torch.allclose(bank.vectors.norm(dim=1), torch.ones(40, dtype=torch.float64), atol=1e-6)
    assert list(bank.state_dict()) == ["vectors", "filled"] and not list(bank.parameters())


def test_an_update_is_the_mean_by_momentum_at_length_one_and_touches_no_other() -> None:
    bank, new, where = filled(), units(3), [7, 0, 39]
    before = bank.vectors.clone()
    bank.update(torch.tensor(where), new, 0.3)
    for position in range(40):
        expected = before[position].tolist()
        if position in where:
            mixed = [0.3 * a + 0.7 * b for a, b in zip(expected, new[where.index(position)].tolist(), strict=True)]
            length = math.sqrt(sum(x * x for x in mixed))
            expected = [x / length for x in mixed]
        assert bank.vectors[position].tolist() == pytest.approx(expected, rel=1e-9)


def test_the_encoder_introduces_images_shown_for_the_first_time_and_no_others() -> None:
    bank, images = Bank(60, 7), Images(pictures(), np.arange(60), CPU)
    bank.update(torch.tensor([3]), functional.normalize(torch.randn(1, 7), dim=1), 0)
    before = bank.vectors.clone()
    embedder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(7))
    shown = torch.arange(40)
    bank.introduce(shown, images, embedder)
    expected = functional.normalize(embed(embedder, images, False), dim=1)
    new = [number for number in range(40) if number != 3]
    # another number of images at once may round otherwise
    torch.testing.assert_close(bank.vectors[new], expected[new], atol=1e-5, rtol=1e-4)
    kept = [3, *range(40, 60)]
    assert torch.equal(bank.vectors[kept], before[kept])
    assert bank.filled.tolist() == [True] * 40 + [False] * 20
    # all are known now, and what they have become stays
    bank.vectors[:40] = before[:40]
    bank.introduce(shown, images, embedder)
    assert torch.equal(bank.vectors, before)


def test_a_batch_norm_that_has_seen_nothing_standardises_the_first_vectors() -> None:
    bank, images = Bank(60, 7), Images(pictures(), np.arange(60), CPU)
    embedder = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(7), torch.nn.BatchNorm1d(7, momentum=None))
    bank.introduce(torch.arange(60), images, embedder)
    assert (bank.vectors @ bank.vectors.T).mean() < 0.05


def test_of_an_image_twice_in_a_batch_the_first_counts() -> None:
    bank, other, new = filled(), filled(), units(4)
    assert firsts(torch.tensor([5, 3, 5, 5, 3])).tolist() == [0, 1, 0, 0, 1]
    bank.update(torch.tensor([5, 3, 5, 5]), new, 0.5)
    other.update(torch.tensor([5, 3]), new[:2], 0.5)
    assert torch.equal(bank.vectors, other.vectors)


def test_no_gradient_enters_the_bank() -> None:
    bank, new = filled(), units(2).requires_grad_()
    bank.update(torch.tensor([1, 2]), new * 1, 0.5)
    assert not bank.vectors.requires_grad


@pytest.mark.parametrize("block", [1, 100, 2**24])
@pytest.mark.parametrize("with_own", [True, False])
@pytest.mark.parametrize("count", [1, 5, 99])
def test_the_nearest_are_those_of_a_slow_loop(
    block: int, with_own: bool, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    bank, queries = filled(), units(9)
    rows = torch.randperm(40)[:25]
    own = rows[torch.randint(25, (9,))]
    similarity, found = bank.nearest(queries, own, rows, count, with_own=with_own)
    for m in range(9):
        dots = {j: sum((queries[m] * bank.vectors[j]).tolist()) for j in rows.tolist()}
        itself = int(own[m])
        order = sorted((j for j in dots if j != itself), key=lambda j: -dots[j])
        expected = [itself, *order[: count - 1]] if with_own else order[:count]
        assert found[m].tolist() == expected
        assert similarity[m].tolist() == pytest.approx([dots[j] for j in expected])


@pytest.mark.parametrize("count", [4, 25, 60])
def test_the_background_passes_gradients_to_the_queries_alone(count: int) -> None:
    bank, queries = filled(), units(9).requires_grad_()
    rows = torch.randperm(40)[:25]
    own = rows[:9]
    similarity, found = bank.background(queries, own, rows, count)
    assert similarity.shape == found.shape == (9, min(count, 25))
    assert torch.allclose(similarity, (queries[:, None] * bank.vectors[found]).sum(2))
    assert (found == own[:, None]).any(1).all() and torch.isin(found, rows).all()
    similarity.sum().backward()
    assert queries.grad is not None and torch.allclose(queries.grad, bank.vectors[found].sum(1))


def test_half_precision_around_it_changes_nothing() -> None:
    bank = Bank(40, 6)
    queries, rows = functional.normalize(torch.randn(5, 6), dim=1), torch.arange(40)
    plain = [bank.background(queries, rows[:5], rows, count)[0] for count in (7, 40)]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = [bank.background(queries, rows[:5], rows, count)[0] for count in (7, 40)]
    assert all(torch.equal(a, b) for a, b in zip(plain, mixed, strict=True))

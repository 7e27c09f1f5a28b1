"""What a centred head's weights see, whatever the lengths of the vectors."""

from __future__ import annotations

import torch
from torch.nn import functional

from stages.training.centred import Centred


def vectors() -> torch.Tensor:
    return torch.randn(200, 8, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 9) + 5


def test_the_weights_see_directions_about_their_mean_at_one_scale() -> None:
    head = Centred(8, 3)
    head.fit(vectors())
    seen = head.inputs(vectors())
    assert seen.mean(0).abs().max() < 1e-6
    assert abs(seen.square().sum(1).mean() - 1) < 1e-5
    directions = functional.normalize(vectors(), dim=1)
    torch.testing.assert_close(
        seen, (directions - directions.mean(0)) * seen[0].norm() / (directions - directions.mean(0))[0].norm()
    )


def test_a_vector_twice_as_long_gives_the_same_logits() -> None:
    head = Centred(8, 3)
    head.fit(vectors())
    torch.testing.assert_close(head(2 * vectors()), head(vectors()))


def test_vectors_that_are_all_alike_and_zeros_give_numbers() -> None:
    head = Centred(8, 3)
    head.fit(torch.ones(4, 8))
    assert head(torch.ones(4, 8)).isfinite().all()
    head.fit(torch.zeros(4, 8))
    assert head(torch.zeros(1, 8)).isfinite().all()

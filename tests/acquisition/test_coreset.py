from __future__ import annotations

import torch
from torch import nn

from stages.acquisition import Candidates, coreset


def test_the_farthest_from_all_labelled_and_chosen() -> None:
    """On a line, labelled at 0 and 100; the image at 55 has been asked about and gave no label: it covers nothing."""
    line = torch.tensor([[0.0], [1.0], [40.0], [55.0], [56.0], [99.0], [100.0]])
    askable = torch.tensor([1, 2, 4, 5])
    pool = Candidates(line, nn.Identity(), torch.tensor([0, 6]), askable, askable, 3, seed=0, round=1)
    assert coreset.query(pool, coreset.Settings(name="coreset", normalise=False)).indices.tolist() == [4, 2, 1]


def test_normalised_it_looks_at_directions() -> None:
    points = torch.tensor([[1.0, 0.0], [100.0, 1.0], [0.0, 0.1], [0.0, 50.0]])
    askable = torch.tensor([1, 2, 3])
    pool = Candidates(points, nn.Identity(), torch.tensor([0]), askable, askable, 1, seed=0, round=1)
    assert coreset.query(pool, coreset.Settings(name="coreset", normalise=True)).indices.tolist() == [2]
    assert coreset.query(pool, coreset.Settings(name="coreset", normalise=False)).indices.tolist() == [1]

"""Regime pseudo_label, which has rounds and a `restart` of its own, in active rounds that go on."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.acquisition import Candidates, Query
from stages.base import families
from stages.learning.rounds import Plan, alternate
from stages.regimes.pseudo_label import PseudoLabel
from stages.training.measure import Embedded
from stages.training.method import Epoch
from tests.learning.test_rounds import IMAGES, RANKING, TOTALS, chosen, learning
from tests.tiny import EPOCHS

OWN = {"grow": "percentile", "add": 0.5, "rounds": 3, "epochs": EPOCHS}


@pytest.mark.parametrize("own_restart", [True, False])
@pytest.mark.parametrize("restart", [True, False])
def test_what_a_round_goes_on_from(
    restart: bool, own_restart: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the three active rounds has three rounds of pseudo-labels, an epoch each."""
    pseudo: list[torch.Tensor] = []
    heads: list[torch.Tensor] = []
    real = PseudoLabel.sampler

    def sampler(self: PseudoLabel, epoch: Epoch) -> Any:
        pseudo.append(self.pseudo.clone())
        heads.append(self.head.weight.detach().clone())
        return real(self, epoch)

    monkeypatch.setattr(PseudoLabel, "sampler", sampler)
    job, learn = learning("pseudo_label", tmp_path, **OWN, restart=own_restart)
    plan, margin = Plan(RANKING, TOTALS, restart, seed=0), families.load("acquisition", "margin")

    def query(candidates: Candidates, queried: np.ndarray) -> Query:
        return margin.query(candidates, chosen("margin"))

    alternate(plan, learn, partial(job.tell, 0), query, Embedded(IMAGES), tmp_path)
    for start in (0, EPOCHS, 2 * EPOCHS):
        anew = restart or start == 0
        # with true labels alone, or with those that the round before ended with
        assert (pseudo[start] >= 0).any() != anew
        assert anew or torch.equal(pseudo[start], pseudo[start - 1])
        assert torch.equal(heads[start], heads[0]) == anew
        # its own restart goes back to the very first weights, as they were before any active round
        assert all(torch.equal(head, heads[0]) == own_restart for head in heads[start + 1 : start + EPOCHS])

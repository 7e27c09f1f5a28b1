"""System C's label request: images at random, across points of high and of low energy."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field

from stages.acquisition import Acquisition, Candidates, Query


class Settings(Acquisition):
    """`strata`: parts of equal size into which the images are cut by their energy, each of which gives as many; 2 for
    the lower and the higher half."""

    name: Literal["energy_random"]
    strata: int = Field(ge=2, le=1000)


def query(candidates: Candidates, settings: Settings) -> Query:
    """The score is the energy, -logsumexp of the logits (Liu et al. 2020, eq. 4, at temperature 1). Neither end comes
    first: strata take turns, from the one of the lowest energies, so that the first images are spread as well."""
    energy = -candidates.logits()[candidates.askable].double().logsumexp(1)
    order = energy.argsort(stable=True).cpu().numpy()
    rng = candidates.rng()
    strata = [rng.permutation(stratum) for stratum in np.array_split(order, settings.strata)]
    turns = [stratum[turn] for turn in range(len(strata[0])) for stratum in strata if turn < len(stratum)]
    chosen = torch.tensor(turns[: candidates.count], device=energy.device)
    return Query(candidates.askable[chosen], energy[chosen])

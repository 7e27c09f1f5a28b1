"""Active rounds: the section `rounds`, and how far each round goes."""

from __future__ import annotations

from pydantic import BaseModel

from stages.base.numbers import Amount


class Rounds(BaseModel, extra="forbid", frozen=True):
    """The first round has `start` labels, each further one `step` more, the last as many as the budget has left.

    `restart`: whether each round begins anew from `init`; else the weights go on from round to round, with all that the
    regime remembers. The optimiser and its learning rate begin anew in any case. (Regime pseudo_label has rounds and a
    `restart` of its own, within one training.)
    """

    start: Amount
    step: Amount
    restart: bool

    def totals(self, budget: int) -> list[int]:
        """How many images have been asked about by the beginning of each round. A budget that is no larger than `start`
        makes one round."""
        return [*range(self.start, budget, self.step), budget]

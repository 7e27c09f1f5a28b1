"""The next images of the ranking: what a model is told that asks nothing, and so the control of all that do."""

from __future__ import annotations

from typing import Literal

from stages.acquisition import Acquisition, Candidates, Query


class Settings(Acquisition):
    name: Literal["ranking"]


def query(candidates: Candidates, settings: Settings) -> Query:
    return Query(candidates.ranked[: candidates.count], None)

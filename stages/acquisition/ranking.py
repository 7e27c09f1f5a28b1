"""The next images of the ranking: what a model is told that asks nothing, and so the control of all that do."""

from __future__ import annotations

from typing import Literal

from stages.acquisition import Acquisition, Asked, Candidates


class Settings(Acquisition):
    name: Literal["ranking"]


def ask(candidates: Candidates, settings: Settings) -> Asked:
    return Asked(candidates.ranked[: candidates.count], None)

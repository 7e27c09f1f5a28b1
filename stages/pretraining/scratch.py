"""No pretraining: random weights, as the start that others are compared with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Settings(BaseModel, extra="forbid", frozen=True):
    """`encoder`: a file of stages/encoders/."""

    method: Literal["scratch"]
    encoder: str


def build(encoder: object, settings: Settings, pool_size: int) -> None:
    """Nothing is trained: the encoder stays as it was initialised."""

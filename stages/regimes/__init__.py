"""Ways to learn from labels, one file each.

A member has `Settings` (with `regime`, its file's name), `cost(settings)` (the work for one image of a batch, in
forward passes of the encoder; backward counts two) and `build(encoder, classes, settings, pool_size) -> Classifier`:
`classes` is the number of outputs, `pool_size` the number of images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from stages.base import families
from stages.regimes._classifier import Classifier as Classifier

if TYPE_CHECKING:
    from stages.encoders import Encoder
    from stages.regimes._classifier import Block as Block


class Member(Protocol):
    """What a file of this package holds; the block that it is handed is of its own Settings."""

    Settings: type[Block]

    def cost(self, settings: Block) -> float: ...

    def build(self, encoder: Encoder, classes: int, settings: Block, pool_size: int) -> Classifier: ...


def member(name: str) -> Member:
    """The regime of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("regimes", name))

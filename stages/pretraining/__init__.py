"""Ways to learn without labels, one file each.

A member has `Settings` (with `method`, its file's name, and `encoder`), `cost(settings)` (the work for one image, in
forward passes of the encoder; backward counts two) and `build(encoder, settings, pool_size) -> Method`. One
that trains nothing has no cost, and builds None.

One that brings an encoder of its own has, in place of that parameter, `encoder(settings, size, weights) -> Encoder`,
where `weights` is the file that `settings.weights` names, or None, `untrained(settings, size) -> Encoder`, the same
with random weights, and `settled(settings, device) -> Settings`, in which nothing hangs on the machine any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeGuard, cast

from stages.base import families

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from pydantic import BaseModel
    from typing_extensions import TypeIs

    from stages.encoders import Encoder
    from stages.training.method import Method


class _Block(Protocol):
    @property
    def method(self) -> str: ...

    def model_dump(self) -> dict[str, object]: ...


class WithEncoder(_Block, Protocol):
    """A block whose member is given an encoder, one of encoders/ by its name."""

    @property
    def encoder(self) -> str: ...


class WithWeights(_Block, Protocol):
    """A block whose member brings an encoder of its own, perhaps with the `weights` of a file."""

    @property
    def weights(self) -> str | None: ...


class TrainedBlock(WithEncoder, Protocol):
    """A block whose member trains it; training.method.Training has them all."""

    @property
    def epochs(self) -> int: ...

    def visits(self, images: int) -> int: ...

    def sizes(self) -> list[int]: ...

    def check_size(self, size: int) -> None: ...


Block = WithEncoder | WithWeights


class Member(Protocol):
    """What a file of this package holds; the block that it is handed is of its own Settings."""

    Settings: type[BaseModel]

    def build(self, encoder: Encoder, settings: Block, pool_size: int) -> Method | None: ...


class Trained(Member, Protocol):
    """One that trains."""

    def cost(self, settings: TrainedBlock) -> float: ...


class OwnEncoder(Member, Protocol):
    """One that brings an encoder of its own."""

    def encoder(self, settings: WithWeights, size: int, weights: Path | None) -> Encoder: ...

    def untrained(self, settings: WithWeights, size: int) -> Encoder: ...

    def settled(self, settings: WithWeights, device: torch.device) -> WithWeights: ...


def member(name: str) -> Member:
    """The method of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("pretraining", name))


def brings(block: Block) -> TypeIs[WithWeights]:
    """Whether the member of a block brings an encoder of its own."""
    return hasattr(member(block.method), "encoder")


def owner(block: WithWeights) -> OwnEncoder:
    """The member of a block that brings an encoder of its own."""
    return cast("OwnEncoder", member(block.method))


def trains(block: Block) -> TypeGuard[TrainedBlock]:
    """Whether the member of a block trains."""
    return hasattr(block, "epochs")


def trained(block: TrainedBlock) -> Trained:
    """The member of a block that trains."""
    return cast("Trained", member(block.method))

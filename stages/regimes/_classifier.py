"""What all regimes share: an encoder, a linear head, and the labelled images of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import SerializeAsAny, model_validator
from torch import Tensor, nn

from stages.acquisition import Acquisition
from stages.encoders import Encoder
from stages.supervision.schedule import Schedule
from stages.training.augmentation import Views, augment, plain
from stages.training.method import Epoch, Method, Shown, Training, shuffled


class Block(Shown):
    """`init`: the member of `pretrain` to start from; `follows`: the section that says what the model is told, all of
    the budget at once (labels), more and more of it (schedule), or more each time that it has been trained (rounds);
    `acquisition`: a file of acquisition/ by its `name`, and its options: it says which labels a round adds, and which
    images an export hands to people for this model. What is told otherwise comes in the order of the ranking."""

    # whether a batch holds images of the whole pool, or those labelled alone
    sees_pool: ClassVar[bool] = False
    # whether training changes what the encoder makes of an image
    moves_encoder: ClassVar[bool] = True

    regime: str
    init: str
    follows: Literal["labels", "schedule", "rounds"]
    acquisition: SerializeAsAny[Acquisition]

    @model_validator(mode="after")
    def _asks(self) -> Block:
        name = self.acquisition.name
        if self.follows == "schedule" and name != "ranking":
            raise ValueError(f"acquisition.name {name}: what follows a schedule is told in the order of the ranking")
        return self

    def told_by(self, schedule: Schedule) -> Schedule | None:
        """The schedule that says what the model is told, if it follows one; `schedule` is the section."""
        return schedule if self.follows == "schedule" else None


class Stepped(Block, Training):
    """The block of a regime that learns by an optimiser's steps."""


class Classifier(Method):
    """Trains `head`, a linear layer, on the encoder's output."""

    settings: Block
    encoder: Encoder

    def __init__(self, encoder: Encoder, classes: int, settings: Block) -> None:
        super().__init__(encoder, settings)
        self.head = nn.Linear(encoder.dim, classes)

    def kept(self) -> tuple[Encoder, nn.Linear]:
        """The encoder and the head that are measured, and kept in the end."""
        return self.encoder, self.head

    def sampler(self, epoch: Epoch) -> Iterator[Tensor]:
        return shuffled(epoch.labelled(), self._by_steps().batch_size, self._by_steps().steps)


def view(images: Tensor, views: Views | None) -> Tensor:
    """Augmented as `views` says, or the images as they are: uint8 [N, S, S, 3] to float [N, 3, S, S]."""
    return plain(images) if views is None else augment(images, views)

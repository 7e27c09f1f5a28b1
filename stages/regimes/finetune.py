"""Fine-tuning: cross-entropy on the images told, moving the head and all or the last layers of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from stages.base.errors import UserError
from stages.base.numbers import Rate
from stages.encoders import Encoder
from stages.regimes._classifier import Classifier, Stepped, view
from stages.training.augmentation import Views
from stages.training.method import Batch
from stages.training.optimiser import Optimiser


class Settings(Stepped):
    """`layers`: "all", or how many of the encoder's last blocks move; `encoder_scale`: the encoder's learning rate,
    as a share of the head's."""

    regime: Literal["finetune"]
    optimiser: Optimiser
    views: Views | None
    layers: Literal["all"] | Annotated[int, Field(ge=1, le=1000)]
    encoder_scale: Rate


class Finetune(Classifier):
    settings: Settings

    def __init__(self, encoder: Encoder, classes: int, settings: Settings) -> None:
        super().__init__(encoder, classes, settings)
        blocks = encoder.blocks()
        moving = len(blocks) if settings.layers == "all" else settings.layers
        if not 1 <= moving <= len(blocks):
            raise UserError(f"layers={moving}: must be all, or 1 to {len(blocks)}, the blocks of {encoder.name}")
        self._frozen = blocks[: len(blocks) - moving]
        for block in self._frozen:
            block.requires_grad_(False)

    def train(self, mode: bool = True) -> Finetune:
        """Frozen blocks stay in evaluation mode, else their running statistics would move."""
        super().train(mode)
        for block in self._frozen:
            block.eval()
        return self

    def groups(self) -> dict[str, list[nn.Parameter]]:
        return {"encoder": list(self.encoder.parameters()), "head": list(self.head.parameters())}

    def rates(self, epoch: float) -> dict[str, float]:
        rate = self.settings.optimiser.at(epoch, self.settings.epochs)
        return {"encoder": rate * self.settings.encoder_scale, "head": rate}

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        logits = self.head(self.encoder(view(batch.images, self.settings.views)))
        yield {"cross_entropy": functional.cross_entropy(logits.float(), batch.labels)}


def cost(settings: Settings) -> float:
    return 3


def build(encoder: Encoder, classes: int, settings: Settings, pool_size: int) -> Finetune:
    return Finetune(encoder, classes, settings)

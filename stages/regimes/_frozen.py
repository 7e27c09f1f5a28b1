"""A classifier whose encoder never moves."""

from __future__ import annotations

from typing import Self

from torch import Tensor

from stages.encoders import Encoder
from stages.regimes._classifier import Block, Classifier


class Frozen(Classifier):
    """The encoder is read anew at a start, and not kept in checkpoints: hundreds of MB less in each epoch's."""

    def __init__(self, encoder: Encoder, classes: int, settings: Block) -> None:
        super().__init__(encoder, classes, settings)
        encoder.requires_grad_(False)
        self.register_state_dict_post_hook(_leave_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_put_back)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Self:
        """The encoder stays in evaluation mode, else its running statistics would move."""
        super().train(mode)
        self.encoder.eval()
        return self


def _leave_out(frozen: Frozen, state: dict[str, Tensor], prefix: str, _: object) -> None:
    for key in [key for key in state if key.startswith(f"{prefix}encoder.")]:
        del state[key]


def _put_back(frozen: Frozen, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    state.update({f"{prefix}encoder.{key}": value for key, value in frozen.encoder.state_dict().items()})

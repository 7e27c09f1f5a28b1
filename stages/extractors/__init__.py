"""Ways to turn images into feature vectors, one file each.

A member has `Settings` (with `extractor`, its file's name, and `weights`) and
`extract(images, settings, weights) -> float32 [N, d]`, on the images' device, where `weights` is the file or the folder
that `settings.weights` names, or None. `images.vectors` embeds with a frozen encoder, each image once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from stages.base import families

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import BaseModel
    from torch import Tensor

    from stages.training.images import Images


class Block(Protocol):
    """What every block of extractors says."""

    @property
    def extractor(self) -> str: ...

    @property
    def weights(self) -> str: ...


class Member(Protocol):
    """What a file of this package holds; the block that it is handed is of its own Settings."""

    Settings: type[BaseModel]

    def extract(self, images: Images, settings: Block, weights: Path | None) -> Tensor: ...


def member(name: str) -> Member:
    """The extractor of that name. Raises UserError where no file bears it."""
    return cast("Member", families.load("extractors", name))

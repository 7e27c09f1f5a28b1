"""An encoder that this pipeline pretrained."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, field_validator
from torch import Tensor

from stages import encoders
from stages.base.errors import UserError
from stages.training.images import Images


class Settings(BaseModel, extra="forbid", frozen=True):
    """`weights`: "encoders/" and a name of the section `pretrain`."""

    extractor: Literal["pretrained"]
    weights: str

    @field_validator("weights")
    @classmethod
    def _form(cls, weights: str) -> str:
        if not re.fullmatch(r"encoders/[^/]+", weights):
            raise ValueError("must be encoders/ and a name of pretrain")
        return weights


def extract(images: Images, settings: Settings, weights: Path | None) -> Tensor:
    """float32 [N, dim]; `weights` is the folder of one seed. Raises UserError for an encoder of another image size."""
    if weights is None:
        raise UserError("extractor pretrained: no encoder given; set weights to encoders/ and a name of pretrain")
    encoder = encoders.unread(weights).to(images.device)
    if encoder.size != (size := images.size):
        raise UserError(f"{weights} was trained on images of {encoder.size} px, these have {size} px; run `dvc repro`")
    return images.vectors(encoder)

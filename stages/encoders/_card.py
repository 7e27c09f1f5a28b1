"""What stands beside an encoder's weights on disk: which network it is, and the images that it is for."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from stages import hub
from stages.base import families, readable
from stages.base.errors import UserError
from stages.encoders._encoder import Encoder
from stages.encoders._hub import HubEncoder

CARD, WEIGHTS = "encoder.json", "weights.safetensors"

_Positive = Annotated[float, Field(gt=0)]


class Card(BaseModel, extra="forbid", frozen=True):
    """A network of this package."""

    name: str
    size: Annotated[int, Field(ge=1, le=1024)]
    mean: tuple[float, float, float]
    std: tuple[_Positive, _Positive, _Positive]


class HubCard(hub.Choice):
    """A library's model."""

    interpolation: str
    dim: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=1, le=1024)]
    mean: tuple[float, float, float]
    std: tuple[_Positive, _Positive, _Positive]


def card(encoder: Encoder) -> Card | HubCard:
    """The encoder's."""
    shape: dict[str, Any] = {
        "size": encoder.size,
        "mean": tuple(encoder.mean.flatten().tolist()),
        "std": tuple(encoder.std.flatten().tolist()),
    }
    if isinstance(encoder, HubEncoder):
        choice = encoder.choice.model_dump()
        return HubCard(**choice, **shape, interpolation=encoder.interpolation, dim=encoder.dim)
    return Card(name=encoder.name, **shape)


def read(path: Path) -> Card | HubCard:
    """From a file. Raises UserError, naming it, where it is missing, broken or of no network of ours."""
    if not path.exists():
        raise UserError(f"{path} is missing: not the folder of an encoder; run `dvc repro` to make it")
    with intact(path):
        raw = json.loads(path.read_text(encoding="utf-8"))
    try:
        found = (HubCard if isinstance(raw, dict) and "library" in raw else Card).model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} describes no encoder of ours: {key}: {first['msg']}; {again(path)}") from None
    if isinstance(found, Card) and found.name not in families.names("encoders"):
        raise UserError(f"{path}: no encoder {found.name}; {families.choices(found.name, families.names('encoders'))}")
    return found


def again(path: Path) -> str:
    """What to do about a file of an encoder's folder."""
    return f"remove {path.parent} and run `dvc repro`"


def intact(path: Path) -> AbstractContextManager[None]:
    """Turns what reading a broken file raises into a UserError that names it."""
    return readable.refused(lambda reason: f"{path} is broken ({reason}); {again(path)}")

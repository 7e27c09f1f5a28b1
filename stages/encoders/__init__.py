"""Networks that turn images into vectors, one file each, and how they are kept on disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from stages import hub
from stages.base import families, readable
from stages.base.errors import UserError
from stages.base.files import whole_file
from stages.encoders._chain import Chain
from stages.encoders._digest import digest
from stages.encoders._encoder import Encoder
from stages.encoders._hub import HubEncoder, wrap

__all__ = ["Encoder", "build", "digest", "load", "save", "wrap"]

_CARD = "encoder.json"
_WEIGHTS = "weights.safetensors"


class Member(Protocol):
    """What a file of this package holds. `takes`: whether a network built for images of `built_for` px takes those of
    `size` px; `BLOCKS`: how many it has. Both need no torch, since parameters are checked by them."""

    BLOCKS: int

    def takes(self, size: int, built_for: int) -> bool: ...

    def build(self, size: int) -> Chain: ...


def build(name: str, size: int, mean: Sequence[float], std: Sequence[float]) -> Encoder:
    """A new network with random weights, drawn from torch's global generator.

    Raises UserError for a name that no file bears and for images too small for the network.
    """
    member = cast(Member, families.load("encoders", name))
    if not member.takes(size, size):
        raise UserError(f"encoder {name} takes no images of {size} px; raise data.size, or take another encoder")
    return Encoder(name, size, mean, std, member.build(size))


def save(encoder: Encoder, folder: Path) -> None:
    """Writes weights.safetensors and encoder.json into `folder`, which is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    # safetensors takes no channels-last tensors
    state = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    with whole_file(folder / _WEIGHTS) as partial:
        save_file(state, partial)
    card: _Card | _HubCard
    shape: dict[str, Any] = {
        "size": encoder.size,
        "mean": tuple(encoder.mean.flatten().tolist()),
        "std": tuple(encoder.std.flatten().tolist()),
    }
    if isinstance(encoder, HubEncoder):
        choice = encoder.choice.model_dump()
        card = _HubCard(**choice, **shape, interpolation=encoder.interpolation, dim=encoder.dim)
    else:
        card = _Card(name=encoder.name, **shape)
    (folder / _CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Encoder:
    """Reads what `save` wrote, on the CPU, in evaluation mode, without touching torch's global generator.

    Raises UserError, naming the file, for one that is missing, broken or of another network.
    """
    card = _read_card(folder / _CARD)
    with torch.random.fork_rng(devices=[]):
        encoder = card.empty()
    encoder.load_state_dict(_read_weights(folder / _WEIGHTS, encoder))
    return encoder.eval()


_Positive = Annotated[float, Field(gt=0)]


class _Card(BaseModel, extra="forbid", frozen=True):
    name: str
    size: Annotated[int, Field(ge=1, le=1024)]
    mean: tuple[float, float, float]
    std: tuple[_Positive, _Positive, _Positive]

    def empty(self) -> Encoder:
        """The encoder, for its weights to be read."""
        return build(self.name, self.size, self.mean, self.std)


class _HubCard(hub.Choice):
    interpolation: str
    dim: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=1, le=1024)]
    mean: tuple[float, float, float]
    std: tuple[_Positive, _Positive, _Positive]

    def empty(self) -> Encoder:
        """The encoder, for its weights to be read."""
        network = hub.empty(self)
        network.mean, network.std, network.interpolation = self.mean, self.std, self.interpolation
        return HubEncoder(self, network, self.size, self.dim)


def _read_card(path: Path) -> _Card | _HubCard:
    if not path.exists():
        raise UserError(f"{path} is missing: not the folder of an encoder; run `dvc repro` to make it")
    with _intact(path):
        raw = json.loads(path.read_text(encoding="utf-8"))
    try:
        card = (_HubCard if isinstance(raw, dict) and "library" in raw else _Card).model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} describes no encoder of ours: {key}: {first['msg']}; {_again(path)}") from None
    if isinstance(card, _Card) and card.name not in families.names("encoders"):
        raise UserError(f"{path}: no encoder {card.name}; {families.choices(card.name, families.names('encoders'))}")
    return card


def _again(path: Path) -> str:
    return f"remove {path.parent} and run `dvc repro`"


def _intact(path: Path) -> AbstractContextManager[None]:
    return readable.refused(lambda reason: f"{path} is broken ({reason}); {_again(path)}")


def _read_weights(path: Path, encoder: Encoder) -> dict[str, Tensor]:
    """The tensors of the file. Raises UserError unless they are those of the encoder, by name, shape and type."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` to make it")
    with _intact(path):
        found = load_file(path)
    wanted = encoder.state_dict()
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found or key not in wanted:
            what = "lacks" if key not in found else "has an unknown"
            raise UserError(
                f"{path} {what} {key}: not the weights of {encoder.name} at {encoder.size} px; {_again(path)}"
            )
        if (found[key].shape, found[key].dtype) != (wanted[key].shape, wanted[key].dtype):
            raise UserError(
                f"{path}: {key} is {found[key].dtype} {list(found[key].shape)}, and {encoder.name} at "
                f"{encoder.size} px needs {wanted[key].dtype} {list(wanted[key].shape)}; {_again(path)}"
            )
    return found

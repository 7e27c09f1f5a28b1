"""Networks that turn images into vectors, one file each, and how they are kept on disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from stages import hub
from stages.base import families
from stages.base.errors import UserError
from stages.base.files import whole_file
from stages.encoders import _card, _digest
from stages.encoders._card import CARD, WEIGHTS, Card, HubCard
from stages.encoders._chain import Chain
from stages.encoders._encoder import Encoder
from stages.encoders._fixed import Fixed
from stages.encoders._hub import HubEncoder, wrap
from stages.encoders._unread import Unread

__all__ = ["Encoder", "build", "digest", "fixed", "load", "save", "unread", "wrap"]


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
    if isinstance(encoder, Unread):
        for name in (WEIGHTS, CARD):
            with whole_file(folder / name) as partial:
                shutil.copyfile(encoder.folder / name, partial)
        return
    # safetensors takes no channels-last tensors
    state = {key: value.detach().cpu().contiguous() for key, value in encoder.state_dict().items()}
    with whole_file(folder / WEIGHTS) as partial:
        save_file(state, partial)
    (folder / CARD).write_text(_card.card(encoder).model_dump_json(indent=2) + "\n", encoding="utf-8")


def load(folder: Path) -> Encoder:
    """Reads what `save` wrote, on the CPU, in evaluation mode, without touching torch's global generator.

    Raises UserError, naming the file, for one that is missing, broken or of another network.
    """
    card = _card.read(folder / CARD)
    with torch.random.fork_rng(devices=[]):
        encoder = _empty(card)
    state = _tensors(folder / WEIGHTS)
    _check(state, folder / WEIGHTS, encoder)
    encoder.load_state_dict(state)
    return encoder.eval()


def unread(folder: Path) -> Encoder:
    """As `load`, for an encoder that nothing is to move: a library's model is not made before an image needs it."""
    card = _card.read(folder / CARD)
    return Unread(folder, card, load) if isinstance(card, HubCard) else load(folder)


def fixed(encoder: Encoder) -> nn.Module:
    """Its vectors as a module that a program can follow which writes networks down, such as torch.onnx: in evaluation
    mode, without gradients, float images [N, 3, size, size] in [0, 1] to [N, dim]. It shares the encoder's weights."""
    whole = encoder.read() if isinstance(encoder, Unread) else encoder
    return Fixed(whole).eval().requires_grad_(False)


def digest(encoder: Encoder) -> str:
    """Of all that says what vectors an encoder gives, 32 hexadecimal digits. Raises UserError for a broken file."""
    if isinstance(encoder, Unread):
        return _digest.digest(encoder.card, _tensors(encoder.folder / WEIGHTS), folded=True)
    return _digest.digest(_card.card(encoder), encoder.state_dict(), folded=False)


def _empty(card: Card | HubCard) -> Encoder:
    """The encoder of that card, for its weights to be read."""
    if isinstance(card, Card):
        return build(card.name, card.size, card.mean, card.std)
    network = hub.empty(card)
    network.mean, network.std, network.interpolation = card.mean, card.std, card.interpolation
    return HubEncoder(card, network, card.size, card.dim)


def _tensors(path: Path) -> dict[str, Tensor]:
    """Those of the file."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro` to make it")
    with _card.intact(path):
        return load_file(path)


def _check(found: dict[str, Tensor], path: Path, encoder: Encoder) -> None:
    """Raises UserError unless they are those of the encoder, by name, shape and type."""
    wanted, again = encoder.state_dict(), _card.again(path)
    for key in sorted(wanted.keys() | found.keys()):
        if key not in found or key not in wanted:
            what = "lacks" if key not in found else "has an unknown"
            raise UserError(f"{path} {what} {key}: not the weights of {encoder.name} at {encoder.size} px; {again}")
        if (found[key].shape, found[key].dtype) != (wanted[key].shape, wanted[key].dtype):
            raise UserError(
                f"{path}: {key} is {found[key].dtype} {list(found[key].shape)}, and {encoder.name} at "
                f"{encoder.size} px needs {wanted[key].dtype} {list(wanted[key].shape)}; {again}"
            )

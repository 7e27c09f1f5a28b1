"""Weight files from elsewhere: read without running their code, and held against the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeGuard

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from stages.base import readable
from stages.base.errors import UserError

# what training scripts wrap the weights in
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read(path: Path) -> dict[str, Tensor]:
    """The named tensors of a .safetensors or a PyTorch file. Raises UserError for a file that is no such thing."""
    if readable.unfit(path) or not path.is_file():
        raise UserError(f"{path}: no such weight file; mend `weights`, or leave them to the hub")

    def said(reason: str) -> str:
        return (
            f"{path} is neither safetensors nor PyTorch weights ({reason}); fetch it again, or give a "
            ".safetensors or .pth file that holds nothing but tensors"
        )

    with readable.refused(said, AssertionError, AttributeError, TypeError):
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not _named_tensors(content):
        raise UserError(f"{path} holds no named tensors; give the state_dict of the model")
    # DistributedDataParallel's mark
    return {key.removeprefix("module."): value for key, value in content.items()}


def check(path: Path | str, found: Mapping[str, Tensor], network: nn.Module, name: str) -> None:
    """Raises UserError, naming the first keys, unless the tensors are those of the network by name and shape."""
    wanted = network.state_dict()
    # batch norms count their batches, which older files lack
    lacking = [key for key in wanted if key not in found and not key.endswith("num_batches_tracked")]
    unknown = [key for key in found if key not in wanted]
    other = [
        f"{key} {list(found[key].shape)} for {list(wanted[key].shape)}"
        for key in wanted
        if key in found and found[key].shape != wanted[key].shape
    ]
    complaints = [
        f"{what} {', '.join(keys[:3])}{f' and {len(keys) - 3} more' if len(keys) > 3 else ''}"
        for what, keys in (("lacks", lacking), ("has the unknown", unknown), ("has the shapes", other))
        if keys
    ]
    if complaints:
        way = f"give the weights of {name}"
        if in_order(found, wanted) is not None:
            way = f"by order and shape its tensors do fit: save them anew, under the names of {name}'s state_dict()"
        raise UserError(f"{path} does not fit {name}: it {'; it '.join(complaints)}; {way}")


def in_order(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """The tensors found under the names wanted, one by one in order; None unless each has the shape and the last part
    of the name (weight, running_mean) that its place wants. A file without counts of batches will do, as will one with
    a classifier behind all that is wanted."""
    if not any(key.endswith("num_batches_tracked") for key in found):
        wanted = {key: value for key, value in wanted.items() if not key.endswith("num_batches_tracked")}
    if not 0 <= len(found) - len(wanted) <= 2:
        return None
    pairs = list(zip(wanted, found, strict=False))
    for theirs, ours in pairs:
        if found[ours].shape != wanted[theirs].shape or ours.rpartition(".")[2] != theirs.rpartition(".")[2]:
            return None
    return {theirs: found[ours] for theirs, ours in pairs}


def _named_tensors(content: object) -> TypeGuard[Mapping[str, Tensor]]:
    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def classes_in(found: Mapping[str, Tensor], classifier: str) -> int:
    """The outputs of the layer of that name, 0 if the file has none."""
    weight = found.get(f"{classifier}.weight")
    return 0 if weight is None else len(weight)


def unavailable(name: str, error: Exception) -> UserError:
    """The refusal where a hub gave no weights."""
    return UserError(
        f"the weights of {name} can't be had ({readable.reason(error)}); run once on a machine with a network (or with "
        "the hub's cache copied over), or set `weights` to a local .safetensors or .pth file"
    )

"""One file that holds all of a run's state, and the scratch folder where it lies."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TextIO

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from stages.base import readable
from stages.base.errors import UserError
from stages.base.files import whole_file


def save(path: Path, method: nn.Module, optimiser: torch.optim.Optimizer | None, history: list[dict[str, Any]]) -> None:
    """Writes the method's state, the optimiser's if there is one, and the history so far, whole or not at all."""
    tensors: dict[str, Tensor] = {f"method.{key}": value for key, value in method.state_dict().items()}
    for index, state in optimiser.state_dict()["state"].items() if optimiser else ():
        for key, value in state.items():
            if value is not None:
                tensors[f"optimiser.{index}.{key}"] = torch.as_tensor(value)
    # safetensors refuses tensors that share memory
    tensors = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    with whole_file(path) as partial:
        save_file(tensors, partial, metadata={"history": json.dumps(history)})


def restore(path: Path, method: nn.Module, optimiser: torch.optim.Optimizer | None) -> list[dict[str, Any]]:
    """Brings method and optimiser to the saved state and returns the history; without a file it returns none.

    Raises UserError for a file that cannot be read.
    """
    if not path.exists():
        return []
    with _whole(path):
        tensors, history = _read(path)
        _adopt(tensors, method)
        if optimiser is None:
            return history
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".", 2)
                state.setdefault(int(index), {})[name] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        for parameter, moments in optimiser.state.items():
            for name, value in moments.items():
                if value.shape == parameter.shape:
                    # fused steps walk the memory as it lies: moments must lie as their parameter does, channels last
                    moments[name] = torch.empty_like(parameter).copy_(value)
                elif value.ndim:
                    raise ValueError(f"{name} is {list(value.shape)} for a parameter of {list(parameter.shape)}")
    return history


def weights(path: Path, method: nn.Module) -> None:
    """Brings the method alone to the saved state. Raises UserError for a file that cannot be read."""
    with _whole(path):
        _adopt(_read(path)[0], method)


def _whole(path: Path) -> AbstractContextManager[None]:
    def said(reason: str) -> str:
        return f"{path}: a broken checkpoint ({reason}); remove it to begin anew"

    return readable.refused(said, AttributeError, TypeError)


def _adopt(tensors: dict[str, Tensor], method: nn.Module) -> None:
    method.load_state_dict({key.removeprefix("method."): t for key, t in tensors.items() if key.startswith("method.")})


def _read(path: Path) -> tuple[dict[str, Tensor], list[dict[str, Any]]]:
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        history = json.loads((file.metadata() or {})["history"])
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise ValueError("its history is no list of rows")
    return tensors, history


def key(parameters: Mapping[str, Any], inputs: list[Path]) -> str:
    """A hash of the parameters, which say by which code too, and of the contents of the input files and folders."""
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True, default=str).encode())
    for path in inputs:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(str(file).encode())
                with file.open("rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:24]


@contextmanager
def scratch(stage: str, key: str, output: Path) -> Iterator[Path]:
    """The folder `$DVC_ROOT/.scratch/<stage>-<key>`, which outlives a killed run and is removed after a good one.

    DVC_ROOT names the main repository even in the copies in which queued experiments run, so that a run killed in one
    copy goes on in the next. Waits for a process that does the same run for another output, such as another worker of
    the queue. Raises UserError where a process works on the same output.
    """
    room = Path(os.environ.get("DVC_ROOT", ".")).resolve() / ".scratch"
    folder = room / f"{stage}-{key}"
    room.mkdir(parents=True, exist_ok=True)
    of_output = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:24]
    with (room / f"output-{of_output}.lock").open("a+") as mine, (room / f"{stage}-{key}.lock").open("a+") as shared:
        try:
            fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            mine.seek(0)
            owner = mine.read().strip() or "?"
            raise UserError(f"{output}: process {owner} is at work on it; wait for it or end it") from None
        _sign(mine)
        # the lock files stay: to remove one that another process has just opened would give two owners
        fcntl.flock(shared, fcntl.LOCK_EX)
        _sign(shared)
        folder.mkdir(exist_ok=True)
        yield folder
        shutil.rmtree(folder)


def _sign(lock: TextIO) -> None:
    """Writes who holds the lock."""
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()

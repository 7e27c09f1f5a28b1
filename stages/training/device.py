"""Device and precision: the section `compute`."""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, field_validator

from stages.base.errors import UserError

if TYPE_CHECKING:
    import torch


class Compute(BaseModel, extra="forbid", frozen=True):
    """`device`: auto (a GPU if there is one), cpu, cuda or cuda:N; `precision`: auto (bf16 where the hardware has it),
    bf16 or fp32; `compile`: torch.compile on the GPU, which pays after minutes of warm-up."""

    device: str
    precision: Literal["auto", "bf16", "fp32"]
    compile: bool

    @field_validator("device")
    @classmethod
    def _form(cls, device: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?", device):
            raise ValueError("must be auto, cpu, cuda or cuda:N")
        return device


# a claim lasts as long as its file is open, which is until the process ends
_claims: dict[int, int] = {}


def pick(compute: Compute) -> torch.device:
    """The device to work on. With several GPUs and "auto", claims a free one by a file lock, since all workers of a
    DVC queue see the same CUDA_VISIBLE_DEVICES. Raises UserError where a GPU is asked for and there is none."""
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if compute.device == "cpu" or (compute.device == "auto" and count == 0):
        return torch.device("cpu")
    _, _, number = compute.device.partition(":")
    if count == 0 or int(number or 0) >= count:
        raise UserError(f"compute.device={compute.device}: this machine shows {count} GPUs; set auto or cpu")
    # a worker of torchrun has its place already
    worker = os.environ.get("LOCAL_RANK")
    place = int(number or 0)
    if compute.device == "auto":
        place = _claim(count) if worker is None else int(worker) % count
    # else pinned memory would open a context on the first GPU as well
    torch.cuda.set_device(place)
    torch.backends.cudnn.benchmark = True
    return torch.device("cuda", place)


def _claim(count: int) -> int:
    if _claims:
        return next(iter(_claims))
    for gpu in range(count):
        path = Path(tempfile.gettempdir()) / f"little-label-learners-gpu-{os.getuid()}-{gpu}.lock"
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            continue
        _claims[gpu] = handle
        return gpu
    # more workers than GPUs: they share the first
    return 0


def half(compute: Compute, device: torch.device) -> bool:
    """Whether to compute in bfloat16. Raises UserError where it is asked for and the GPU has none."""
    import torch

    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
        if compute.precision == "bf16" and not able:
            raise UserError("compute.precision=bf16: this GPU has no bfloat16; set auto or fp32")
    else:
        able = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return compute.precision == "bf16" or (compute.precision == "auto" and able)


def autocast(device: torch.device, half: bool) -> AbstractContextManager[None]:
    """bfloat16 autocast, or nothing."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=half)

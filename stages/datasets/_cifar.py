"""The archives of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): pickles of rows of bytes, read without trust."""

from __future__ import annotations

import io
import pickle
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.base import readable
from stages.base.errors import UserError
from stages.datasets import Part, _archive, _images

_CORE = ("numpy.core.multiarray", "numpy._core.multiarray")
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
    *((m, "_reconstruct") for m in _CORE),
}


def batches(archive: Path, names: list[str]) -> dict[str, dict[str, Any]]:
    """The named pickles of the archive, whatever folder they lie in. Raises UserError if one is missing."""
    found: dict[str, dict[str, Any]] = {}
    with closing(_archive.entries(archive)) as entries:
        for entry in entries:
            name = entry.name.rsplit("/", 1)[-1]
            if name in names and not entry.folder:
                with readable.refused(partial(_broken, archive, name), AttributeError, TypeError):
                    found[name] = _Plain(io.BytesIO(entry.read()), encoding="latin1").load()
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{archive} has no {missing[0]}; fetch it again")
    return found


def part(name: str, chosen: list[dict[str, Any]], labels: str, size: int, scratch: Path) -> Part:
    """One part from its batches; `labels` is the key of the labels in them."""
    rows = np.concatenate([batch["data"] for batch in chosen])  # [N, 3072]: all red, all green, all blue
    images = np.ascontiguousarray(rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    classes = np.concatenate([np.asarray(batch[labels], dtype=np.int64) for batch in chosen])
    names = [f"{name}/{file}" for batch in chosen for file in batch["filenames"]]
    return Part(_images.resize(images, size, scratch / f"{name}.npy"), classes, names)


def _broken(archive: Path, name: str, reason: str) -> str:
    return f"{archive}: {name} is damaged, or no batch of CIFAR ({reason}); fetch it again"


class _Plain(pickle.Unpickler):
    """Numbers, text, lists and arrays only: a pickle can name any function to be called."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise UserError(f"a CIFAR batch asks for {module}.{name}, which no official one does; fetch it again")
        return super().find_class("numpy._core.multiarray" if module in _CORE else module, name)

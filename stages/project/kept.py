"""What the stages wrote, read again: of a file that is missing or broken one line says which stage makes it anew."""

from __future__ import annotations

import csv
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.base import readable
from stages.base.errors import UserError

if TYPE_CHECKING:
    import pandas

# folder of data/ -> who writes it, and whether it does so for each of its blocks
_MAKERS = {
    "raw": ("download", False),
    "split": ("split", False),
    "encoders": ("pretrain", True),
    "features": ("extract", True),
    "selection": ("select", True),
    "models": ("train", True),
    "evaluation": ("evaluate", True),
    "predictions": ("predict", True),
}


def needed(path: Path) -> Path:
    """The path, if it exists. Raises UserError that says how to make it."""
    if not path.exists():
        raise UserError(f"{path} is missing; run `{_again(path)}`")
    return path


def intact(path: Path) -> AbstractContextManager[None]:
    """While a file is read: turns what is raised for a broken one into UserError."""

    def said(reason: str) -> str:
        return f"{path} is broken ({reason}); remove it and run `{_again(path)}`"

    # what a header of numpy's may raise, and content of another form than ours
    return readable.refused(said, AttributeError, MemoryError, SyntaxError, TypeError, csv.Error)


def array(path: Path, kinds: str, dimensions: int, *, mapped: bool = False) -> np.ndarray:
    """A .npy file of so many dimensions, whose type is of one of numpy's `kinds`, such as "iu"; mapped: read-only, and
    on the disk until it is asked for. Raises UserError."""
    with intact(needed(path)):
        # mapped in any case: no memory is taken for more than the file holds
        found = np.lib.format.open_memmap(path, mode="r")
        _check(found, kinds, dimensions)
        return found if mapped else np.array(found)


def arrays(path: Path, **wanted: tuple[str, int]) -> dict[str, np.ndarray]:
    """Those arrays of a .npz file, each by its kinds and dimensions, as in `array`. Raises UserError."""
    found: dict[str, np.ndarray] = {}
    with intact(needed(path)), np.load(path) as members:
        for name, (kinds, dimensions) in wanted.items():
            found[name] = members[name]
            _check(found[name], kinds, dimensions)
    return found


def read_json(path: Path, *keys: str) -> Any:
    """A JSON file: an object that has these keys. Raises UserError."""
    with intact(needed(path)):
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
        if lacking := [key for key in keys if key not in found]:
            raise ValueError(f"it has no {lacking[0]}")
        return found


def table(path: Path, *columns: str, index: bool = False) -> pandas.DataFrame:
    """A CSV file of numbers that has these columns and a row or more; index: its first column is names. Raises
    UserError."""
    import pandas as pd

    with intact(needed(path)):
        found = pd.read_csv(path, index_col=0 if index else None)
        if lacking := [name for name in columns if name not in found]:
            raise ValueError(f"it has no column {lacking[0]}")
        if not len(found):
            raise ValueError("it has no row")
        if texts := [name for name in found if not pd.api.types.is_numeric_dtype(found[name])]:
            raise ValueError(f"its column {texts[0]} holds more than numbers")
        return found


def _check(found: np.ndarray, kinds: str, dimensions: int) -> None:
    if found.dtype.kind not in kinds or found.ndim != dimensions:
        raise ValueError(f"it holds {found.dtype} of shape {list(found.shape)}")


def _again(path: Path) -> str:
    """The command that makes a file of data/ anew."""
    place = path.parts[1:] if path.parts[:1] == ("data",) else ()
    stage, of_block = _MAKERS.get(place[0] if place else "", ("", False))
    if not stage:
        return "dvc repro"
    return f"dvc repro {stage}@{place[1]}" if of_block and len(place) > 1 else f"dvc repro {stage}"

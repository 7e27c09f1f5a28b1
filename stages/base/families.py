"""Methods, strategies and regimes, each found by the name of its file."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from stages.base.errors import UserError


def names(family: str) -> list[str]:
    """The members of a package below stages/, such as "selection": its files, less those that begin with `_`."""
    return sorted(path.stem for path in (Path(__file__).parent.parent / family).glob("[!_]*.py"))


def load(family: str, name: str) -> ModuleType:
    """Imports one member; its package says by a Protocol what it holds. Raises UserError, with the nearest name, for a
    name that no file bears."""
    known = names(family)
    if name not in known:
        raise UserError(f"no file stages/{family}/{name}.py: {choices(name, known)}")
    return importlib.import_module(f"stages.{family}.{name}")


def choices(name: str, known: Iterable[str]) -> str:
    """The nearest known name and all known names, as the end of a refusal."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{hint}known: {', '.join(known)}"

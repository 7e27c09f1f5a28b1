"""Keys of params.yaml at any depth: those that DVC passes over are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stages.base.errors import UserError
from stages.project.wording import shown

# DVC's run cache knows a run by its parameters, but for these, at any depth: it gives out results of other values
HIDDEN = ("nfiles", "size")
# which dvc.yaml declares by their full names as well, and that counts
DECLARED = ("data.size",)


def check_texts(raw: object, file: object) -> None:
    """Raises UserError for a key that YAML reads as a number, a boolean, a date or null: DVC makes no stage of such a
    block, and says nothing."""
    for where, key in _keys(raw):
        if not isinstance(key, str):
            raise UserError(f"{file}: {where}: a key must be a text; put it in quotes, or give it another name")


def check_seen(raw: object, file: object) -> None:
    """Raises UserError for a key that DVC's run cache passes over. Of known keys only those that people name can be."""
    for where, key in _keys(raw):
        if key in HIDDEN and where not in DECLARED:
            way = "give it another name"
            if where.startswith("split.imbalance."):
                way = f"give {{share: 0.1, classes: [{key}]}} in place of {{{key}: 0.1}}"
            raise UserError(f"{file}: {where}: DVC's run cache passes over a key of this name; {way}")


def _keys(raw: object, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of every mapping, with the steps to it."""
    steps = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in steps:
        step = f"{where}{key if isinstance(key, str) else shown(key)}"
        if isinstance(raw, dict):
            yield step, key
        yield from _keys(value, f"{step}.")

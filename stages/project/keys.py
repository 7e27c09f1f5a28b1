"""Keys of params.yaml at any depth: those that DVC passes over are refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from stages.base.errors import UserError
from stages.project.wording import shown

# DVC's run cache knows a run by its parameters, but for these, at any depth: it gives out results of other values
HIDDEN = ("nfiles", "size")
# which dvc.yaml declares by their full names as well, and that counts
DECLARED = ("data.size",)
# bytes that Linux takes of a file's name, and of a path
LONGEST_NAME, LONGEST = 255, 4095


def check_texts(raw: object, file: object) -> None:
    """Raises UserError for a key that YAML reads as a number, a boolean, a date or null: DVC makes no stage of such a
    block, and says nothing. And for texts, keys or values, that are empty or that no file system takes as a name."""
    for where, key, value in _walk(raw):
        if not isinstance(key, str | _Place):
            raise UserError(f"{file}: {where}: a key must be a text; put it in quotes, or give it another name")
        if isinstance(key, str):
            _check_text(key, LONGEST_NAME, file, shown(where))
        if isinstance(value, str):
            _check_text(value, LONGEST, file, f"{where}={shown(value)}")


def _check_text(text: str, longest: int, file: object, where: str) -> None:
    if not text.strip():  # as a path it is the project itself
        raise UserError(f"{file}: {where}: is empty; write what it stands for, or null where that may stand")
    # a byte-order mark may stand at the head of a file alone
    if any(unicodedata.category(letter) in ("Cc", "Cs") or letter == "\ufeff" for letter in text):
        raise UserError(f"{file}: {where}: holds a character that cannot be seen; write it without")
    if len(text.encode()) > longest:
        raise UserError(f"{file}: {where}: is longer than {longest:,} bytes; shorten it")


def check_seen(raw: object, file: object) -> None:
    """Raises UserError for a key that DVC's run cache passes over. Of known keys only those that people name can be."""
    for where, key, _ in _walk(raw):
        if key in HIDDEN and where not in DECLARED:
            way = "give it another name"
            if where.startswith("split.imbalance."):
                way = f"give {{share: 0.1, classes: [{key}]}} in place of {{{key}: 0.1}}"
            raise UserError(f"{file}: {where}: DVC's run cache passes over a key of this name; {way}")


class _Place(int):
    """A place in a list, which is no key that anyone wrote."""


def _walk(raw: object, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Everything at any depth: the steps to it, its key, and its value."""
    steps: Iterable[tuple[Any, Any]] = raw.items() if isinstance(raw, dict) else ()
    if isinstance(raw, list):
        steps = ((_Place(place), value) for place, value in enumerate(raw))
    for key, value in steps:
        step = f"{where}{key if isinstance(key, str | _Place) else shown(key)}"
        yield step, key, value
        yield from _walk(value, f"{step}.")

"""Keys of params.yaml at any depth: those that DVC passes over are refused."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
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
    for where, key in _keys(raw):
        if not isinstance(key, str):
            raise UserError(f"{file}: {where}: a key must be a text; put it in quotes, or give it another name")
        _check_text(key, LONGEST_NAME, file, shown(where))
    for where, text in _texts(raw):
        _check_text(text, LONGEST, file, f"{where}={shown(text)}")


def _check_text(text: str, longest: int, file: object, where: str) -> None:
    if not text.strip():  # as a path it is the project itself
        raise UserError(f"{file}: {where}: is empty; write what it stands for, or null where that may stand")
    # a byte-order mark may stand at the head of a file alone
    if any(unicodedata.category(letter) in ("Cc", "Cs") or letter == "\ufeff" for letter in text):
        raise UserError(f"{file}: {where}: holds a character that cannot be seen; write it without")
    if len(text.encode()) > longest:
        raise UserError(f"{file}: {where}: is longer than {longest:,} bytes; shorten it")


def _texts(raw: object, where: str = "") -> Iterator[tuple[str, str]]:
    """Every value that is a text, with the steps to it."""
    steps = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    for key, value in steps:
        if isinstance(value, str):
            yield f"{where}{key}", value
        yield from _texts(value, f"{where}{key}.")


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

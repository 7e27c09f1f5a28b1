"""Says where images are mirrored whose meaning that changes: a mirrored digit is another sign, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stages.base import excerpt
from stages.project.params import FILE, Params


def said(parameters: Params) -> str:
    """A line that names every `flip: true` where the data set says that its images must not be mirrored; else empty."""
    name = parameters.data.name
    if getattr(excerpt.module(f"stages.datasets.{name}"), "MIRRORS", True):
        return ""
    sections = {section: dict(parameters.raw[section]) for section in ("pretrain", "models")}
    keys = list(_flips(sections, ""))
    if not keys:
        return ""
    what = f"{FILE}: data.name={name}: a mirrored digit is another sign, or none"
    return f"{what}; set to false: {', '.join(keys)}"


def _flips(block: Any, where: str) -> Iterator[str]:
    if not isinstance(block, dict):
        return
    for key, value in block.items():
        path = f"{where}.{key}" if where else str(key)
        if key == "flip" and value is True:
            yield path
        yield from _flips(value, path)

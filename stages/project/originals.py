"""The images of a data set as they were before they were packed: for people to look at, or to take away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from stages.base import families
from stages.handout.pictures import Reader
from stages.project import kept, layout

# given what was packed of images by name, uint8 [S, S, 3], yields each name with its file, or None where it is not to
# be had; may raise UserError
Files = Callable[[Mapping[str, np.ndarray]], Iterable[tuple[str, bytes | None]]]


def originals(max_pixels: float) -> tuple[str, Reader | None]:
    """What people know the data by, and what gives the originals, if the set has any."""
    data, source, given = _given("originals")
    return data, None if given is None else partial(given, source, max_pixels=max_pixels)


def files(max_pixels: float) -> tuple[str, str | None, Files | None]:
    """What people know the data by, their source, and what gives the files, if the set has any."""
    data, source, given = _given("files")
    return data, source, None if given is None else partial(given, source, max_pixels=max_pixels)


def _given(kind: str) -> tuple[str, str | None, Callable[..., Any] | None]:
    facts = kept.read_json(layout.RAW / "description.json", "name", "source")
    data = Path(facts["source"]).name if facts["name"] == "folder" else facts["name"]
    return data, facts["source"], getattr(families.load("datasets", facts["name"]), kind, None)

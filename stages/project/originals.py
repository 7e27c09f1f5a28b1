"""The images of a data set as they were before they were packed, for people to look at."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from stages.base import families
from stages.handout.pictures import Reader
from stages.project import kept, layout


def originals(max_pixels: float) -> tuple[str, Reader | None]:
    """What people know the data by, and what gives the originals, if the set has any."""
    facts = kept.read_json(layout.RAW / "description.json", "name", "source")
    given = getattr(families.load("datasets", facts["name"]), "originals", None)
    data = Path(facts["source"]).name if facts["name"] == "folder" else facts["name"]
    return data, None if given is None else partial(given, facts["source"], max_pixels=max_pixels)

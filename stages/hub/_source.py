"""A library's source, read for the models that it registers: importing it to check a name takes seconds."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path


@cache
def registered(library: str, pattern: str) -> dict[str, str]:
    """{name: the text of its file} over the files of `models` of that library; the pattern, from the head of a line on,
    has the name as its group."""
    spec = importlib.util.find_spec(library)
    found: dict[str, str] = {}
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in Path(folder, "models").glob("*.py"):
            text = path.read_text(encoding="utf-8")
            found |= dict.fromkeys(re.findall(pattern, text, re.MULTILINE), text)
    return found

"""Names from outside: a letter with an accent is one character or two, by the system that wrote it."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator


def composed(text: str) -> str:
    """The text with each letter and its accents in one character, as most programs write them (Unicode's form NFC)."""
    return unicodedata.normalize("NFC", text)


# the name of a class, as parameters give it
ClassName = Annotated[str, AfterValidator(composed)]


def existing(path: Path) -> Path:
    """The path or, where nothing is there, the one that only forms of letters tell from it; else as it was given."""
    if str(path).isascii() or _is_there(path):
        return path
    found = Path(path.anchor)
    for part in path.parts[bool(path.anchor) :]:
        if not _is_there(found / part) and found.is_dir():
            part = next((one.name for one in found.iterdir() if composed(one.name) == composed(part)), part)
        found /= part
    return found if _is_there(found) else path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long
        return False

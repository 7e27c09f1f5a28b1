"""One answer, and how files of them are opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.errors import UserError


@dataclass(frozen=True)
class Answer:
    """`image`: its path as the data set has it; `label`: never empty, without spaces around; `where`: file and line."""

    image: str
    label: str
    where: str


def text_of(path: Path) -> str:
    """The file as text, without a byte order mark. Raises UserError, with the line, for other bytes than UTF-8."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UserError(f"{path}, line {line}: not UTF-8; save it as UTF-8 (in Excel: CSV UTF-8)") from None


def tidy(text: str) -> str:
    """Without spaces around, and with single ones inside."""
    return " ".join(text.split())

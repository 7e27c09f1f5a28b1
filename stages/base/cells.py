"""Cells of tables for spreadsheets, which run as a formula what begins with one of a few characters: CSV injection.

As OWASP advises (owasp.org/www-community/attacks/CSV_Injection), an apostrophe goes before such a text; reading takes
it off again. Numbers stay numbers.
"""

from __future__ import annotations

import re

# what a spreadsheet takes for the beginning of a formula, full-width forms among it
RISKY = "=+\\-@\t\r\uff1d\uff0b\uff0d\uff20"
_NUMBER = re.compile(r"-\d+(\.\d+)?([eE][-+]?\d+)?")
# what has apostrophes before it already gets one more, so that each text comes back as it was
_GUARDED = re.compile(rf"'*[{RISKY}]")


def guarded(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    return f"'{text}" if _GUARDED.match(text) and not _NUMBER.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """The text of which `guarded` made this cell; any other cell is the text itself."""
    return cell[1:] if cell.startswith("'") and _GUARDED.match(cell) else cell

"""Fonts for names in any script: the one that comes with matplotlib, then those of the machine that have what it lacks.

A font for Chinese, Japanese and Korean alone weighs 16 MB, so none is installed with the project.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = "DejaVu Sans"
# draws every letter as a box that names its script
_BOXES = "Last Resort High-Efficiency"


def families(texts: Iterable[str]) -> list[str]:
    """The fonts that draw these texts: DejaVu Sans and, for letters that it lacks, as few others as do."""
    return [OURS, *_others("".join(sorted(_lacking(texts))))[0]]


def unreadable(texts: Iterable[str]) -> str:
    """The letters that no font of this machine has, each once; a picture shows boxes in their place."""
    return _others("".join(sorted(_lacking(texts))))[1]


def set_families(figure: Figure) -> None:
    """Gives all texts of a figure the fonts that they need."""
    from matplotlib.text import Text

    for axis in figure.axes:
        # writes the texts of the ticks, which otherwise stand only once they are drawn
        axis.get_xticklabels()
        axis.get_yticklabels()
    texts = [one for one in figure.findobj(Text) if isinstance(one, Text)]
    found = families(one.get_text() for one in texts)
    if len(found) > 1:
        for one in texts:
            one.set_fontfamily(found)


def _lacking(texts: Iterable[str]) -> set[str]:
    letters = {letter for text in texts for letter in text if letter.isprintable()}
    # before any font is opened: most names are of these alone
    return {letter for letter in letters if not letter.isascii() and ord(letter) not in _letters(_ours())}


@cache
def _others(letters: str) -> tuple[list[str], str]:
    """Fonts that have these letters together, and the letters that are left; Google's Noto fonts first, for they suit
    each other."""
    found: list[str] = []
    left = {ord(letter) for letter in letters}
    names = sorted(set(_files()) - {OURS, _BOXES}, key=lambda name: (not name.startswith("Noto Sans"), name))
    while left:
        counts = {name: len(left & _letters(_files()[name])) for name in names}
        best = max(counts, key=lambda name: counts[name], default="")
        if not counts.get(best):
            break
        found.append(best)
        left -= _letters(_files()[best])
    return found, "".join(map(chr, sorted(left)))


@cache
def _ours() -> str:
    from matplotlib.font_manager import findfont

    return findfont(OURS)


@cache
def _files() -> dict[str, str]:
    """The upright, regular file of each font that matplotlib knows."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    # matplotlib keeps a list of its own, which does not know what was installed since
    for file in sorted(set(findSystemFonts()) - {one.fname for one in fontManager.ttflist}):
        # a broken font is no font
        with contextlib.suppress(Exception):
            fontManager.addfont(file)
    fonts = sorted(fontManager.ttflist, key=lambda one: one.fname)
    return {one.name: one.fname for one in fonts if one.style == "normal" and one.weight in (400, "normal", "regular")}


@cache
def _letters(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(file).get_charmap())

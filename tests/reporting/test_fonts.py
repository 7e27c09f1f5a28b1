"""Names outside of Latin are drawn by fonts of the machine that have them, and what none has is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stages.reporting import figures
from stages.reporting.figures import fonts
from stages.reporting.figures.fonts import OURS, families, unreadable

HOOKED = "\u1d81"  # d with a palatal hook: STIX, which comes with matplotlib, has it, and DejaVu Sans has not


def test_names_of_latin_greek_and_cyrillic_need_no_other_font() -> None:
    assert families(["cat", "chaîne", "κύκνος", "кот"]) == [OURS]
    assert unreadable(["cat", "chaîne", "κύκνος", "кот"]) == ""


def test_another_font_is_taken_for_letters_that_ours_lacks() -> None:
    first, *others = families(["cat", HOOKED])
    assert first == OURS
    assert len(others) == 1
    assert ord(HOOKED) in fonts._letters(fonts._files()[others[0]])
    assert unreadable([HOOKED]) == ""


def test_letters_that_no_font_has_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {OURS: fonts._files()[OURS]}
    monkeypatch.setattr(fonts, "_files", lambda: ours)
    fonts._others.cache_clear()
    assert families([HOOKED]) == [OURS]
    assert unreadable([HOOKED, f"a{HOOKED}", "猫", "b"]) == f"{HOOKED}猫"
    fonts._others.cache_clear()


@pytest.mark.filterwarnings("error")
def test_a_picture_of_such_names_is_drawn_without_a_word(tmp_path: Path) -> None:
    names = [HOOKED, "猫", "सेब", "قط"]
    figures.confusion(np.eye(4), names, tmp_path / "odd.png", title="m")
    assert (tmp_path / "odd.png").stat().st_size > 5000

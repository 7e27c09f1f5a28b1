"""Parameters gone wrong: whatever they say, it ends in one line, or in a run that ends."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from stages import preset
from stages.base.errors import UserError
from stages.project import params
from tests import blocks
from tests.mutations import garbled, mutated

QUICK, ALL = 100, 3000
# of these as text, which takes the reader of YAML its time
IN_TEXT = 10


@cache
def sources() -> list[dict[str, Any]]:
    """params.yaml, with the preset of all members first, and with every other."""
    names = sorted(preset.names(), key=lambda name: name != "baselines")
    return [blocks.base(), *(preset.overlay(blocks.base(), preset.load(name)) for name in names)]


def said(number: int, path: Path) -> tuple[str | None, str]:
    """The refusal of a mutation, None where it passes, and what it is."""
    raw = sources()[number % len(sources())]
    try:
        if number % IN_TEXT:
            raw, what = mutated(raw, number)
            params.Params(raw).check_blocks()
        else:
            text, what = garbled(raw, number)
            path.write_text(text, encoding="utf-8")
            params.read(path)
    except UserError as error:
        return str(error), what
    return None, what


def check(numbers: range, path: Path) -> None:
    refused = passed = 0
    for number in numbers:
        what = f"mutation {number}"
        try:
            line, what = said(number, path)
        except Exception as error:
            raise AssertionError(f"mutation {number}: {mutation(number)}: {error!r}") from error
        if line is None:
            passed += 1
            continue
        refused += 1
        # json and other libraries have lines of their own, which `errors.run` brings into one
        assert line.isprintable() and len(line) < 2000, f"mutation {number}: {what}: {line!r}"
    assert refused > len(numbers) / 2 and passed > len(numbers) / 50


def mutation(number: int) -> str:
    raw = sources()[number % len(sources())]
    return mutated(raw, number)[1] if number % IN_TEXT else garbled(raw, number)[1]


def test_mistakes_end_in_one_line(tmp_path: Path) -> None:
    check(range(QUICK), tmp_path / "params.yaml")


@pytest.mark.slow
@pytest.mark.anywhere
def test_many_mistakes_end_in_one_line(tmp_path: Path) -> None:
    check(range(QUICK, ALL), tmp_path / "params.yaml")

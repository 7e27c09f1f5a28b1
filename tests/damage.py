"""Seeded damage to a file: whoever reads it says so in one line, or reads it right."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path

from stages.base.errors import UserError


def changed(data: bytes, draw: random.Random) -> bytes:
    """Some bytes changed, or the end cut off."""
    found = bytearray(data)
    for _ in range(draw.choice([1, 1, 1, 2, 8])):
        place = draw.randrange(len(found))
        odd = [draw.randrange(256), 0, 255, found[place] ^ 1 << draw.randrange(8), *b"9[({'\\"]
        found[place] = draw.choice(odd)
    if draw.random() < 0.05:
        del found[draw.randrange(len(found)) :]
    return bytes(found)


def refusals(
    path: Path,
    read: Callable[[Path], object],
    seeds: Iterable[int],
    damaged: Callable[[bytes, random.Random], bytes] = changed,
) -> list[str]:
    """The lines in which `read` refuses a file, damaged by each seed; each names the file."""
    whole, lines = path.read_bytes(), []
    read(path)
    for seed in seeds:
        path.write_bytes(damaged(whole, random.Random(f"{path.name}, {seed}")))
        try:
            read(path)
        except UserError as error:
            lines.append(str(error))
            assert path.name in lines[-1] and "\n" not in lines[-1] and len(lines[-1]) < 1000, f"seed {seed}: {error}"
        except Exception as error:
            raise AssertionError(f"{path.name}, seed {seed}: {error!r}") from error
    return lines

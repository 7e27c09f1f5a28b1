"""Random streams: no two purposes share one, and no code makes one in another way."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import torch

from stages.base import draws
from stages.selection import NONE, random
from stages.splitting.stratify import held_out

STAGES = Path(__file__).parent.parent.parent / "stages"


def test_a_ranking_does_not_begin_with_what_a_split_holds_out() -> None:
    """[seed, label] of the split met [seed, salt] of the ranking: with class 1 alone they took the same images."""
    settings = random.Settings(strategy="random", extractor="pixels")
    ranked = random.select(
        np.zeros((50, 1), np.float32), 50, settings, labelled=NONE, seed=0, device=torch.device("cpu")
    ).indices
    held = held_out(np.ones(50, np.int64), ["none", "all"], 0.2, 0, "split.validation")
    assert set(ranked[:10]) != set(np.flatnonzero(held))


def test_the_name_and_every_number_tell_streams_apart_and_zeros_too() -> None:
    calls = [
        (0, "a"),
        (0, "a", 0),
        (0, "a", 0, 0),
        (0, "a", 1),
        (1, "a"),
        (1, "a", 0),
        (0, "b"),
        (10, "a"),
        (2**63, "a"),
    ]
    assert len({draws.rng(*call).random() for call in calls}) == len(calls)
    assert len({draws.number(*call) for call in calls}) == len(calls)
    assert all(0 <= draws.number(*call) < 2**63 and draws.number(*call, bits=32) < 2**32 for call in calls)
    assert draws.rng(3, "a", 4).random() == draws.rng(np.int64(3), "a", np.int64(4)).random()  # type: ignore[arg-type]


def test_every_stream_is_named_and_no_name_stands_twice() -> None:
    names: list[str] = []
    for path in sorted(STAGES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            function = ast.unparse(node.func)
            where = f"{path.relative_to(STAGES)}:{node.lineno}: {ast.unparse(node)}"
            made = function.split(".")[-1] in ("default_rng", "SeedSequence", "RandomState")
            assert not made or path.name == "draws.py", f"{where}; take draws.rng"
            if function.split(".")[-1] == "manual_seed":
                assert ast.unparse(node.args[0]).startswith("draws.number("), f"{where}; take draws.number"
            for keyword in node.keywords:
                if keyword.arg == "random_state":
                    assert ast.unparse(keyword.value).startswith("draws.number("), f"{where}; take draws.number"
            if function in ("draws.rng", "draws.number"):
                assert isinstance(node.args[1], ast.Constant), f"{where}; write its name out"
                names.append(node.args[1].value)
    assert len(names) > 15
    assert sorted(names) == sorted(set(names))

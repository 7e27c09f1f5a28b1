"""Parameters gone wrong that pass the check, on a few small pictures: the run ends with a result, or in one line."""

from __future__ import annotations

import contextlib
import copy
import importlib
import io
import multiprocessing
import os
import random
import signal
import sys
import traceback
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from stages.base import errors
from stages.base.errors import UserError
from stages.project import params
from stages.project.reading import load_yaml
from tests import blocks
from tests.mutations import mutated, places
from tests.test_preset_runs import SECTIONS, STAGES, cut, pictures

RUNS = 60
LIMIT = 300  # seconds of processor time for one run, which takes some
# what takes time, and where a long or a large one is as right as a short one
TIME = {
    "epochs": 2,
    "steps": 2,
    "batch_size": 64,
    "clusterings": 3,
    "iterations": 5,
    "patches": 3,
    "mu": 2,
    "number": 2,
}
TIME |= {"operations": 3, "passes": 5, "prototypes": 64, "prediction": 256, "width": 64, "map_images": 50}
# with the hubs' models one needs their weights
OFFLINE = {"pretrain": ["hub"]}


@cache
def headline() -> dict[str, Any]:
    return blocks.base()


def one_of_each(seed: int, source: Path) -> dict[str, Any]:
    """Parameters with a few blocks, of members drawn by seed."""
    draw = random.Random(seed)
    raw = copy.deepcopy(headline())

    def member(section: str, **changes: Any) -> dict[str, Any]:
        found = blocks.blocks(section)
        name = draw.choice([name for name in found if name not in OFFLINE.get(section, [])])
        return found[name] | {key: value for key, value in changes.items() if key in found[name]}

    raw["pretrain"] = {
        "scratch": {"method": "scratch", "encoder": "conv4"},
        "simclr": member("pretrain", encoder="conv4"),
    }
    raw["extractors"] = {name: raw["extractors"][name] for name in ("pixels", "simclr")}
    raw["strategies"] = {name: member("strategies", extractor=draw.choice(["pixels", "simclr"])) for name in "ab"}
    model = member("models", init=draw.choice(["scratch", "simclr"]))
    if model["follows"] != "schedule" and draw.random() < 0.5:
        model |= {"follows": "rounds", "acquisition": draw.choice(list(blocks.acquisitions().values()))}
    raw["models"] = {"model": model}
    raw["labels"]["strategy"] = "a"
    return cut(raw, source)


def calm(raw: dict[str, Any], before: dict[str, Any]) -> None:
    """Makes what a mistake left long short again, and takes UMAP out, which compiles for half a minute."""
    for holder, key in places(raw):
        value = holder[key]
        if key in TIME and isinstance(value, int) and not isinstance(value, bool):
            holder[key] = min(value, TIME[key])
        elif key in ("projection", "heads") and isinstance(value, list):
            holder[key] = [min(one, 128) for one in value]
        elif key == "reduction" and value == "umap":
            holder[key] = "pca"
    for block in (*raw["pretrain"].values(), *raw["models"].values()):
        block |= blocks.warm(block, block.get("epochs", 0))
    raw["data"]["size"] = min(raw["data"]["size"], 48)
    raw["data"]["source"] = before["data"]["source"]
    raw["evaluation"]["umap"] = False
    raw["compute"]["device"] = "cpu"
    raw["seeds"] = raw["seeds"][:2]


def sample(count: int, source: Path) -> list[tuple[str, dict[str, Any]]]:
    """Mutations that pass the check, the first so many, and what they are."""
    found: list[tuple[str, dict[str, Any]]] = []
    number = 0
    while len(found) < count:
        number += 1
        before = one_of_each(number, source)
        raw, what = mutated(before, number)
        try:
            params.Params(raw).check_blocks()
            calm(raw, before)
            params.Params(raw).check_blocks()
        except UserError:
            continue
        found.append((f"{number}: {what}", raw))
    return found


def run(folder: Path) -> None:
    """All stages, as people run them, in a process of its own: exit status 0, or 1 with a line in `said`."""
    os.chdir(folder)
    torch.set_num_threads(1)
    signal.setitimer(signal.ITIMER_PROF, LIMIT)
    raw = load_yaml(params.FILE)
    said = io.StringIO()
    code: Any = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            for verb in STAGES:
                for key in raw[SECTIONS[verb]] if verb in SECTIONS else [None]:
                    sys.argv = [f"stages.{verb}", *([key] if key else [])]
                    errors.run(importlib.import_module(f"stages.{verb}").main)
        except SystemExit as exit:
            code = exit.code
        except BaseException:
            traceback.print_exc()
            code = 3
    (folder / "said").write_text(said.getvalue(), encoding="utf-8")
    os._exit(code)


@pytest.mark.slow
@pytest.mark.anywhere
def test_what_passes_the_check_ends(tmp_path: Path) -> None:
    pictures(tmp_path / "pictures")
    wrong = []
    for number, (what, raw) in enumerate(sample(RUNS, tmp_path / "pictures")):
        folder = tmp_path / str(number)
        (folder / "data").mkdir(parents=True)
        (folder / "data" / "none").touch()
        (folder / "params.yaml").write_text(blocks.written(raw), encoding="utf-8")
        process = multiprocessing.get_context("fork").Process(target=run, args=(folder,))
        process.start()
        process.join()
        said = (folder / "said").read_text(encoding="utf-8") if (folder / "said").exists() else "no end"
        lines = [line for line in said.splitlines() if line.startswith("error: ")]
        if process.exitcode == 0 and (folder / "metrics" / "metrics.json").exists():
            continue
        if process.exitcode == 1 and len(lines) == 1 and "Traceback" not in said:
            continue
        wrong.append(f"mutation {what}: exit {process.exitcode}: {said[-1500:]}")
    assert not wrong, "\n\n".join(wrong)

"""An unchanged `dvc repro` beside `dvc --version`, on the pipeline as it is, with small files for its results."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import torch

from tests.benchmarks.rows import Row, alternating

ROOT = Path(__file__).parents[2]
MOST = 2.0


def rows(full: bool, device: torch.device) -> list[Row]:
    return [unchanged(rounds=9 if full else 5)]


def unchanged(*, rounds: int) -> Row:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        stages = finished_pipeline(folder)
        times = alternating(lambda: repro(folder), lambda: dvc(folder, "--version"), rounds)
        before = children()
        repro(folder)
        computing = children() - before
    ours, other = map(median, times)
    what = f"unchanged dvc repro ({stages} stages) / dvc --version"
    shown = f"{ours:.2f} s, {computing:.2f} s of CPU"
    return Row(what, shown, f"{other:.2f} s", f"{ours / other:.1f} x", f"<= {MOST:g} s", ours <= MOST)


def finished_pipeline(folder: Path) -> int:
    """A copy of the project in which every stage has run, as far as DVC can tell. Returns the number of stages."""
    from dvc.repo import Repo

    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    (folder / "data").mkdir()
    for name in ("dvc.yaml", "params.yaml", ".dvcignore", ".dvc/config", "data/none"):
        shutil.copyfile(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    with Repo(str(folder)) as repo:
        stages = repo.index.stages
        paths = {Path(item.fs_path) for stage in stages for item in (*stage.deps, *stage.outs)}
    # files within a folder come before it, so that no folder that has some gets one more
    for path in sorted(paths, key=lambda path: len(path.parts), reverse=True):
        if not path.exists():
            file = path if path.suffix else path / "result"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(str(path.relative_to(folder)))
    dvc(folder, "commit", "--force", "--quiet")
    return len(stages)


def children() -> float:
    """Seconds of CPU of all processes started and ended so far: what a loaded machine does not stretch."""
    spent = os.times()
    return spent.children_user + spent.children_system


def repro(folder: Path) -> None:
    said = dvc(folder, "repro")
    if "up to date" not in said:
        raise RuntimeError(f"dvc repro found something to do:\n{said}")


def dvc(folder: Path, *arguments: str) -> str:
    """What the command says. DVC_NO_ANALYTICS: nothing is sent."""
    environment = os.environ | {"DVC_NO_ANALYTICS": "1"}
    command = [sys.executable, "-m", "dvc", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout

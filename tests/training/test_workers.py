import filecmp
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from stages import preset
from stages.base.errors import UserError
from stages.project import layout, reading
from stages.training import workers
from tests.blocks import base, warm, written
from tests.tiny import LABELS, pictures

pytestmark = pytest.mark.anywhere


def project(folder: Path) -> None:
    """The smallest folder in which pretrain and train run: three seeds, one epoch."""
    raw = preset.overlay(base(), preset.load("demo"))
    raw["seeds"] = [0, 1, 2]
    raw["labels"] |= {"strategy": "random", "budget": 15}
    raw["schedule"] |= {"start_classes": 1}
    raw["evaluation"] |= {"subsets": {}}
    for blocks in (raw["pretrain"], raw["models"]):
        for block in blocks.values():
            if "epochs" in block:
                block |= warm(block, 1) | {"steps": 2, "batch_size": 16}
    (folder / "params.yaml").write_text(written(raw))
    for path in ("raw/train", "split", "selection/random"):
        (folder / "data" / path).mkdir(parents=True)
    np.save(folder / "data/raw/train/images.npy", pictures())
    layout.write_json(folder / "data/raw/description.json", {"digest": "none"})
    np.savez(folder / "data/split/pool.npz", indices=np.arange(60), labels=LABELS, first=np.arange(60))
    np.savez(folder / "data/split/validation.npz", indices=np.arange(30), labels=LABELS[:30], first=np.arange(30))
    facts = {"classes": ["a", "b", "c"], "size": 32, "mean": [0.5] * 3, "std": [0.25] * 3}
    layout.write_json(folder / "data/split/description.json", facts)
    layout.PretrainingPool(np.arange(60), LABELS, **facts).write(folder / layout.SEEN)
    rankings = np.stack([np.random.default_rng(seed).permutation(60) for seed in range(3)])
    np.save(folder / "data/selection/random/ranking.npy", rankings)


def stage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "PATH": path} | environment
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_two_processes_give_the_files_of_one(tmp_path: Path) -> None:
    results = {}
    for name, environment in (("one", {}), ("two", {"LAUNCHER": "torchrun --nproc-per-node=2"})):
        (tmp_path / name).mkdir()
        project(tmp_path / name)
        for arguments in (("stages.pretrain", "scratch"), ("stages.train", "gradual")):
            done = stage(tmp_path / name, *arguments, **environment)
            assert done.returncode == 0, done.stderr
        root = tmp_path / name / "data"
        results[name] = sorted(str(file.relative_to(root)) for file in root.rglob("*") if file.is_file())
    assert results["one"] == results["two"]
    made = [file for file in results["one"] if file.startswith(("models", "encoders"))]
    assert len(made) == 3 * 2 + 3 * 6
    _, differ, errors = filecmp.cmpfiles(tmp_path / "one/data", tmp_path / "two/data", made, shallow=False)
    assert not differ and not errors


def test_the_stage_tells_no_label_that_the_budget_does_not_buy(tmp_path: Path) -> None:
    """Scrambles, on disk, every label beyond the budget: `python -m stages.train` writes the same weights."""
    ranking = np.random.default_rng(0).permutation(60)
    for name in ("honest", "blind"):
        (tmp_path / name).mkdir()
        project(tmp_path / name)
        labels = LABELS.copy()
        if name == "blind":
            labels[ranking[15:]] = np.random.default_rng(1).permutation(labels[ranking[15:]])
            assert (labels != LABELS).sum() > 10
        np.savez(tmp_path / name / "data/split/pool.npz", indices=np.arange(60), labels=labels, first=np.arange(60))
        raw = reading.load_yaml(tmp_path / name / "params.yaml")
        (tmp_path / name / "params.yaml").write_text(written(raw | {"seeds": [0]}))
        one = np.load(tmp_path / name / "data/selection/random/ranking.npy")[:1]
        np.save(tmp_path / name / "data/selection/random/ranking.npy", one)
        for arguments in (("stages.pretrain", "scratch"), ("stages.train", "supervised")):
            done = stage(tmp_path / name, *arguments)
            assert done.returncode == 0, done.stderr
    made = ["weights.safetensors", "head.safetensors", "history.csv"]
    folders = [tmp_path / name / "data/models/supervised/seed-0" for name in ("honest", "blind")]
    assert filecmp.cmpfiles(*folders, made, shallow=False)[0] == made


def test_each_worker_has_its_part(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workers.mine([0, 1, 2]) == [0, 1, 2]
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    assert workers.mine([0, 1, 2]) == [1]


def test_a_launcher_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAUNCHER", "torchrum --nproc-per-node=2")
    with pytest.raises(UserError, match="LAUNCHER=torchrum: no such command"):
        workers.launch("stages.train")

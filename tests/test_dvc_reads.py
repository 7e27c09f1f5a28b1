"""Holds the data that dvc.yaml declares against what the stages open: a file that is read and not declared leaves stale
results behind, and one that is declared and not read reruns what did not change."""

from __future__ import annotations

import ast
import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stages import preset
from stages.project import lineage
from tests import blocks
from tests.test_dvc_yaml import STAGES, Instance, instances, within

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent
ANSWERS = "image,label\ntrain/00001,1\n"  # which the digits say, too


def parameters() -> dict[str, Any]:
    """One or two instances of each stage, on the digits and a file of answers."""
    raw = preset.overlay(blocks.base(), preset.load("demo"))
    raw["seeds"] = [0]
    raw["compute"]["device"] = "cpu"
    raw["labels"] |= {"strategy": "random", "budget": 40, "file": "answers.csv"}
    raw["rounds"] |= {"start": 20, "step": 20, "restart": False}
    raw["evaluation"] |= {"umap": False, "map_images": 20}
    raw["pretrain"]["simclr"] |= blocks.warm(raw["pretrain"]["simclr"], 1) | {"steps": 1}
    raw["strategies"]["random"] |= {"extractor": "pixels"}
    raw["strategies"] = {name: raw["strategies"][name] for name in ("random", "kmeans")}
    raw["models"] = {name: raw["models"][name] | {"epochs": 2, "steps": 1} for name in ("supervised", "gradual")}
    raw["models"]["asking"] = raw["models"]["supervised"] | {
        "init": "simclr",
        "follows": "rounds",
        "acquisition": {"name": "margin"},
    }
    raw["predict"] |= {"models": ["supervised", "asking"], "folds": 2}
    return copy.deepcopy(raw)


INSTANCES = instances(parameters())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every stage has run, with what each has read and imported."""
    folder = tmp_path_factory.mktemp("opened")
    (folder / "data").mkdir()
    (folder / "data" / "none").touch()
    (folder / "answers.csv").write_text(ANSWERS)
    (folder / "params.yaml").write_text(blocks.written(parameters()))
    commands = [[one.verb, one.key] if one.key else [one.verb] for one in INSTANCES]
    done = subprocess.run(
        [sys.executable, "-m", "tests.opened"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def opened(folder: Path) -> dict[str, list[str]]:
    """By the name of each instance, what it has read of the project's folder."""
    found = json.loads((folder / "opened.json").read_text())
    return {one.name: [path for path in paths if not own(path)] for one, paths in zip(INSTANCES, found, strict=True)}


def own(path: str) -> bool:
    """Whether it is the parameters, or what a stage works at or spares itself."""
    return (
        path == "params.yaml"
        or within(path, ".scratch")
        or within(path, ".vectors")
        or ".partial" in {Path(one).suffix for one in Path(path).parts}
    )


def data(instance: Instance) -> list[str]:
    """What it declares besides code."""
    paths = [path for path in instance.paths("deps") if not within(path, "stages") and not within(path, "data/code")]
    return [path for path in paths if path != "data/none"]


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda one: one.name)
def test_what_a_stage_opens_is_declared(instance: Instance, opened: dict[str, list[str]]) -> None:
    # compare puts the pictures that it drew into its page
    known = [*data(instance), *instance.paths("outs")]
    assert not [path for path in opened[instance.name] if not any(within(path, one) for one in known)]


@pytest.mark.parametrize("verb", STAGES)
def test_what_a_stage_declares_one_of_its_instances_opens(verb: str, opened: dict[str, list[str]]) -> None:
    """Random weights, say, need no image."""
    mine = [one for one in INSTANCES if one.verb == verb]
    read = [path for one in mine for path in opened[one.name]]
    assert not [path for one in mine for path in data(one) if not any(within(found, path) for found in read)]


def test_the_record_sees_files_of_every_kind(opened: dict[str, list[str]]) -> None:
    """Mapped arrays, archives of arrays, tensors, tables, JSON."""
    assert {"data/raw/train/images.npy", "data/split/pool.npz"} <= set(opened["train@asking"])
    assert "data/encoders/simclr/seed-0/weights.safetensors" in opened["extract@simclr"]
    assert {"data/models/asking/seed-0/history.csv", "data/selection/random/quality.json"} <= set(opened["compare"])
    assert "answers.csv" in opened["split"]


@pytest.fixture(scope="module")
def refusing() -> set[str]:
    """The modules that are imported to check parameters, whether a stage uses them or not."""
    code = "import json, sys, stages.project.estimate; print(json.dumps([*sys.modules]))"
    return lineage.REFUSING | set(json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)))


@pytest.mark.parametrize("instance", [one for one in INSTANCES if one.verb != "code"], ids=lambda one: one.name)
def test_what_a_stage_imports_is_in_its_stamp_or_only_refuses(
    instance: Instance, folder: Path, refusing: set[str]
) -> None:
    """The stamp is made by reading code; here the same stage has run, and Python says what it imported."""
    imported = json.loads((folder / "imported.json").read_text())[INSTANCES.index(instance)]
    stamp = lineage.stamp(lineage.Instance(instance.verb, instance.key), parameters())
    if instance.verb == "evaluate":
        # of the block of its model it only checks the keys
        imported = [
            name for name in imported if name.split(".")[1:2] not in (["regimes"], ["acquisition"], ["modules"])
        ]
    files = {name: file_of(name) for name in set(imported) - refusing}
    missed = {name for name, file in files.items() if file.relative_to(ROOT).as_posix() not in stamp}
    assert not {name for name in missed if len(ast.parse(files[name].read_text()).body) > 1}


def file_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

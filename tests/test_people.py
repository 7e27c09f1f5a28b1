"""People in the loop, from a folder that nobody has labelled to the comparison: what is handed out comes back as
labels, with and without a labelled test part."""

from __future__ import annotations

import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages import preset
from stages.base.errors import UserError
from stages.project import kept, layout
from tests import blocks
from tests.browser import browser

pytestmark = pytest.mark.anywhere

CLASSES = ["nil", "one", "two"]
POOL, BUDGET = 90, 24


class Project:
    """A project in the working folder; `truth`: the class of each picture, which people see and no stage is told."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, *, test: bool) -> None:
        self.monkeypatch = monkeypatch
        self.truth = pictures(folder / "photos", test=test)
        (folder / "data").mkdir()
        (folder / "data" / "none").touch()
        self.raw = parameters()
        monkeypatch.chdir(folder)
        self.set()

    def set(self, **changes: dict[str, Any]) -> None:
        """Changes keys of sections of params.yaml."""
        for section, values in changes.items():
            self.raw[section] |= values
        Path("params.yaml").write_text(blocks.written(self.raw))

    def run(self, *stages: str) -> None:
        """Runs stages, such as "select kmeans", one after the other."""
        for stage in stages:
            verb, *arguments = stage.split()
            self.monkeypatch.setattr(sys, "argv", [f"stages.{verb}", *arguments])
            importlib.import_module(f"stages.{verb}").main()

    def select(self) -> None:
        self.run("split", "extract pixels", "select kmeans", "select random")

    def train(self) -> None:
        models = list(self.raw["models"])
        self.run(*(f"train {name}" for name in models), *(f"evaluate {name}" for name in models), "compare")

    def fill(self, folder: Path) -> None:
        """Labels all of labels.csv in a folder, as a person would."""
        rows = table(folder)
        with (folder / "labels.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows({**row, "label": self.truth[row["image"]]} for row in rows)


def pictures(folder: Path, *, test: bool) -> dict[str, str]:
    """Digits as PNG: flat, or in `unlabelled` beside `test/<class>/`. Returns the class of each one without a label."""
    from sklearn.datasets import load_digits

    images, targets = load_digits(n_class=3, return_X_y=True)
    truth = {}
    for number, (pixels, target) in enumerate(zip(images[: 2 * POOL], targets[: 2 * POOL], strict=True)):
        name = f"img {number:03}.png"
        if number >= POOL:
            name = f"test/{CLASSES[target]}/{number}.png"
        elif test:
            name = f"unlabelled/{name}"
        if number >= POOL and not test:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels.reshape(8, 8) * 15).astype(np.uint8)).resize((32, 32)).save(folder / name)
        if number < POOL:
            truth[name] = CLASSES[target]
    return truth


def parameters() -> dict[str, Any]:
    """Every stage, cut down."""
    raw: dict[str, Any] = preset.overlay(blocks.base(), preset.load("demo"))
    raw["seeds"] = [0, 1]
    raw["compute"]["device"] = "cpu"
    raw["data"] |= {"name": "folder", "source": "photos"}
    raw["labels"] |= {"strategy": "kmeans", "budget": BUDGET}
    raw["split"]["validation"] = 0
    raw["schedule"]["start_classes"] = 3
    raw["evaluation"] |= {"umap": False, "subsets": {}}
    raw["pretrain"] = {"scratch": raw["pretrain"]["scratch"]}
    raw["extractors"] = {"pixels": raw["extractors"]["pixels"]}
    raw["strategies"] = {name: raw["strategies"][name] | {"extractor": "pixels"} for name in ("kmeans", "random")}
    raw["models"] = {name: raw["models"][name] | {"epochs": 2, "steps": 2} for name in ("supervised", "gradual")}
    raw["models"]["supervised"]["acquisition"] = {"name": "margin"}
    return raw


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def labelled() -> dict[str, str]:
    """What the split says now of the images of pool and validation."""
    names, classes = np.load(layout.RAW / "train" / "names.npy"), layout.description()["classes"]
    parts = [layout.part(name) for name in ("pool", "validation")]
    return {
        str(names[row]): classes[label]
        for part in parts
        for row, label in zip(part.indices, part.labels, strict=True)
        if label >= 0
    }


@pytest.fixture(params=[False, True], ids=["flat", "with a test part"])
def project(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Downloaded, split and selected; nobody has been asked yet."""
    project = Project(tmp_path, monkeypatch, test=request.param)
    project.run("download", "split", "pretrain scratch", "extract pixels", "select kmeans", "select random")
    return project


def test_select_label_feed_back_train_and_the_next_batch(project: Project, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"models\.supervised: no image of the pool has a label; .*export kmeans FOLDER"
    ):
        project.run("train supervised")
    project.run("export kmeans labels/1")
    first = table(Path("labels/1"))
    assert len(first) == BUDGET and set(project.truth) >= {row["image"] for row in first}
    project.fill(Path("labels/1"))
    seen, encoder = layout.SEEN.read_bytes(), layout.ENCODERS / "scratch" / "seed-0" / "weights.safetensors"

    project.set(labels={"file": "labels"})
    project.select()
    assert labelled() == {row["image"]: project.truth[row["image"]] for row in first}
    assert layout.SEEN.read_bytes() == seen and encoder.exists()
    project.train()

    tested = (layout.RAW / "test" / "images.npy").stat().st_size > 1000
    for model in project.raw["models"]:
        found = kept.read_json(layout.EVALUATION / model / "scores.json")
        assert (found["seeds"][0]["scores"]["accuracy"] is not None) == tested
    told = [
        one["scores"]["labels_told"]
        for one in kept.read_json(layout.EVALUATION / "supervised" / "scores.json")["seeds"]
    ]
    assert told == [BUDGET] * 2
    said = Path("metrics/compare.md").read_text()
    assert ("no test image has a label: what needs one is left out" in said) != tested
    assert "no image is held out for validation: there is no accuracy by epoch" in said
    assert ("test (%)" in said) == tested

    # the next batch: as many more as the budget says, and new ones, those that the model asks about
    with pytest.raises(
        UserError, match=f"labels.budget={BUDGET}: {BUDGET} images have a label already; raise it, to 48"
    ):
        project.run("export kmeans labels/2")
    project.set(labels={"budget": BUDGET + 10})
    with pytest.raises(
        UserError, match=r"selection/kmeans: chose 24 of 90 images, where it should now be 34 of 90; run"
    ):
        project.run("export kmeans labels/2")
    project.run("select kmeans", "export kmeans labels/2 --seed 1 --model supervised")
    second = table(Path("labels/2"))
    assert len(second) == 10
    assert not {row["image"] for row in first} & {row["image"] for row in second}
    assert all(0 <= float(row["margin"]) <= 1 for row in second)
    assert all(row["guess"] in CLASSES and 1 / 3 <= float(row["score"]) <= 1 for row in second)
    project.fill(Path("labels/2"))
    project.select()
    assert len(labelled()) == BUDGET + 10
    project.run("train supervised")

    with browser(tmp_path / "browser") as page:
        page.open(Path("plots/index.html"))
        assert page.run("[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        assert len(page.requests) == 1 and page.complaints == []


def test_answers_by_label_studio_are_those_of_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path, monkeypatch, test=True)
    project.run("download", "split", "extract pixels", "select kmeans", "export kmeans batch")
    tasks = json.loads(Path("batch/tasks.json").read_text())
    config = Path("batch/config.xml").read_text()
    assert all(f'<Choice value="{name}" ' in config for name in CLASSES)  # which the test part names
    back = [
        {
            **task,
            "id": number,
            "annotations": [{"id": number, "was_cancelled": False, "result": [given(project, task)]}],
        }
        for number, task in enumerate(tasks, 1)
    ]
    Path("project.json").write_text(json.dumps(back))
    project.fill(Path("batch"))

    found = []
    for file in ("batch/labels.csv", "project.json"):
        project.set(labels={"file": file}, split={"validation": 0.25})
        project.run("split")
        found.append({path.name: path.read_bytes() for path in layout.SPLIT.iterdir()})
    assert found[0] == found[1]
    assert labelled() == {task["data"]["path"]: project.truth[task["data"]["path"]] for task in tasks}

    # what is held out for validation is not bought
    held = len(layout.part("validation").indices)
    assert 0 < held < BUDGET / 2
    project.run("pretrain scratch", "extract pixels", "select kmeans", "train supervised")
    rows = (layout.MODELS / "supervised" / "seed-0" / "history.csv").read_text().splitlines()
    assert dict(zip(rows[0].split(","), rows[-1].split(","), strict=True))["labels_told"] == str(BUDGET - held)
    assert len(np.load(layout.SELECTION / "kmeans" / "ranking.npy")[0]) == POOL - held


def given(project: Project, task: dict[str, Any]) -> dict[str, Any]:
    """A person's choice, as Label Studio keeps it."""
    choice = {"choices": [project.truth[task["data"]["path"]]]}
    return {"id": "x", "from_name": "label", "to_name": "image", "type": "choices", "origin": "manual", "value": choice}

"""Training as a stage: models that ask for their labels, from the digits to the page that compares them."""

from __future__ import annotations

import copy
import importlib
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from stages import preset
from stages.base.errors import UserError
from stages.learning import job
from stages.project.lineage import instances
from stages.training import measure, saved
from stages.training.images import Images
from tests import blocks

ROUNDS = {"follows": "rounds", "epochs": 2, "steps": 2}


def parameters() -> dict[str, Any]:
    """The digits; 40 labels, of which 20 at first."""
    raw = preset.overlay(blocks.base(), preset.load("demo"))
    raw["seeds"] = [0, 1]
    raw["compute"]["device"] = "cpu"
    raw["labels"] = {**raw["labels"], "strategy": "random", "budget": 40, "audit": 30}
    raw["rounds"] = {"start": 20, "step": 15, "restart": True}
    raw["evaluation"] |= {"umap": False, "map_images": 20}
    raw["pretrain"] = {"scratch": raw["pretrain"]["scratch"]}
    raw["extractors"] = {"pixels": {"extractor": "pixels", "weights": "none"}}
    raw["strategies"] = {"random": {"strategy": "random", "extractor": "pixels"}}
    supervised = raw["models"]["supervised"] | {"epochs": 2, "steps": 2}
    raw["models"] = {
        "at_once": supervised,
        "passive": supervised | ROUNDS,
        "margin": supervised | ROUNDS | {"acquisition": {"name": "margin"}},
        "badge": raw["models"]["probe"] | ROUNDS | {"init": "scratch", "acquisition": {"name": "badge"}},
        "few_classes": supervised | ROUNDS | {"classes": 4, "acquisition": {"name": "entropy"}},
    }
    raw["predict"] = {"models": ["at_once", "badge"], "precision": 0.5, "folds": 2}
    return copy.deepcopy(raw)


def stage(verb: str, *arguments: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"stages.{verb}", *arguments])
        importlib.import_module(f"stages.{verb}").main()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rounds")
    (folder / "data").mkdir()
    (folder / "data" / "none").touch()
    raw = parameters()
    (folder / "params.yaml").write_text(blocks.written(raw))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        stage("download")
        stage("split")
        for verb, name in instances(raw):
            if name:
                stage(verb, name)
        stage("compare")
    return folder


def of(project: Path, model: str, seed: int, file: str = "") -> Path:
    return project / "data" / "models" / model / f"seed-{seed}" / file


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("model", ["passive", "margin", "badge"])
def test_queries_are_written_for_people(project: Path, model: str, seed: int) -> None:
    queries = pd.read_csv(of(project, model, seed, "queries.csv"))
    assert list(queries.columns) == ["round", "rank", "image", "score"]
    assert queries["rank"].tolist() == list(range(1, 41))
    assert queries["round"].tolist() == [1] * 20 + [2] * 15 + [3] * 5
    assert queries["image"].is_unique and queries["score"].notna().tolist() == [False] * 20 + [model == "margin"] * 20
    chosen = pd.read_csv(project / "data" / "selection" / "random" / "chosen.csv").query(f"seed == {seed}")
    assert queries["image"][:20].tolist() == chosen["image"][:20].tolist()
    assert (queries["image"].tolist() == chosen["image"].tolist()) == (model == "passive")


def test_the_passive_control_ends_as_if_told_at_once(project: Path) -> None:
    for seed in (0, 1):
        for file in ("weights.safetensors", "head.safetensors"):
            assert of(project, "passive", seed, file).read_bytes() == of(project, "at_once", seed, file).read_bytes()


def test_the_history_runs_on_through_the_rounds(project: Path) -> None:
    history = pd.read_csv(of(project, "margin", 0, "history.csv"))
    assert history["epoch"].tolist() == [1, 2, 3, 4, 5, 6] and history["round"].tolist() == [1, 1, 2, 2, 3, 3]
    assert history["labels_told"].tolist() == [20, 20, 35, 35, 40, 40]
    assert history["label_balance"].between(0.5, 1).all()
    assert history["validation_accuracy"].notna().all()
    assert "round" not in pd.read_csv(of(project, "at_once", 0, "history.csv"))


def test_only_images_that_are_shown_are_asked_about(project: Path) -> None:
    with np.load(project / "data" / "split" / "pool.npz") as pool:
        names = np.load(project / "data" / "raw" / "train" / "names.npy")[pool["indices"]]
        label = dict(zip(names, pool["labels"], strict=True))
    queries = pd.read_csv(of(project, "few_classes", 0, "queries.csv"))
    assert len(queries) == 40 and {label[name] for name in queries["image"]} == {0, 1, 2, 3}


def test_evaluation_counts_labels_and_takes_no_class_for_a_late_one(project: Path) -> None:
    for model in ("margin", "badge"):
        content = json.loads((project / "data" / "evaluation" / model / "scores.json").read_text())
        for seed in content["seeds"]:
            assert seed["scores"]["labels_told"] == 40 and seed["scores"]["epochs"] == 6
            assert "late_classes" not in seed["scores"]
            assert {one["introduced_epoch"] for one in seed["per_class"].values()} == {1}
    curves = pd.read_csv(project / "plots" / "history.csv")
    assert curves.query("model == 'margin' and seed == 1")["labels_told"].tolist() == [20, 20, 35, 35, 40, 40]
    assert "Late classes" not in (project / "metrics" / "compare.md").read_text()


def test_an_audit_judges_every_model_and_is_told_to_none(project: Path) -> None:
    split = project / "data" / "split"
    with np.load(split / "audit.npz") as audit, np.load(split / "pool.npz") as pool:
        indices, labels = audit["indices"], audit["labels"]
        assert len(indices) == 30 and not set(indices) & set(pool["indices"])
        with np.load(split / "seen.npz") as seen:
            assert set(seen["indices"]) == set(indices) | set(pool["indices"])
    images = np.load(project / "data" / "raw" / "train" / "images.npy")[indices]
    scores = json.loads((project / "data" / "evaluation" / "at_once" / "scores.json").read_text())
    for seed in scores["seeds"]:
        encoder, head = saved.load(of(project, "at_once", seed["seed"]))
        vectors = measure.embed(encoder, Images(images, np.arange(30), torch.device("cpu")), half=False)
        right = measure.classify(head, vectors) == labels
        found = seed["scores"]
        assert found["audit_labels"] == 30
        # one guess may turn by bfloat16
        assert found["audit_accuracy_counted"] == pytest.approx(right.mean(), abs=0.035)
        assert found["audit_accuracy_low"] <= found["audit_accuracy"] <= found["audit_accuracy_high"]
        assert (
            found["audit_accuracy_counted_low"]
            <= found["audit_accuracy_counted"]
            <= found["audit_accuracy_counted_high"]
        )
    head, _, first = (project / "metrics" / "compare.md").read_text().split("\n| ", 1)[1].splitlines()[:3]
    columns = [cell.strip() for cell in head.split("|")]
    low, high = (
        float(first.strip("| ").split("|")[columns.index(name)].split("±")[0]) for name in ("audit, from (%)", "to (%)")
    )
    assert 0 < low < 100 * right.mean() < high < 100


def test_nothing_is_left_to_go_on_from(project: Path) -> None:
    assert not [path for path in (project / ".scratch").glob("*") if path.is_dir()]


def test_others_may_read_what_was_written_as_any_file_of_this_folder(project: Path) -> None:
    usual = (project / "params.yaml").stat().st_mode
    files = [path for name in ("data", "metrics", "plots") for path in (project / name).rglob("*") if path.is_file()]
    assert of(project, "margin", 1, "head.safetensors") in files
    assert not [path for path in files if path.stat().st_mode != usual]


@pytest.fixture
def change(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a copy of the project with other values in sections of params.yaml, and works in it from then on."""

    def copied(name: str, **sections: Any) -> Path:
        copy = shutil.copytree(project, tmp_path / name)
        raw = parameters()
        for section, values in sections.items():
            raw[section] |= values
        (copy / "params.yaml").write_text(blocks.written(raw))
        monkeypatch.chdir(copy)
        return copy

    return copied


def test_a_budget_that_the_start_spends_is_one_round_and_said_to_be(
    change: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    copy = change("copy", labels={"budget": 20})
    stage("train", "badge")
    said = "models.badge: labels.budget=20 is spent with rounds.start=20: one round, and nothing is asked\n"
    assert said in capsys.readouterr().err
    assert pd.read_csv(of(copy, "badge", 0, "queries.csv"))["round"].tolist() == [1] * 20


def test_a_budget_above_what_is_shown_asks_about_all_of_it(change: Callable[..., Path]) -> None:
    copy = change("copy", labels={"budget": "100%"}, rounds={"step": 10_000})
    stage("train", "few_classes")
    queries = pd.read_csv(of(copy, "few_classes", 1, "queries.csv"))
    with np.load(copy / "data" / "split" / "pool.npz") as pool:
        names = np.load(copy / "data" / "raw" / "train" / "names.npy")[pool["indices"][pool["labels"] < 4]]
    assert len(names) > 100 and sorted(queries["image"]) == sorted(names)
    assert queries["round"].tolist() == [1] * 20 + [2] * (len(names) - 20)


def test_rounds_that_go_on_begin_as_those_that_restart_and_end_elsewhere(
    project: Path, change: Callable[..., Path]
) -> None:
    copy = change("copy", rounds={"restart": False})
    stage("train", "passive")
    going_on, anew = (pd.read_csv(of(folder, "passive", 0, "history.csv")) for folder in (copy, project))
    pd.testing.assert_frame_equal(going_on[:2], anew[:2])
    assert (going_on["loss"][2:] != anew["loss"][2:]).all()


def test_a_killed_run_does_not_go_on_with_rounds_of_another_plan(
    change: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the steps of 15 images there is a request by the time that it is killed; then come steps of 10."""
    copy = change("copy")
    real, trained = job.fit, []

    def fit(*arguments: Any, **named: Any) -> Any:
        trained.append(1)
        if len(trained) == 2:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(job, "fit", fit)
        stage("train", "margin")
    assert list((copy / ".scratch").glob("train-margin-*/seed-0-round-1.json"))
    raw = parameters()
    raw["rounds"]["step"] = 10
    (copy / "params.yaml").write_text(blocks.written(raw))
    stage("train", "margin")
    assert pd.read_csv(of(copy, "margin", 0, "queries.csv"))["round"].tolist() == [1] * 20 + [2] * 10 + [3] * 10


def test_a_killed_run_goes_on_as_nothing_but_itself(
    change: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever differs, in the parameters or in a file that is read, gets a scratch folder of its own."""
    base = parameters() | {"predict": blocks.base()["predict"]}
    base["models"]["gradual"] = preset.load("demo")["models"]["gradual"] | {"epochs": 2, "steps": 2}

    def killed(*arguments: Any, **named: Any) -> Any:
        raise KeyboardInterrupt

    def folders(model: str, **sections: Any) -> set[str]:
        """The scratch folders there are after one more run with these sections, which is killed."""
        Path("params.yaml").write_text(blocks.written(preset.overlay(base, sections)))
        with pytest.raises(KeyboardInterrupt):
            stage("train", model)
        return {path.name for path in Path(".scratch").glob("train-*") if path.is_dir()}

    change("copy")
    monkeypatch.setattr(job, "fit", killed)
    found = folders("gradual") | folders("margin")
    assert folders("gradual") == folders("margin") == found and len(found) == 2
    changes: list[tuple[str, dict[str, Any]]] = [
        (
            "margin",
            {
                "models": {
                    "margin": base["models"]["margin"] | {"batch_size": base["models"]["margin"]["batch_size"] + 1}
                }
            },
        ),
        ("margin", {"labels": {"budget": 30}}),
        ("margin", {"rounds": {"restart": False}}),
        ("margin", {"compute": {"precision": "bf16"}}),
        ("gradual", {"schedule": {"start_share": 0.7}}),
    ]
    for model, sections in changes:
        now = folders(model, **sections)
        assert len(now) == len(found) + 1, sections
        found = now
    for file in (
        "raw/description.json",
        "split/description.json",
        "split/pool.npz",
        "split/validation.npz",
        "selection/random/ranking.npy",
        "encoders/scratch/seed-1/encoder.json",
    ):
        with (Path("data") / file).open("ab") as stream:
            stream.write(b"\n")  # which every reader lets pass
        now = folders("margin")
        assert len(now) == len(found) + 1, file
        found = now


@pytest.mark.parametrize("seed", [0, 1])
def test_guesses_that_are_handed_out_are_those_of_the_seeds_own_model(
    project: Path, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    folder = tmp_path / "out"
    stage("export", "random", str(folder), "--seed", str(seed), "--model", "at_once")
    handed = pd.read_csv(folder / "labels.csv", dtype={"guess": str})
    names = np.load(Path("data/raw/train/names.npy")).tolist()
    pictures = np.load(Path("data/raw/train/images.npy"))[[names.index(image) for image in handed["image"]]]
    encoder, head = saved.load(of(project, "at_once", seed))
    embedding = measure.embed(encoder, Images(pictures, np.arange(len(pictures)), torch.device("cpu")), half=False)
    assert len(handed) == 70
    assert handed["guess"].tolist() == [str(one) for one in measure.classify(head, embedding)]


@pytest.mark.parametrize("model", ["margin", "badge"])
def test_the_stage_tells_no_label_that_was_not_asked_for(
    project: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scrambles, on disk, every label that nobody asked for: the same weights, and the same images asked for."""
    blind = shutil.copytree(project, tmp_path / "blind")
    path = blind / "data" / "split" / "pool.npz"
    with np.load(path) as arrays:
        pool = dict(arrays)
    names = np.load(blind / "data" / "raw" / "train" / "names.npy")[pool["indices"]]
    raw = parameters() | {"seeds": [0]}
    (blind / "params.yaml").write_text(blocks.written(raw))
    ranking = blind / "data" / "selection" / "random" / "ranking.npy"
    np.save(ranking, np.load(ranking)[:1])
    told = np.isin(names, pd.read_csv(of(project, model, 0, "queries.csv"))["image"])
    others = np.random.default_rng(0).permutation(pool["labels"][~told])
    assert (others != pool["labels"][~told]).sum() > 900
    pool["labels"][~told] = others
    np.savez(path, **pool)
    monkeypatch.chdir(blind)
    stage("train", model)
    for file in ("weights.safetensors", "head.safetensors", "history.csv", "queries.csv"):
        assert of(blind, model, 0, file).read_bytes() == of(project, model, 0, file).read_bytes(), file


def test_every_image_of_the_pool_gets_a_guess_and_the_labels_told_are_kept_apart(project: Path) -> None:
    folder = project / "data" / "predictions"
    with np.load(project / "data" / "split" / "pool.npz") as pool:
        names = np.load(project / "data" / "raw" / "train" / "names.npy")[pool["indices"]]
        label = dict(zip(names, pool["labels"].astype(str), strict=True))
    for model in ("at_once", "badge"):
        found = pd.read_csv(folder / model / "predictions.csv", dtype=str, keep_default_na=False)
        assert found["image"].tolist()[:-30] == names.tolist()
        assert (found["verdict"][-30:] == "labelled").all() and not set(found["image"][-30:]) & set(names)
        found = found[:-30]
        told = found[found["label"] != ""]
        assert len(told) == 40 and (told["label"] == told["image"].map(label)).all()
        assert (told["verdict"] == "labelled").all()
        assert set(found["verdict"]) <= {"labelled", "accept", "review", "ask"}
        queries = pd.read_csv(of(project, "badge", 0, "queries.csv"))
        assert model != "badge" or set(told["image"]) == set(queries["image"])
        whole = pd.read_parquet(folder / model / "predictions.parquet")
        assert whole["guess"].tolist()[:-30] == found["guess"].tolist()
        assert np.allclose(whole["probability"][:-30], found["probability"].astype(float), atol=1e-5)
        assert (whole["probability"] >= whole["second_probability"]).all()
        facts = json.loads((folder / model / "calibration.json").read_text())
        assert facts["trust"]["labels"] == 40
        assert "<img" in (folder / model / "index.html").read_text()


def test_predictions_of_a_folder_are_those_of_the_pool(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    with np.load(project / "data" / "split" / "pool.npz") as pool:
        rows = pool["indices"][:5]
    names = np.load(project / "data" / "raw" / "train" / "names.npy")[rows]
    images = np.load(project / "data" / "raw" / "train" / "images.npy")[rows]
    for name, image in zip(names, images, strict=True):
        path = tmp_path / "new" / f"{Path(str(name)).name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
    stage("predict", "at_once", str(tmp_path / "new"), "--to", str(tmp_path / "out.csv"))
    found = pd.read_csv(tmp_path / "out.csv").set_index("image")
    before = pd.read_csv(project / "data" / "predictions" / "at_once" / "predictions.csv").set_index("image")
    assert len(found) == 5 and found["label"].isna().all()
    for name in names:
        # of those labelled the pool's guess is out of fold
        if before.loc[name, "verdict"] != "labelled":
            one = found.loc[f"{Path(str(name)).name}.png"]
            assert one["guess"] == before.loc[name, "guess"]
            assert one["probability"] == pytest.approx(before.loc[name, "probability"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["at_once", "nowhere"], "nowhere: no such folder or archive"),
        (["at_once", ".", "--to", "a.txt"], "--to a.txt: give a file that ends in .csv or .parquet"),
        (["passive", "."], "calibration.json is missing: .* add passive to predict.models"),
        (["at_once", "data/code_is_not_there"], "no such folder"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_a_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(project)
    with pytest.raises(UserError, match=said):
        stage("predict", *arguments)

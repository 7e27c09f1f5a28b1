"""What a person takes away in the end, from a folder that people labelled."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from stages import handover
from stages.base.errors import UserError
from stages.project import layout
from tests.test_people import Project

pytestmark = pytest.mark.anywhere

AUDIT, LABELS = 8, 24


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose model has predicted all images."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as monkeypatch:
        project = Project(folder, monkeypatch, test=False)
        project.set(labels={"audit": AUDIT}, predict={"models": ["supervised"]})
        project.run("download", "split", "pretrain scratch", "extract pixels", "select kmeans", "export kmeans labels")
        project.fill(Path("labels"))
        project.set(labels={"file": "labels"})
        project.run("split", "select kmeans", "train supervised", "evaluate supervised", "predict supervised")
        Path("truth.json").write_text(json.dumps(project.truth))
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to work in."""
    shutil.copytree(trained, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["stages.handover", *arguments])
    handover.main()


def test_the_labelled_set_and_the_model(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, "supervised", "out")
    out, truth = Path("out"), json.loads(Path("truth.json").read_text())
    said = capsys.readouterr().out
    assert f"of {len(truth)} images have a class ({LABELS} labelled, {AUDIT} audit" in said
    table = pd.read_csv(out / "labels.csv", keep_default_na=False)
    people = table[table["by"] == "people"]
    assert len(people) == LABELS + AUDIT and (people["label"] == people["image"].map(truth)).all()
    assert set(table.loc[table["part"] == "audit", "image"]) == set(layout.part("audit").names)
    for row in table.to_dict("records"):
        assert (out / row["file_name"]).read_bytes() == Path("photos", row["image"]).read_bytes()
        assert Path(row["file_name"]).parent.as_posix() == f"images/{row['part']}/{row['label']}"
    # the model is the one that predicted: at the size, with the classes and the temperature that it says
    about = json.loads((out / "model.json").read_text())
    pool, told = layout.part("pool"), pd.read_parquet(layout.PREDICTIONS / "supervised" / "predictions.parquet")
    session = onnxruntime.InferenceSession(out / "model.onnx")
    (found,) = session.run(None, {"images": pool.images()})
    guessed = (told["verdict"] != "labelled").to_numpy()[: len(found)]
    assert guessed.sum() == len(found) - LABELS and found.shape[1] == len(about["classes"])
    assert np.abs(found.max(1) - told["probability"][: len(found)])[guessed].max() < 1e-4
    assert [about["classes"][one] for one in found.argmax(1)[guessed]] == told["guess"][: len(found)][guessed].tolist()
    card = (out / "README.md").read_text()
    assert "**Audit**: " in card and f"by {AUDIT} images drawn at random" in card and "commit | not known" in card
    assert "split: audit\n    path: images/audit/*/*" in card and "supervised on conv4, seed 0" in card


def test_links_and_no_images(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, "supervised", "linked", "--images", "link")
    row = pd.read_csv("linked/labels.csv").iloc[0]
    assert Path("linked", row["file_name"]).resolve() == project / "photos" / row["image"]
    run(monkeypatch, "supervised", "none", "--images", "none")
    assert sorted(path.name for path in Path("none").iterdir()) == [
        "README.md", "labels.csv", "labels.parquet", "model.json", "model.onnx", "predict.py",
    ]  # fmt: skip
    assert "file_name" not in pd.read_csv("none/labels.csv") and "images/" not in Path("none/README.md").read_text()


def test_a_file_that_changed_is_not_handed_over_under_its_old_label(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(handover, "_model", lambda *_: origin())
    audited = str(layout.part("audit").names[0])
    Path("photos", audited).unlink()
    run(monkeypatch, "supervised", "out")
    assert f"1 of them ({audited} ...) as PNG of 32 px: their files are not in data.source now" in (
        capsys.readouterr().out
    )
    table = pd.read_csv("out/labels.csv").set_index("image")
    assert Path("out", table.loc[audited, "file_name"]).exists()


def origin() -> handover.Origin:
    return handover.Origin("supervised", 0, "photos", "supervised", "conv4", "kmeans", "24", None, {})


def test_refusals_leave_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("full").mkdir()
    Path("full", "mine.txt").touch()
    with pytest.raises(UserError, match="full: it is there already; give a new folder"):
        run(monkeypatch, "supervised", "full")
    with pytest.raises(UserError, match=r"gradual is missing: .* add gradual to predict.models, and run `dvc repro"):
        run(monkeypatch, "gradual", "out")
    Path("photos").rename("elsewhere")
    with pytest.raises(UserError, match="--images link: photos is no folder, to whose files links could be made"):
        run(monkeypatch, "supervised", "out", "--images", "link")
    monkeypatch.setattr(handover.network, "SAME", -1.0)
    with pytest.raises(UserError, match=r"supervised: its probabilities by ONNX are .* off; take a model with another"):
        run(monkeypatch, "supervised", "out")
    table = layout.PREDICTIONS / "supervised" / "predictions.parquet"
    pd.read_parquet(table).iloc[1:].to_parquet(table)
    with pytest.raises(UserError, match="of other images than there are now; run `dvc repro predict@supervised`"):
        run(monkeypatch, "supervised", "out")
    table.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"predictions.parquet is broken .* run `dvc repro predict@supervised`"):
        run(monkeypatch, "supervised", "out")
    assert not Path("out").exists() and not list(Path().glob(".out*"))

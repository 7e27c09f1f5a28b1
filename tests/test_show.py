"""The questions about results, and the command that answers them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages import show
from stages.base.errors import UserError
from stages.project import layout, params
from tests import blocks
from tests.health.test_report import world
from tests.reporting.test_pairs import SCORES
from tests.reporting.test_revisions import command, commit, two_branches

ROOT = Path(__file__).parent.parent
LABELS = [100, 200, 400, 800]


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["show", *arguments])
    show.main()


def accuracy(labels: float) -> float:
    return 0.9 - 3 * labels**-0.5


def write_scores(seeds: dict[str, list[dict[str, Any]]]) -> None:
    """The scores of models, seed by seed."""
    for model, found in seeds.items():
        content = {"seeds": [{"seed": seed, "scores": scores} for seed, scores in enumerate(found)]}
        (layout.EVALUATION / model).mkdir(parents=True)
        (layout.EVALUATION / model / "scores.json").write_text(json.dumps(content))


def test_pairs_are_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scores({model: SCORES[model] for model in ("base", "better")})
    show.in_pairs(["base", "better"], [0, 1, 2], "base", "accuracy", Path("pairs.csv"))
    assert "+5.00" in capsys.readouterr().out
    assert Path("pairs.csv").read_text().splitlines()[0] == "model,n,difference,low,high"
    with pytest.raises(UserError, match=r"made with seeds \[0, 1, 2\]"):
        show.in_pairs(["base", "better"], [0, 1], "base", "accuracy", None)


def test_pairs_are_of_the_figure_that_the_command_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_scores({model: [{"accuracy": 0.5, "nmi": nmi}] * 2 for model, nmi in (("base", 0.2), ("better", 0.25))})
    monkeypatch.setattr(params, "read", lambda: SimpleNamespace(models=dict.fromkeys(["base", "better"]), seeds=[0, 1]))
    call(monkeypatch, "pairs", "base", "--metric", "nmi")
    printed = capsys.readouterr().out
    assert "nmi - base" in printed and "+0.0500" in printed
    call(monkeypatch, "pairs", "base")
    assert "accuracy - base (points)" in capsys.readouterr().out


@pytest.fixture(scope="module")
def branches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_branches(tmp_path_factory.mktemp("branches"))


@pytest.fixture
def inside(branches: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(branches)
    return branches


def test_branches_side_by_side_with_differences(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    show.across(["main", "other", "v1"], "accuracy", inside / "table.csv")
    assert capsys.readouterr().out.splitlines() == [
        "| model      | main (%) | other (%) | v1 (%) | other - main (%) | v1 - main (%) |",
        "| ---------- | -------: | --------: | -----: | ---------------: | ------------: |",
        "| supervised |    60.00 |         – |  60.00 |                – |          0.00 |",
        "| gradual    |    50.00 |     45.00 |  50.00 |            -5.00 |          0.00 |",
        "| probe      |        – |     30.00 |      – |                – |             – |",
    ]
    lines = (inside / "table.csv").read_text().splitlines()
    assert lines[0] == "model,main,other,v1,other - main,v1 - main"
    assert lines[2] == "gradual,0.5,0.45,0.5,-0.05,0.0"
    (inside / "table.csv").unlink()


def test_commits_and_the_workspace(inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (inside / "metrics" / "metrics.json").write_text('{"gradual": {"nmi": 0.8}}')
    sha = command(inside, "git", "rev-parse", "other").strip()[:10]
    show.across(["main", sha, "workspace", "main~0"], "nmi", None)
    command(inside, "git", "checkout", "-q", ".")
    out = capsys.readouterr().out
    assert f"{sha} - main" in out
    assert [cell.strip() for cell in out.splitlines()[3].split("|")[2:9]] == [
        *("0.3", "0.4", "0.8", "0.3", "+0.1", "+0.5", "0"),
    ]


def test_revisions_are_compared_by_the_figure_that_the_command_names(
    inside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(monkeypatch, "revisions", "main", "other", "--metric", "nmi")
    row = capsys.readouterr().out.splitlines()[3]
    assert [cell.strip() for cell in row.split("|")[1:5]] == ["gradual", "0.3", "0.4", "+0.1"]
    call(monkeypatch, "revisions", "main", "other")
    assert "| main (%) | other (%) |" in capsys.readouterr().out


def test_advice_across_revisions_is_on_the_figure_that_the_command_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "git", "init", "-q", "-b", "main")
    for labels, f1 in ((100, 0.3), (200, 0.4)):
        commit(tmp_path, {"probe": {"accuracy": 0.9, "macro_f1": f1, "labels_told": labels}})
        command(tmp_path, "git", "tag", f"with_{labels}")
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "advice", "probe", "--revisions", "with_100", "with_200", "--metric", "macro_f1")
    printed = capsys.readouterr().out
    assert printed.startswith("macro_f1 at with_100, with_200.\n") and "probe: 40.0 % with 200 labels" in printed


def test_an_unknown_figure_is_refused_with_the_nearest(inside: Path) -> None:
    with pytest.raises(UserError, match=r"--metric acuracy: .* did you mean accuracy\?"):
        show.across(["main", "other"], "acuracy", None)


def write_histories(folder: Path, model: str, *, rounds: bool, labels: list[int]) -> None:
    for seed in (0, 1):
        rows = []
        for number, told in enumerate(labels):
            for epoch in (1, 2):  # the first of two epochs is a bad one
                value = accuracy(told) + 0.004 * (-1) ** (seed + number) if epoch == 2 else 0.1
                row = {"epoch": 2 * number + epoch, "labels_told": told, "validation_accuracy": value}
                rows.append(row | ({"round": number} if rounds else {}))
        path = layout.seed_folder(folder / layout.MODELS / model, seed) / "history.csv"
        path.parent.mkdir(parents=True)
        pd.DataFrame(rows).to_csv(path, index=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """params.yaml with three models: one trained in rounds, one in a single round, one by a schedule."""
    raw = blocks.base()
    raw["seeds"] = [0, 1]
    raw["models"] = dict.fromkeys(("active", "single", "gradual"), raw["models"]["supervised"])
    (tmp_path / "params.yaml").write_text(blocks.written(raw))
    write_histories(tmp_path, "active", rounds=True, labels=LABELS)
    write_histories(tmp_path, "single", rounds=True, labels=[100, 100])
    write_histories(tmp_path, "gradual", rounds=False, labels=LABELS)
    return tmp_path


def test_advice_by_rounds(workspace: Path) -> None:
    def advice(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "stages.show", "advice", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=False)

    done = advice("--csv", "advice.csv")
    assert done.returncode == 0, done.stderr
    assert "\nactive: 79.4 % with 800 labels" in done.stdout
    assert "\nsingle: 79" not in done.stdout and "and of no other number" in done.stdout
    assert "gradual" not in done.stdout
    table = pd.read_csv(workspace / "advice.csv")
    assert table["model"].tolist() == ["active"]
    assert table.loc[0, "labels_told"] == 800
    refused = advice("gradual")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: gradual: no accuracy after rounds of labelling; train in rounds")
    assert len(refused.stderr.splitlines()) == 1


def test_advice_on_what_is_not_there_is_refused(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    models = ["active", "single", "gradual"]
    with pytest.raises(UserError, match=r"^advice actve: no model of params\.yaml; did you mean active"):
        show.advise(models, [0, 1], ["actve"], None)
    with pytest.raises(UserError, match=r"single: 60\.0 % with 100 labels, and of no other number; train in rounds"):
        show.advise(models, [0, 1], ["single"], None)
    with pytest.raises(UserError, match="no accuracy after rounds of labelling"):
        show.advise(["gradual"], [0, 1], [], None)


@pytest.fixture(scope="module")
def budgets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three branches with budgets of 100, 400 and 1,600, spread over 3 seeds; probe is on one of them alone."""
    folder = tmp_path_factory.mktemp("budgets")
    command(folder, "git", "init", "-q", "-b", "main")
    for name, labels in (("few", 100), ("some", 400), ("many", 1600)):
        command(folder, "git", "checkout", "-qb", name)
        found: dict[str, float] = {"accuracy": accuracy(labels), "accuracy_std": 0.005, "accuracy_n": 3, "nmi": 0.1}
        metrics = {"supervised": found | {"labels_told": labels}}
        if name == "some":
            metrics["probe"] = metrics["supervised"]
        commit(folder, metrics)
    return folder


def test_advice_by_revisions(
    budgets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(budgets)
    call(monkeypatch, "advice", "--revisions", "few", "many", "some", "many", "--csv", "table.csv")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "accuracy at few, many, some."
    assert lines[3].startswith("supervised: 82.5 % with 1,600 labels; about 530 more (95 %: ")
    assert lines[4].startswith("probe: 75.0 % with 400 labels, and of no other number; train in rounds")
    assert pd.read_csv("table.csv")["model"].tolist() == ["supervised"]
    Path("table.csv").unlink()


def test_advice_is_by_the_audit_where_there_is_no_test_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command(tmp_path, "git", "init", "-q", "-b", "main")
    for name, labels in (("few", 100), ("some", 400), ("many", 1600)):
        command(tmp_path, "git", "checkout", "-qb", name)
        share = accuracy(labels)
        found = {"audit_accuracy": share, "audit_accuracy_low": share - 0.12, "audit_accuracy_high": share + 0.1}
        commit(tmp_path, {"supervised": {**found, "audit_labels": 60, "labels_told": labels}})
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "advice", "--revisions", "few", "some", "many")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "audit_accuracy at few, some, many."
    # 60 labels are too few to tell a point
    assert lines[3].startswith("supervised: 82.5 % with 1,600 labels") and "can't be told" in lines[3]


def test_revisions_that_make_no_curve_are_refused(budgets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(budgets)
    with pytest.raises(UserError, match=r"^supervised: 75\.0 % with 400 labels, and of no other number"):
        show.advise_across([], ["some"], "accuracy", None)
    for metric in ("nmi", "accuracy_std", "accuracy_n"):
        with pytest.raises(UserError, match=rf"--metric {metric}: advice is on accuracies"):
            show.advise_across([], ["some", "many"], metric, None)
    with pytest.raises(UserError, match=r"--metric acuracy: no model has it; did you mean accuracy\?"):
        show.advise_across([], ["some", "many"], "acuracy", None)
    with pytest.raises(UserError, match=r"^advice prob: no revision has its accuracy; did you mean probe\?"):
        show.advise_across(["prob"], ["some", "many"], "accuracy", None)


@pytest.fixture
def qualities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the features pixels, and of two strategies with two seeds."""
    monkeypatch.chdir(tmp_path)
    found = {layout.FEATURES / "pixels": {"dimensions": 3072, "knn_euclidean": 0.3, "knn_cosine": 0.35, "notes": []}}
    for name in ("random", "kmeans"):
        seeds = [{"seed": seed, "balance": 0.9 + seed / 100} for seed in (0, 1)]
        found[layout.SELECTION / name] = {"strategy": name, "seeds": seeds, "notes": []}
    for folder, content in found.items():
        folder.mkdir(parents=True)
        layout.write_json(folder / "quality.json", content)
    layout.write_json(layout.FEATURES / "pixels" / "speed.json", {"images_per_second": 100.0, "device": "cpu"})


@pytest.mark.usefixtures("qualities")
def test_one_table_alone_needs_no_model_and_says_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    show.one_table("features", ["pixels", "dino_vits16"], [0, 1], Path("features.csv"))
    printed = capsys.readouterr().out
    assert "| pixels    |" in printed and "30.00" in printed and "100" in printed
    assert printed.endswith("\nNot there yet: dino_vits16\n")
    written = pd.read_csv("features.csv")
    assert written[["extractor", "knn_euclidean", "knn_euclidean_n"]].to_numpy().tolist() == [["pixels", 0.3, 1]]
    show.one_table("selection", ["random", "kmeans"], [0, 1], None)
    printed = capsys.readouterr().out
    assert "0.905 ± 0.007" in printed and "Not there" not in printed
    with pytest.raises(UserError, match=r"random/quality.json: made with seeds \[0, 1\]"):
        show.one_table("selection", ["random"], [0], None)
    with pytest.raises(UserError, match=r"data/features/lost/quality.json is missing"):
        show.one_table("features", ["lost"], [0, 1], None)
    assert not layout.METRICS.exists() and not layout.PLOTS.exists()


@pytest.mark.usefixtures("qualities")
@pytest.mark.parametrize(("kind", "names"), [("features", ["pixels"]), ("selection", ["random", "kmeans"])])
def test_a_table_takes_the_names_from_the_parameters(
    kind: str, names: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    strategies, extractors = dict.fromkeys(["random", "kmeans"]), dict.fromkeys(["pixels"])
    found = SimpleNamespace(models={}, seeds=[0, 1], strategies=strategies, extractors=extractors)
    monkeypatch.setattr(params, "read", lambda: found)
    call(monkeypatch, "table", kind)
    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split()[1] for row in rows] == names


@pytest.mark.parametrize(
    "words",
    ["", "models", "pairs", "pairs a b", "revisions", "table", "table models", "table features --metric nmi"],
)
def test_a_wrong_call_is_refused(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        call(monkeypatch, *words.split())


def test_of_rounds_there_is_one_figure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        call(monkeypatch, "advice", "gradual", "--metric", "accuracy")
    assert "--metric goes with --revisions; of rounds only the validation accuracy is known" in capsys.readouterr().err


def examined_world(folder: Path, *, features: int | None) -> None:
    """params.yaml, and what split and extract write of 100 pool, 20 validation and 10 test images; `features`: of how
    many images of the pool, None: of none."""
    (folder / "params.yaml").write_text(blocks.written(blocks.base()))
    train, test, vectors = world()
    for name, images in (("train", train), ("test", test)):
        (folder / layout.RAW / name).mkdir(parents=True)
        np.save(folder / layout.RAW / name / "images.npy", images.packed)
        np.save(folder / layout.RAW / name / "names.npy", np.array(images.names))
    (folder / layout.RAW / "description.json").write_text('{"name": "digits", "source": null}')
    (folder / layout.SPLIT).mkdir()
    rows = {"pool": np.arange(100), "validation": np.arange(100, 120), "test": np.arange(10)}
    for name, indices in rows.items():
        labels = (test if name == "test" else train).labels[indices]
        first = np.arange(len(indices))
        np.savez(folder / layout.SPLIT / f"{name}.npz", indices=indices, labels=labels, first=first)
    (folder / layout.SPLIT / "description.json").write_text('{"classes": ["ant", "bee"]}')
    if features is not None:
        (folder / layout.FEATURES / "ready").mkdir(parents=True)
        np.save(folder / layout.FEATURES / "ready" / "pool.npy", vectors[:features])
        np.save(folder / layout.FEATURES / "ready" / "validation.npy", vectors[100:])


def test_health_prints_what_is_wrong_writes_all_of_it_and_hands_out_suspects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examined_world(tmp_path, features=100)
    monkeypatch.chdir(tmp_path)
    (tmp_path / layout.EVALUATION / "probe").mkdir(parents=True)
    # right on the two that repeat training images, and on 4 of the other 8
    predicted = np.arange(10) % 2
    predicted[[0, 1, 2, 4]] = 1 - predicted[[0, 1, 2, 4]]
    np.save(tmp_path / layout.EVALUATION / "probe" / "predicted.npy", predicted[None])
    call(monkeypatch, "health", "--csv", "health.csv", "--suspects", "again")
    printed = capsys.readouterr().out
    assert "- probe: test accuracy 60.00 %, without these 50.00 %\n" in printed
    assert "- test/3.jpg (bee) = train/10.jpg (ant): 0 bits" in printed
    table = pd.read_csv("health.csv").set_index("finding")
    assert table.loc["nearly equal", ["image", "other_part"]].tolist() == ["train/50.jpg", "validation"]
    assert "train/62.jpg" in (tmp_path / "again" / "labels.csv").read_text()
    with pytest.raises(UserError, match=r"--features simclt: .*did you mean simclr\?"):
        call(monkeypatch, "health", "--features", "simclt")


def test_health_without_features_says_so_and_refuses_those_of_other_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examined_world(tmp_path, features=None)
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "health")
    assert "- outliers and suspect labels: cannot tell without features" in capsys.readouterr().out
    with pytest.raises(UserError, match="--suspects again: no label is suspect; there is nothing to hand out"):
        call(monkeypatch, "health", "--suspects", "again")
    assert not Path("again").exists()
    folder = layout.FEATURES / "ready"
    folder.mkdir(parents=True)
    np.save(folder / "pool.npy", np.zeros((99, 3), np.float32))
    np.save(folder / "validation.npy", np.zeros((20, 3), np.float32))
    with pytest.raises(
        UserError, match="features of 99 images, where the split has 100; run `dvc repro extract@ready`"
    ):
        call(monkeypatch, "health")
    np.save(folder / "pool.npy", np.full((100, 3), np.nan, np.float32))
    with pytest.raises(UserError, match=r"data/features/ready: numbers that are not finite"):
        call(monkeypatch, "health")


def test_health_tells_how_far_people_agree_and_hands_out_what_they_differ_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examined_world(tmp_path, features=100)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="--disagreements settle: people differ on no image; there is nothing to hand"):
        call(monkeypatch, "health", "--disagreements", "settle")
    assert "People who labelled" not in capsys.readouterr().out
    rows = ["8,train/8.jpg,eva,ant,0,,ant", "8,train/8.jpg,max,bee,0,,ant"]
    rows += [f"{row},train/{row}.jpg,{who},{('ant', 'bee')[row % 2]},0,," for row in (9, 10) for who in ("eva", "max")]
    (layout.SPLIT / "votes.csv").write_text("\n".join(["row,image,annotator,label,again,counts,was", *rows]) + "\n")
    call(monkeypatch, "health", "--suspects", "again", "--disagreements", "settle")
    printed = capsys.readouterr().out
    assert (
        "several people labelled 3 images, and said the same of 2 (Cohen's kappa 0.40); to settle: 1 (1 with" in printed
    )
    assert ["max", "3", "66.7", "0.40", "\u2013"] in [
        line.strip("| ").replace(" ", "").split("|") for line in printed.splitlines()
    ]
    assert "settle: 1 images to settle; keep the folder where labels.file looks" in printed
    head, line = (tmp_path / "settle" / "labels.csv").read_text().splitlines()
    assert head == "image,rank,cluster,was,votes,guess,score,label" and line.startswith(
        'train/8.jpg,1,,ant,"ant 1, bee'
    )
    assert "train/62.jpg" in (tmp_path / "again" / "labels.csv").read_text()

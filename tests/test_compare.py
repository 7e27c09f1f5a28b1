"""The whole of compare on small results that lie as the stages before it write them."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages import compare
from stages.base.errors import UserError
from stages.project import kept, layout
from stages.project.results import Names

CLASSES = ["cat", "dog", "<ship & co>"]
NAMES = Names(
    "digits",
    [0, 1],
    ["supervised", "gradual"],
    ["random", "kmeans"],
    ["pixels"],
    {"supervised": "ranking", "gradual": "margin"},
)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    layout.write_json(path, content)


def write_model(name: str, accuracy: float | None, seeds: list[int]) -> None:
    folder = layout.EVALUATION / name
    per_class = {one: {"test_accuracy": accuracy, "introduced_epoch": 1, "forgetting": 0.1} for one in CLASSES}
    scores = {"accuracy": accuracy, "accuracy/first_2": accuracy, "ari": 0.5, "labels_told": 40, "epochs": 3}
    scores |= {"balanced_accuracy": accuracy, "macro_f1": accuracy}
    found = [{"seed": seed, "scores": scores, "per_class": per_class} for seed in seeds]
    write_json(folder / "scores.json", {"model": name, "regime": name, "seeds": found, "notes": ["a note"]})
    confusion = pd.DataFrame(np.eye(3, dtype=int) * 4, index=CLASSES, columns=CLASSES)
    confusion.to_csv(folder / "confusion.csv")
    embedding = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)
    np.savez(folder / "embedding.npz", embedding=embedding, labels=np.arange(12) % 4 - 1)
    for seed in seeds:
        trained = layout.seed_folder(layout.MODELS / name, seed)
        trained.mkdir(parents=True)
        history = {"epoch": [1, 2, 3], "labels_told": [10, 20, 40], "validation_accuracy": [0.1, "", accuracy]}
        pd.DataFrame(history).to_csv(trained / "history.csv", index=False)


COPIES = {"pool": 7, "validation": 0, "test": 2}
COPIED = "test images: 2 are copies of some in the pool, so that accuracy on them is too good"


@pytest.fixture(autouse=True)
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    counts = dict.fromkeys(("pool", "validation", "test"), dict.fromkeys(CLASSES, 4) | {"unknown": 0})
    write_json(layout.SPLIT / "description.json", {"classes": CLASSES, "size": 32, "counts": counts, "copies": COPIES})
    write_model("supervised", 0.5, [0, 1])
    write_model("gradual", 0.75, [0, 1])
    for name in NAMES.strategies:
        seeds = [
            {"seed": seed, "class_counts": {"cat": 3}, "balance": 0.9 + seed / 100, "one_nn": 0.5} for seed in (0, 1)
        ]
        write_json(layout.SELECTION / name / "quality.json", {"strategy": name, "seeds": seeds, "notes": []})
    curve = {"x": [1, 2, 3], "y": [3, 1, 0], "at": 2, "x_label": "radius", "y_label": "share"}
    write_json(layout.SELECTION / "kmeans" / "curve.json", curve)
    quality = {"extractor": "pixels", "dimensions": 3072, "knn_euclidean": 0.3, "knn_cosine": 0.35, "notes": []}
    write_json(layout.FEATURES / "pixels" / "quality.json", quality)
    write_json(layout.FEATURES / "pixels" / "speed.json", {"images_per_second": 100.0, "device": "cpu"})


def outputs() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for root in ("metrics", "plots") for path in sorted(Path(root).rglob("*"))}


def test_tables_curves_pictures_and_page(capsys: pytest.CaptureFixture[str]) -> None:
    compare.compare(NAMES, umap=True)
    metrics = json.loads(Path("metrics/metrics.json").read_text())
    assert list(metrics) == ["supervised", "gradual"]
    assert metrics["gradual"]["accuracy"] == 0.75
    table = pd.read_csv("metrics/compare.csv")
    assert table.loc[1, ["model", "accuracy", "accuracy_std", "accuracy_n"]].tolist() == ["gradual", 0.75, 0, 2]
    chosen = pd.read_csv("metrics/selection.csv")
    assert list(chosen.columns) == [
        "strategy",
        *(f"{figure}{end}" for figure in ("balance", "one_nn") for end in ("", "_std", "_n")),
    ]
    assert chosen.loc[0, ["strategy", "balance", "balance_n"]].tolist() == [NAMES.strategies[0], 0.905, 2]
    history = pd.read_csv("plots/history.csv")
    assert list(history.columns) == ["model", "seed", "epoch", "round", "labels_told", "accuracy"]
    assert len(history) == 2 * 2 * 2
    assert {path.stem for path in Path("plots").glob("*.png")} == {
        *("accuracy", "learning_curves", "accuracy_by_labels", "per_class", "selection", "features", "curve-kmeans"),
        *(f"{kind}-{model}" for kind in ("map", "confusion") for model in NAMES.models),
    }
    printed = capsys.readouterr().out
    assert Path("metrics/compare.md").read_text() in printed
    assert "| gradual    | 75.00 ± 0.00 |" in printed
    assert "plots/index.html" in printed


def test_the_page_holds_everything_in_itself_and_says_what_it_shows() -> None:
    compare.compare(NAMES, umap=False)
    page = Path("plots/index.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]{0,30})', page)
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)
    assert page.count("data:image/png") == 11
    for said in ("digits", "2 seeds (0, 1)", "Last epoch", "&lt;ship &amp; co&gt;", "a note"):
        assert said in page
    assert "<ship" not in page
    assert "width=device-width" in page
    assert "prefers-color-scheme: dark" in page


def test_what_the_parameters_do_not_name_changes_nothing() -> None:
    compare.compare(NAMES, umap=False)
    before = outputs()
    write_model("stale", 0.99, [0, 1])
    shutil.copytree(layout.SELECTION / "random", layout.SELECTION / "stale")
    shutil.copytree(layout.MODELS / "gradual" / "seed-0", layout.MODELS / "gradual" / "seed-7")
    Path("plots/map-stale.png").write_bytes(b"of a model that was removed")
    compare.compare(NAMES, umap=False)
    assert outputs() == before


@pytest.mark.parametrize(
    "missing",
    [
        "data/evaluation/gradual/scores.json",
        "data/evaluation/gradual/embedding.npz",
        "data/models/gradual/seed-1/history.csv",
        "data/selection/kmeans/quality.json",
        "data/features/pixels/quality.json",
    ],
)
def test_a_missing_result_is_named_and_nothing_is_written(missing: str) -> None:
    Path(missing).unlink()
    with pytest.raises(UserError, match=re.escape(missing)):
        compare.compare(NAMES, umap=False)
    assert not outputs()


def test_results_of_other_seeds_are_refused() -> None:
    names = replace(NAMES, seeds=[0, 1, 2])
    with pytest.raises(UserError, match=r"supervised/scores.json: made with seeds \[0, 1\]"):
        compare.compare(names, umap=False)


def test_images_without_any_known_label_are_compared_too() -> None:
    """A test part of no image: nothing is measured, nothing breaks."""
    for model in NAMES.models:
        shutil.rmtree(layout.EVALUATION / model)
        shutil.rmtree(layout.MODELS / model)
        write_model(model, None, [0, 1])
        nothing = {"embedding": np.zeros((0, 5), np.float32), "labels": np.zeros(0, np.int64)}
        np.savez(layout.EVALUATION / model / "embedding.npz", **nothing)  # type: ignore[arg-type]
        pd.DataFrame(0, index=CLASSES, columns=CLASSES).to_csv(layout.EVALUATION / model / "confusion.csv")
    compare.compare(NAMES, umap=True)
    assert "accuracy" not in json.loads(Path("metrics/metrics.json").read_text())["gradual"]
    # no empty axes
    assert not {"accuracy", "per_class"} & {path.stem for path in Path("plots").glob("*.png")}
    assert "<h2>Classes</h2>" not in Path("plots/index.html").read_text()


def test_each_note_stands_once_and_last_with_all_who_say_it() -> None:
    compare.compare(NAMES, umap=False)
    note = f"{', '.join(NAMES.models)}: a note"
    assert Path("metrics/compare.md").read_text().endswith(f"## Notes\n\n- {note}\n- {COPIED}\n")
    last = Path("plots/index.html").read_text().split("<section")[-1]
    assert "<h2>Notes</h2>" in last and f"<li>{note}</li>" in last


def edit(path: Path, **changes: Any) -> None:
    """Sets figures wherever they stand in a JSON file."""

    def walk(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: changes.get(key, walk(value)) for key, value in one.items()}
        return [walk(value) for value in one] if isinstance(one, list) else one

    write_json(path, walk(kept.read_json(path)))


def told() -> list[str]:
    """compare.md and the page."""
    compare.compare(NAMES, umap=False)
    return [Path(path).read_text() for path in ("metrics/compare.md", "plots/index.html")]


def test_captions_tell_of_what_was_measured_alone() -> None:
    for text in told():
        assert "10-NN and linear probe: accuracy on the validation images" in text
        assert "Late classes" not in text and "Coverage" not in text
    for name in NAMES.models:
        edit(layout.EVALUATION / name / "scores.json", test_accuracy=None, forgetting=None)
        Path(f"data/evaluation/{name}/confusion.csv").write_text(",cat,dog\ncat,0,0\ndog,0,0\n")
        np.savez(layout.EVALUATION / name / "embedding.npz", embedding=np.zeros((0, 5)), labels=np.zeros(0, np.int64))
    edit(layout.FEATURES / "pixels" / "quality.json", knn_cosine=None, knn_euclidean=None)
    text, page = told()
    for one in (text, page):
        assert "on the validation images." not in one.split("Features")[-1]
    assert "Each model" not in page  # nothing but a first epoch for each class


def test_late_classes_of_which_nothing_was_measured_are_no_section() -> None:
    path = layout.EVALUATION / "gradual" / "scores.json"
    content = kept.read_json(path)
    for seed in content["seeds"]:
        seed["scores"] |= {"late_classes": 2, "late_classes_learnt": None, "known_kept": None}
    write_json(path, content)
    assert not any("Late classes" in text for text in told())
    for seed in content["seeds"]:
        seed["scores"]["known_kept"] = 0.5
    write_json(path, content)
    for text in told():
        caption = text.split("Late classes")[-1]
        assert "how many do; the validation accuracy on the classes known before" in caption and "learnt" not in caption
        assert "50.00" in caption


def train_in_rounds(model: str, accuracies: list[float]) -> None:
    for seed in (0, 1):
        told = [10 * 2**number for number in range(len(accuracies))]
        history = {"epoch": range(1, len(told) + 1), "round": range(len(told)), "labels_told": told}
        values = [one + (-1) ** (seed + number) / 200 for number, one in enumerate(accuracies)]
        path = layout.seed_folder(layout.MODELS / model, seed) / "history.csv"
        pd.DataFrame(history | {"validation_accuracy": values}).to_csv(path, index=False)


def test_labels_told_in_rounds_give_budget_advice() -> None:
    compare.compare(NAMES, umap=False)
    assert "Budget advice" not in Path("plots/index.html").read_text() + Path("metrics/compare.md").read_text()
    train_in_rounds("gradual", [0.3, 0.45, 0.55, 0.62])
    compare.compare(NAMES, umap=False)
    assert Path("plots/advice.png").exists()
    head, _, *lines = Path("metrics/compare.md").read_text().split("| model ")[1].splitlines()
    assert head.endswith("| rounds | acquisition |")
    assert [line.split("|")[-3:-1] for line in lines[:2]] == [
        ["      – ", "           – "],
        ["      4 ", "      margin "],
    ]
    page, text = Path("plots/index.html").read_text(), Path("metrics/compare.md").read_text()
    assert page.count("data:image/png") == 12
    sentence = re.search(
        r"gradual: 62\.\d % with 80 labels.*; about \d+ more \(95 %: .*\) for the next point \(.* %\)", text
    )
    assert sentence and f"<li>{sentence[0]}</li>" in page
    assert "supervised" not in text.split("## Budget advice")[1].split("## Selection")[0]
    # with two numbers of labels there is a sentence, and nothing to see
    train_in_rounds("gradual", [0.3, 0.45])
    compare.compare(NAMES, umap=False)
    assert not Path("plots/advice.png").exists()
    assert "two numbers of labels alone" in Path("plots/index.html").read_text()


@pytest.mark.parametrize(
    ("pool", "test", "shown"),
    [
        ([9, 8, 7], [4, 4, 4], []),
        ([90, 9, 90], [4, 4, 4], ["macro-F1 (%)"]),
        ([9, 9, 9], [4, 4, 12], ["balanced (%)", "macro-F1 (%)"]),
        ([9, 9, 9], [0, 4, 4], []),
        ([0, 0, 0], [0, 0, 0], []),
    ],
)
def test_what_accuracy_hides_is_shown_where_classes_are_unequal(
    pool: list[int], test: list[int], shown: list[str]
) -> None:
    parts = {"pool": pool, "validation": pool, "test": test}
    counts = {part: dict(zip(CLASSES, found, strict=True)) | {"unknown": 1000} for part, found in parts.items()}
    write_json(layout.SPLIT / "description.json", {"classes": CLASSES, "size": 32, "counts": counts, "copies": COPIES})
    compare.compare(NAMES, umap=False)
    head = Path("metrics/compare.md").read_text().split("| model")[1].splitlines()[0]
    assert [title for title in ("balanced (%)", "macro-F1 (%)") if title in head] == shown
    table = pd.read_csv("metrics/compare.csv")
    assert {"balanced_accuracy", "macro_f1", "macro_f1_std"} <= set(table.columns)

"""Every picture can be drawn from what the pipeline gives, ordinary or odd; the same input gives the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from stages.advice.forecast import Forecast, Points, forecast
from stages.reporting import figures
from stages.reporting.figures.style import MODELS, styles

MODEL_NAMES = ["supervised", "gradual"]
VALUES = pd.DataFrame(
    [("supervised", "accuracy", 0.6, 0.01, 3), ("gradual", "accuracy", 0.7, float("nan"), 1)],
    columns=["name", "figure", "mean", "std", "n"],
)
NONE = VALUES.iloc[:0]


def curves(seeds: int = 2, epochs: int = 4) -> pd.DataFrame:
    """supervised is told all labels at once, gradual a few more in every epoch, at first none."""
    rows = [
        (model, seed, epoch, np.nan, 100 if model == "supervised" else 30 * (epoch - 1), 0.2 * epoch + 0.01 * seed)
        for model in MODEL_NAMES
        for seed in range(seeds)
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows, columns=["model", "seed", "epoch", "round", "labels_told", "accuracy"])


def in_rounds(seeds: int = 2) -> pd.DataFrame:
    """gradual as a model that trains three rounds of two epochs, of which the second is the better."""
    rows = curves(seeds, 6)
    epoch, asks = rows["epoch"], rows["model"] == "gradual"
    rounds = rows.assign(
        round=(epoch + 1) // 2, labels_told=100 * ((epoch + 1) // 2), accuracy=0.1 * epoch - 0.3 * (epoch % 2)
    )
    return rows.where(~asks, rounds)


def accuracies(models: int, classes: int) -> pd.DataFrame:
    shares = np.linspace(0, 1, models * classes).reshape(models, classes)
    shares[0, 0] = np.nan
    return pd.DataFrame(shares, index=[f"m{i}" for i in range(models)], columns=[f"class {i}" for i in range(classes)])


def points(n: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)


DISTANCES = {"knn_euclidean": "Euclidean", "knn_cosine": "cosine"}
FEATURES = pd.DataFrame(
    [("pixels", "knn_euclidean", 0.3, np.nan, 1), ("pixels", "knn_cosine", 0.4, np.nan, 1)], columns=VALUES.columns
)


def forecasts(spread: float = 0.01) -> dict[str, Forecast]:
    """supervised has a next point in sight, gradual has none, as its accuracy falls."""
    labels = np.array([100.0, 200, 400, 800])
    rises = Points(labels, 0.9 - 3 * labels**-0.5, np.full(4, spread), np.full(4, 3))
    falls = Points(labels, 0.5 - labels / 8000, np.full(4, spread), np.full(4, 3))
    return {"supervised": forecast(rises), "gradual": forecast(falls)}


PICTURES: dict[str, Callable[[Path], None]] = {
    "curves": lambda path: figures.learning_curves(curves(), MODEL_NAMES, path),
    "curves of one seed": lambda path: figures.learning_curves(curves(seeds=1), MODEL_NAMES, path),
    "curves of one epoch": lambda path: figures.learning_curves(curves(epochs=1), MODEL_NAMES, path),
    "curves, in rounds": lambda path: figures.learning_curves(in_rounds(), MODEL_NAMES, path),
    "curves, none": lambda path: figures.learning_curves(curves().iloc[:0], MODEL_NAMES, path),
    "labels": lambda path: figures.accuracy_by_labels(curves(), MODEL_NAMES, path),
    "labels, none told": lambda path: figures.accuracy_by_labels(curves().assign(labels_told=0), MODEL_NAMES, path),
    "labels, all equal": lambda path: figures.accuracy_by_labels(curves().assign(labels_told=7), MODEL_NAMES, path),
    "advice": lambda path: figures.advice(forecasts(), MODEL_NAMES, path),
    "advice on seven models": lambda path: figures.advice(
        {f"m{i}": forecasts()["gradual" if i == 3 else "supervised"] for i in range(7)},
        [f"m{i}" for i in range(7)],
        path,
    ),
    "advice without a spread": lambda path: figures.advice(forecasts(np.nan), MODEL_NAMES, path),
    "advice, none to give": lambda path: figures.advice({"gradual": forecasts()["gradual"]}, MODEL_NAMES, path),
    "labels, in rounds": lambda path: figures.accuracy_by_labels(in_rounds(), MODEL_NAMES, path),
    "labels, in rounds of one seed": lambda path: figures.accuracy_by_labels(in_rounds(seeds=1), MODEL_NAMES, path),
    "dots": lambda path: figures.dots(VALUES, {"accuracy": "test"}, path, label="test accuracy"),
    "dots, none": lambda path: figures.dots(NONE, {"accuracy": "test"}, path, label="test accuracy"),
    "dots, one": lambda path: figures.dots(VALUES[:1], {"accuracy": "test"}, path, label="test accuracy"),
    "dots of two figures": lambda path: figures.dots(FEATURES, DISTANCES, path, label="10-NN accuracy"),
    "dots of two figures, none": lambda path: figures.dots(NONE, DISTANCES, path, label="10-NN accuracy"),
    "per class": lambda path: figures.per_class(accuracies(2, 10), path),
    "per class, one": lambda path: figures.per_class(accuracies(1, 1), path),
    "per class, a hundred": lambda path: figures.per_class(accuracies(3, 100), path),
    "confusion": lambda path: figures.confusion(np.diag([3, 0, 5]), ["cat", "automobile", "ship"], path, title="m"),
    "confusion of a hundred": lambda path: figures.confusion(
        np.eye(100), [f"class {i}" for i in range(100)], path, title="m"
    ),
    "map": lambda path: figures.embedding_map(
        {"PCA": points(40), "UMAP": points(40)}, np.arange(40) % 4 - 1, ["a", "b", "c"], path, title="m"
    ),
    "map of unknown": lambda path: figures.embedding_map({"PCA": points(5)}, np.full(5, -1), ["a"], path, title="m"),
    "map of 100 classes": lambda path: figures.embedding_map(
        {"PCA": points(200)}, np.arange(200) % 100, [str(i) for i in range(100)], path, title="m"
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_on_white_and_the_same_twice(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "first.partial", tmp_path / "second.png"
    PICTURES[name](first)
    PICTURES[name](second)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as image:
        pixels = np.asarray(image.convert("L"))
    assert 200 < pixels.shape[0] < 4000
    assert 500 < pixels.shape[1] < 4000
    assert pixels.min() < 100 < pixels.max()
    # nothing is cut off: the rim is blank
    assert min(pixels[0].min(), pixels[-1].min(), pixels[:, 0].min(), pixels[:, -1].min()) == 255


def test_a_model_looks_the_same_in_every_picture_and_no_two_are_alike() -> None:
    names = [f"m{i}" for i in range(30)]
    looks = styles(names)
    assert len({(look.colour, look.dash) for look in looks.values()}) == 30
    assert styles(names[:5])["m3"] == looks["m3"]
    assert looks["m0"].colour == MODELS[0]


def test_of_a_round_the_last_epoch_alone_is_drawn(tmp_path: Path) -> None:
    rounds = in_rounds()
    figures.accuracy_by_labels(rounds, MODEL_NAMES, tmp_path / "all")
    early = (rounds["model"] == "gradual") & (rounds["epoch"] % 2 == 1)
    figures.accuracy_by_labels(rounds[~early], MODEL_NAMES, tmp_path / "last")
    assert (tmp_path / "all").read_bytes() == (tmp_path / "last").read_bytes()


def test_of_a_model_in_rounds_the_last_is_drawn_from_its_first_epoch(tmp_path: Path) -> None:
    rounds = in_rounds()
    figures.learning_curves(rounds, MODEL_NAMES, tmp_path / "rounds")
    gradual = rounds["model"] == "gradual"
    last = rounds[~gradual | (rounds["round"] == 3)]
    once = last.assign(epoch=last["epoch"] - 4 * (last["model"] == "gradual"), round=np.nan)
    figures.learning_curves(once, MODEL_NAMES, tmp_path / "once")
    assert (tmp_path / "rounds").read_bytes() == (tmp_path / "once").read_bytes()


@pytest.mark.parametrize("draw", [figures.learning_curves, figures.accuracy_by_labels])
def test_a_line_equal_to_another_is_seen(draw: Callable[..., None], tmp_path: Path) -> None:
    one = in_rounds(seeds=1).query("model == 'gradual'").astype({"seed": int})
    both = pd.concat([one.assign(model=model) for model in MODEL_NAMES])
    draw(both, MODEL_NAMES, tmp_path / "both")
    with Image.open(tmp_path / "both") as image:
        pixels = np.asarray(image.convert("RGB"))[:, : image.width * 3 // 4]  # without the legend
    for colour in MODELS[:2]:
        assert (pixels == [int(colour[place : place + 2], 16) for place in (1, 3, 5)]).all(axis=2).sum() > 500


def test_values_that_differ_little_are_seen_apart(tmp_path: Path) -> None:
    near = VALUES.assign(mean=[0.985, 0.995], std=np.nan)
    figures.dots(near, {"accuracy": "test"}, tmp_path / "near", label="class balance")
    with Image.open(tmp_path / "near") as image:
        blue = (np.asarray(image.convert("RGB")) == [0x00, 0x72, 0xB2]).all(axis=2)
    columns = np.flatnonzero(blue.any(axis=0))
    assert np.ptp(columns) > 0.2 * blue.shape[1]


def test_only_seeds_that_differ_make_a_band(tmp_path: Path) -> None:
    """One seed, and two seeds with the same mean: what differs in the picture is the band."""
    one = curves(seeds=1).assign(accuracy=lambda rows: rows["epoch"] / 10)
    apart = pd.concat([one.assign(accuracy=one["accuracy"] + shift, seed=shift) for shift in (-0.05, 0.05)])
    equal = pd.concat([one, one.assign(seed=1)])
    pictures = []
    for name, rows in {"one": one, "apart": apart, "equal": equal}.items():
        figures.learning_curves(rows, MODEL_NAMES, tmp_path / name)
        with Image.open(tmp_path / name) as image:
            coloured = np.ptp(np.asarray(image.convert("RGB")).astype(int), axis=2) > 8
        pictures.append(int(coloured.sum()))
    assert pictures[1] > 2 * pictures[0]
    assert pictures[2] < 1.5 * pictures[0]


# what people name their classes, and what matplotlib makes of it unless told: mathematics, twice, and no legend entry
ODD = ["$1_$5", "$5_$10", "_", "_private", "a^b", "100 %", "\\alpha", "x|y", "<b>", "{}", "# 1"]


def texts(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], None]) -> set[str]:
    """All texts of the picture that is drawn, as they stand in it."""
    seen: set[str] = set()

    def look(figure: Figure, *arguments: object, **how: object) -> None:
        figure.draw_without_rendering()
        seen.update(one.get_text() for one in figure.findobj(Text) if isinstance(one, Text) and one.get_visible())
        assert not any(one.get_parse_math() for one in figure.findobj(Text) if isinstance(one, Text))

    monkeypatch.setattr(Figure, "savefig", look)
    draw()
    return seen


def test_names_are_drawn_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count, path = len(ODD), tmp_path / "odd.png"
    labels = np.arange(3 * count) % count
    shares = pd.DataFrame(np.eye(count), index=ODD, columns=ODD)
    scores = pd.DataFrame([(name, "accuracy", 0.5, 0.1, 3) for name in ODD], columns=VALUES.columns)
    run = pd.concat([curves().query("model == 'gradual'").assign(model=name) for name in ODD])
    drawn: dict[str, Callable[[], None]] = {
        "map": lambda: figures.embedding_map({"PCA": points(len(labels))}, labels, ODD, path, title=ODD[0]),
        "confusion": lambda: figures.confusion(np.eye(count), ODD, path, title=ODD[0]),
        "per class": lambda: figures.per_class(shares, path),
        "dots": lambda: figures.dots(scores, {"accuracy": "test"}, path, label="test accuracy"),
        "curves": lambda: figures.learning_curves(run, ODD, path),
    }
    # blocks' names begin with a letter
    models = {"curves": [name for name in ODD if not name.startswith("_")]}
    for kind, draw in drawn.items():
        assert set(models.get(kind, ODD)) <= texts(monkeypatch, draw), kind


@pytest.mark.filterwarnings("error")
def test_odd_names_make_a_picture(tmp_path: Path) -> None:
    labels = np.arange(3 * len(ODD)) % len(ODD)
    figures.embedding_map({"PCA": points(len(labels))}, labels, ODD, tmp_path / "map.png", title=ODD[0])
    figures.confusion(np.eye(len(ODD)), ODD, tmp_path / "confusion.png", title=ODD[0])


def test_a_map_and_a_matrix_name_their_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.png"
    matrix = texts(monkeypatch, lambda: figures.confusion(np.eye(2), ["a", "b"], path, title="probe: test"))
    plane = texts(
        monkeypatch,
        lambda: figures.embedding_map({"PCA": points(5)}, np.zeros(5, int), ["a"], path, title="probe: test"),
    )
    assert "probe: test" in matrix & plane


def test_cells_of_a_matrix_without_images_hold_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cells: list[str] = []

    def look(figure: Figure, *arguments: object, **how: object) -> None:
        cells.extend(one.get_text() for one in figure.axes[0].texts)

    monkeypatch.setattr(Figure, "savefig", look)
    counts = np.array([[999, 1, 0], [0, 990, 10], [0, 0, 0]])
    figures.confusion(counts, ["a", "b", "c"], tmp_path / "one.png", title="m")
    assert cells == ["100", "99", "1", "–", "–", "–"]


@pytest.mark.parametrize("told", [[90, 100], [100, 90]])
def test_a_model_stands_where_its_labels_are(told: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pd.concat(
        [curves().query("model == 'supervised'").assign(model=f"m{n}", labels_told=n) for n in [*told, *range(40, 60)]]
    )
    found: dict[str, float] = {}

    def look(figure: Figure, *arguments: object, **how: object) -> None:
        for one in figure.axes[0].containers:
            found[one.get_label()] = one.lines[0].get_xdata()[-1]

    monkeypatch.setattr(Figure, "savefig", look)
    figures.accuracy_by_labels(rows, [f"m{n}" for n in [*told, *range(40, 60)]], tmp_path / "one.png")
    assert found == {f"m{n}": n for n in [*told, *range(40, 60)]}

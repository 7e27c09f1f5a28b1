"""All pictures of a comparison, drawn into one folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from stages.base.files import whole_file
from stages.geometry import maps
from stages.reporting import figures, tables
from stages.reporting.tables import Results


def draw(results: Results, folder: Path, *, umap: bool) -> dict[str, Path]:
    """Draws every picture of what was measured, and removes what was drawn before. Returns name -> file."""
    drawn = {}
    for name, one in _pictures(results, umap).items():
        drawn[name] = folder / f"{name}.png"
        with whole_file(drawn[name]) as path:
            one(path)
    for stale in set(folder.glob("*.png")) - set(drawn.values()):
        stale.unlink()
    return drawn


def unreadable(results: Results) -> list[str]:
    """What to say of names that the pictures cannot show; nothing, as a rule."""
    letters = figures.unreadable(results.classes)
    if not letters:
        return []
    few = letters[:10] + ("..." if len(letters) > 10 else "")
    way = "install one, such as Debian's fonts-noto-cjk, and run `dvc repro -f compare`"
    return [f"pictures show boxes for letters of class names that no font of this machine has ({few}): {way}"]


def _pictures(results: Results, umap: bool) -> dict[str, Callable[[Path], None]]:
    """Name -> what draws it to a file."""
    models, classes, curves = list(results.scores), results.classes, results.curves
    accuracy = tables.summary(results.scores).query("figure == 'accuracy'")
    by_class = tables.per_class(results.per_class, classes)
    features, chosen = tables.summary(results.extractors), tables.summary(results.strategies)
    of_features = {"knn_cosine": "10-NN, cosine", "linear_probe": "linear probe"}
    of_chosen = {"one_nn": "1-NN", "linear_probe": "linear probe"}
    validation = "validation accuracy"
    drawn_by: dict[str, Callable[[Path], None]] = {
        "accuracy": lambda path: figures.dots(accuracy, {"accuracy": "test"}, path, label="test accuracy"),
        "learning_curves": lambda path: figures.learning_curves(curves, models, path),
        "accuracy_by_labels": lambda path: figures.accuracy_by_labels(curves, models, path),
        "per_class": lambda path: figures.per_class(by_class, path),
        "selection": lambda path: figures.dots(chosen, of_chosen, path, label=validation),
        "features": lambda path: figures.dots(features, of_features, path, label=validation),
    }
    told = {model: one for model, one in results.forecasts.items() if one.points.counts > 2}
    if told:
        drawn_by["advice"] = lambda path: figures.advice(told, models, path)
    measured = {
        "accuracy": accuracy["mean"].notna().any(),
        "learning_curves": len(curves) > 0,
        # of one number of labels it would say what the dots of accuracies say
        "accuracy_by_labels": curves.loc[curves["labels_told"] > 0, "labels_told"].nunique() > 1,
        "per_class": by_class.notna().any(axis=None),
        "selection": chosen[chosen["figure"].isin(list(of_chosen))]["mean"].notna().any(),
        "features": features[features["figure"].isin(list(of_features))]["mean"].notna().any(),
    }
    drawn_by = {name: one for name, one in drawn_by.items() if measured.get(name, True)}
    for model in models:
        if results.confusions[model].sum():
            drawn_by[f"confusion-{model}"] = partial(_confusion, results, model)
        if len(results.embeddings[model][0]):
            drawn_by[f"map-{model}"] = partial(_map, results, model, umap)
    for strategy, curve in results.read_off.items():
        drawn_by[f"curve-{strategy}"] = partial(figures.read_off, curve, title=f"{strategy}, seed {results.seeds[0]}")
    return drawn_by


def _confusion(results: Results, model: str, path: Path) -> None:
    seeds = f"{len(results.seeds)} seeds" if len(results.seeds) > 1 else "one seed"
    title = f"{model}: test images, last epoch, {seeds}"
    figures.confusion(results.confusions[model], results.classes, path, title=title)


def _map(results: Results, model: str, umap: bool, path: Path) -> None:
    embedding, labels = results.embeddings[model]
    panels = {"PCA": maps.pca(embedding)}
    if umap:
        panels["UMAP"] = maps.umap(embedding, results.seeds[0])
    title = f"{model}: embedding of the test images, last epoch, seed {results.seeds[0]}"
    figures.embedding_map(panels, labels, results.classes, path, title=title)

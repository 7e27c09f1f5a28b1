"""python -m stages.evaluate NAME: what a trained model can do, on the test set, for each seed.

Reads data/models/NAME, the test images, and the pool (for k-NN); writes data/evaluation/NAME/: scores.json,
confusion.csv (all seeds together) and embedding.npz (of the first seed, for the maps).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from stages.base.errors import run
from stages.base.files import whole_folder
from stages.geometry import kmeans, neighbours
from stages.geometry.silhouette import silhouette
from stages.measures import novelty, predictions
from stages.project import layout, params
from stages.training import measure, saved
from stages.training.device import half, pick
from stages.training.images import Images

if TYPE_CHECKING:
    import pandas


def main() -> None:
    import pandas as pd

    parameters = params.read()
    name = parameters.models.named(sys.argv[1:])
    settings, wanted = parameters.models[name], parameters.evaluation
    device = pick(parameters.compute)
    classes = layout.description()["classes"]
    parameters.check_classes(classes)
    test, pool = layout.part("test"), layout.part("pool")
    images, database = (Images(part.packed, part.indices, device) for part in (test, pool))
    in_half = half(parameters.compute, device)
    seeds: list[dict[str, Any]] = []
    guesses: list[np.ndarray] = []
    shown: torch.Tensor | None = None
    for seed in parameters.seeds:
        folder = layout.seed_folder(layout.MODELS / name, seed)
        encoder, head = saved.load(folder)
        encoder.to(device), head.to(device)
        history = pd.read_csv(folder / "history.csv")
        figures = of_history(history)
        predicted = np.empty(0, np.int64)
        if len(images):
            embedding = measure.embed(encoder, images, in_half)
            predicted = measure.classify(head, embedding)
            shown = embedding if shown is None else shown
            reference = measure.embed(encoder, database, in_half)
            figures |= of_embedding(
                embedding, test.labels, reference, pool.labels, len(classes), wanted.neighbours, seed
            )
        figures["accuracy"] = predictions.accuracy(test.labels, predicted)
        figures["balanced_accuracy"] = predictions.balanced_accuracy(test.labels, predicted)
        figures["macro_f1"] = predictions.macro_f1(test.labels, predicted)
        for subset, ids in wanted.class_ids(classes).items():
            figures[f"accuracy/{subset}"] = predictions.subset_accuracy(test.labels, predicted, ids)
        introduced = layout.read_json(folder / "introduced.json")
        through = by_class(history, classes)
        figures["validation_balanced_accuracy_last"] = balanced(through)
        figures |= novelty.summary(through, introduced)
        each = of_classes(through, introduced, test.labels, predicted)
        seeds.append({"seed": seed, "scores": figures, "per_class": each})
        guesses.append(predicted)

    unknown = int((test.labels < 0).sum())
    notes = [f"{unknown} test images without a label are left out"] if unknown else []
    if not (test.labels >= 0).any():
        notes.append("no test image has a label: what needs one is left out")
    if all(one["scores"]["validation_accuracy_last"] is None for one in seeds):
        notes.append("no image is held out for validation: there is no accuracy by epoch")
    truth = np.tile(test.labels, len(guesses))
    counts = predictions.confusion(truth, np.concatenate(guesses), len(classes))
    with whole_folder(layout.EVALUATION / name) as folder:
        content = {"model": name, "regime": settings.regime, "seeds": seeds, "notes": notes}
        layout.write_json(folder / "scores.json", content)
        pd.DataFrame(counts, index=classes, columns=classes).to_csv(folder / "confusion.csv", lineterminator="\n")
        # a sample, as a folder's images lie class by class
        order = np.random.default_rng(0).permutation(len(test.labels))[: wanted.map_images]
        points = np.empty((0, 2), np.float32) if shown is None else shown.cpu().numpy()
        np.savez(folder / "embedding.npz", embedding=points[order], labels=test.labels[order])
    measured = [one["scores"]["accuracy"] for one in seeds if one["scores"]["accuracy"] is not None]
    print(f"{name}: test accuracy {', '.join(f'{accuracy:.2%}' for accuracy in measured) or 'not measured'}")


def of_history(history: pandas.DataFrame) -> dict[str, float | None]:
    """The last epoch's validation accuracy, and the best epoch's under its own name; labels ever told; epochs."""
    import pandas as pd

    measured = history.get("validation_accuracy", pd.Series(dtype=float)).dropna()
    return {
        "accuracy": None,
        "validation_accuracy_last": None if measured.empty else float(measured.iloc[-1]),
        "validation_accuracy_best": None if measured.empty else float(measured.max()),
        "labels_told": int(history["labels_told"].iloc[-1]),
        "epochs": len(history),
    }


def of_embedding(
    test: torch.Tensor,
    labels: np.ndarray,
    pool: torch.Tensor,
    pool_labels: np.ndarray,
    classes: int,
    k: int,
    seed: int,
) -> dict[str, float | None]:
    """k-NN accuracy (cosine) of the test embeddings [n, d] among those of the pool [m, d], all of whose labels count,
    and k-means with as many clusters as classes on the test embeddings, held against the labels."""
    figures: dict[str, float | None] = {"knn_accuracy": None}
    if (labels >= 0).any() and (pool_labels >= 0).sum() >= k:
        labels_here, pool_here = (torch.from_numpy(part).to(test.device) for part in (labels, pool_labels))
        figures["knn_accuracy"] = neighbours.knn_accuracy(test, labels_here, pool, pool_here, k, metric="cosine")
    if not 2 <= classes <= len(test):
        return figures
    _, clusters, _ = kmeans.kmeans(test, classes, seed=seed)
    found = clusters.cpu().numpy()
    return figures | predictions.clustering(labels, found) | {"silhouette": silhouette(test.cpu().numpy(), found)}


def by_class(history: pandas.DataFrame, classes: list[str]) -> dict[str, np.ndarray]:
    """For each class by name: its validation accuracy after each epoch, [E], or [0] where it was not measured."""
    import pandas as pd

    columns = {name: history.get(f"validation_accuracy/{name}", pd.Series(dtype=float)) for name in classes}
    return {name: column.dropna().to_numpy() for name, column in columns.items()}


def balanced(through: novelty.Accuracies) -> float | None:
    """The mean of the classes' last validation accuracies; classes without validation images are left out."""
    last = [accuracies[-1] for accuracies in through.values() if len(accuracies)]
    return float(np.mean(last)) if last else None


def of_classes(
    through: novelty.Accuracies, introduced: novelty.Introduced, labels: np.ndarray, predicted: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """For each class by name: test accuracy, the epoch (from 1) at which it was introduced, the best and the last
    validation accuracy, what was forgotten, best minus last, and how it was learnt (novelty.of_class)."""
    return {
        name: {
            "test_accuracy": predictions.subset_accuracy(labels, predicted, [number]),
            "introduced_epoch": epoch,
            **predictions.forgetting(through[name]),
            **novelty.of_class(name, through, introduced),
        }
        for number, (name, epoch) in enumerate(introduced.items())
    }


if __name__ == "__main__":
    run(main)

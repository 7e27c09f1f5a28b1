"""What is reported of a trained model, beside its predictions: of its history, its embedding and each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from stages.geometry import kmeans, neighbours
from stages.geometry.silhouette import silhouette
from stages.measures import novelty, predictions

if TYPE_CHECKING:
    import pandas


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

"""Features of the pool and of the validation part by one extractor, and how good they are.

`python -m stages.extract <extractor>` reads raw, split and the encoder that the extractor names, never the test images;
writes data/features/<extractor>/: pool.npy and validation.npy (float32 [N, d]), quality.json and speed.json.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.extractors import Rows, member
from stages.geometry import kmeans, neighbours
from stages.measures import predictions
from stages.measures.linear_probe import probe_accuracy
from stages.project import layout, params
from stages.training.device import autocast, half, pick

NEIGHBOURS = 10


def main() -> None:
    if len(sys.argv) != 2:
        raise UserError("usage: python -m stages.extract <name of an extractor in params.yaml>")
    name = sys.argv[1]
    parameters = params.read()
    settings, seed = parameters.extractors[name], parameters.seeds[0]
    device = pick(parameters.compute)
    pool, validation = layout.part("pool"), layout.part("validation")
    weights = None if settings.weights == "none" else layout.DATA / settings.weights
    if weights and settings.extractor == "pretrained":
        weights = layout.seed_folder(weights, seed)

    # both parts lie in the same packed array, so that the network is made once
    images = Rows(pool.packed, np.concatenate([pool.indices, validation.indices]))
    with autocast(device, half(parameters.compute, device)):
        features = member(settings.extractor).extract(images, settings, weights, device)
    seconds = time.perf_counter() - images.first_read
    if not np.isfinite(features).all():
        raise UserError(f"extractor {name} gave numbers that are not finite; set compute.precision=fp32")
    of_pool, of_validation = features[: len(pool.indices)], features[len(pool.indices) :]
    figures = quality(of_pool, pool.labels, of_validation, validation.labels, seed=seed, device=device)

    with whole_folder(layout.FEATURES / name) as folder:
        np.save(folder / "pool.npy", of_pool)
        np.save(folder / "validation.npy", of_validation)
        layout.write_json(folder / "quality.json", {"extractor": name, **figures})
        # apart from the quality, which is the same in every run
        rate = round(len(images) / seconds, 1)
        layout.write_json(folder / "speed.json", {"images_per_second": rate, "device": str(device)})
    print(f"{name}: {figures['dimensions']} dimensions, {rate} images/s")


def quality(
    pool: np.ndarray,
    pool_labels: np.ndarray,
    validation: np.ndarray,
    validation_labels: np.ndarray,
    *,
    seed: int,
    device: torch.device,
) -> dict[str, object]:
    """How well features [n, d] tell the classes apart; labels [n] are class ids, -1 where unknown.

    knn_euclidean, knn_cosine: accuracy of 10-NN on the labelled validation images among the labelled images of the
    pool; linear_probe: of a linear classifier with their labels. kmeans_accuracy, kmeans_nmi, kmeans_ari: k-means on
    the whole pool, with as many clusters as it has classes, against the labels that are known. A figure that cannot be
    measured is None, and `notes` says why.
    """
    pool_known, validation_known = pool_labels >= 0, validation_labels >= 0
    figures: dict[str, float | None] = {
        "dimensions": pool.shape[1],
        "knn_euclidean": None,
        "knn_cosine": None,
        "linear_probe": probe_accuracy(pool, pool_labels, validation, validation_labels),
        "kmeans_accuracy": None,
        "kmeans_nmi": None,
        "kmeans_ari": None,
        "left_out": int((~pool_known).sum() + (~validation_known).sum()),
    }
    notes = []

    if not validation_known.any():
        notes.append("knn, linear probe: no validation image has a label")
    elif pool_known.sum() < NEIGHBOURS:
        notes.append(f"knn: fewer than {NEIGHBOURS} images of the pool have a label")
    else:
        parts = (validation, validation_labels, pool, pool_labels)
        queries, query_labels, database, database_labels = (torch.from_numpy(part).to(device) for part in parts)
        for metric in ("euclidean", "cosine"):
            figures[f"knn_{metric}"] = neighbours.knn_accuracy(
                queries, query_labels, database, database_labels, NEIGHBOURS, metric=metric
            )

    if validation_known.any() and not pool_known.any():
        notes.append("linear probe: no image of the pool has a label")

    classes = len(np.unique(pool_labels[pool_known]))
    if classes < 2:
        notes.append("kmeans: the labelled images of the pool are of fewer than 2 classes")
    else:
        _, clusters, _ = kmeans.kmeans(torch.from_numpy(pool).to(device), classes, seed=seed)
        found = clusters.cpu().numpy()
        agreement = predictions.clustering(pool_labels, found)
        figures["kmeans_accuracy"] = predictions.cluster_accuracy(pool_labels, found)
        figures["kmeans_nmi"], figures["kmeans_ari"] = agreement["nmi"], agreement["ari"]

    return {**figures, "notes": notes}


if __name__ == "__main__":
    run(main)

"""python -m tests.sparse_choices ARCHIVE FOLDER: system B's question on features that others trained. Which strategy's
labels teach most, where all classes are as frequent, and where half of them keep a tenth of their images?

ARCHIVE holds CIFAR-10 as folders; 10,000 training images are read, 8,000 to choose from and 2,000 to judge by. FOLDER
keeps features and rows, so that a run that was stopped goes on. metrics/reported/sparse.md has what it printed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import default_rng

from stages.base.errors import UserError
from stages.base.files import whole_file
from stages.measures import predictions
from stages.measures.balance import balance
from stages.selection import NONE, Block, choose, member
from tests.blocks import settings
from tests.probes import features, ours, pictures

POOL, ALL, BUDGETS, SEEDS = 8000, 10_000, (100, 1000, 3000), range(3)
SETS, KEPT, CLASSES = ("original", "modified"), 0.1, 10
UMAP = {"reduction": "umap", "pick": "random"}
RAW = {"reduction": "none", "pick": "random"}
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "random": ("random", {}),
    "k-means, one of each centroid": ("kmeans", {"per_centroid": 1, "pick": "nearest"}),
    "k-means, the nearest 10": ("kmeans", {"per_centroid": 10, "pick": "nearest"}),
    "k-means, 10 at random": ("kmeans", {"per_centroid": 10, "pick": "random"}),
    "coreset": ("coreset", {}),
    "TypiClust": ("typiclust", {}),
    "HDBSCAN after UMAP": ("hdbscan", UMAP),
    "DBSCAN after UMAP": ("dbscan", UMAP),
    "OPTICS after UMAP": ("optics", UMAP),
}
PUBLISHED: dict[str, tuple[str, dict[str, Any]]] = {
    "DBSCAN": ("dbscan", RAW),
    "OPTICS, Euclidean": ("optics", RAW | {"min_samples": 2, "normalise": False}),
    "OPTICS, cosine": ("optics", RAW | {"min_samples": 2, "normalise": False, "metric": "cosine"}),
}


def rows_of(name: str, labels: np.ndarray) -> np.ndarray:
    """The images of a set: all, or of the last five classes a tenth."""
    keep = np.ones(len(labels), bool)
    if name == "modified":
        for label in range(CLASSES // 2, CLASSES):
            own = default_rng(label).permutation(np.flatnonzero(labels == label))
            keep[own[round(KEPT * len(own)) :]] = False
    return np.flatnonzero(keep)


def block(way: str) -> tuple[str, Block]:
    name, changes = (WAYS | PUBLISHED)[way]
    return name, settings("strategies", name, **changes)


def row(way: str, pool: np.ndarray, labels: np.ndarray, others: np.ndarray, truth: np.ndarray, seed: int) -> list[Any]:
    """For each budget the balance of what was chosen, balanced accuracy and macro-F1 of a logistic regression."""
    name, own = block(way)
    known = {"labelled": NONE, "skipped": NONE}
    found = []
    for budget in BUDGETS:
        cpu, first = torch.device("cpu"), np.arange(len(pool))
        (chosen,) = choose(member(name), pool, budget, own, first=first, **known, seeds=[seed], device=cpu)
        told = chosen.indices
        guess = ours(10.0)(pool, pool[told], labels[told], others)
        shares = balance(np.bincount(labels[told], minlength=CLASSES))
        found.append([shares, predictions.balanced_accuracy(truth, guess), predictions.macro_f1(truth, guess)])
    return found


def clusters(way: str, pool: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """What a density strategy finds in the features as they are."""
    name, own = block(way)
    try:
        found = member(name).select(pool, 100, own, labelled=NONE, seed=0, device=torch.device("cpu")).clusters
    except UserError as error:
        return {"refused": str(error).partition(";")[0]}
    assert found is not None
    return {
        "clusters": int(found.max() + 1),
        "noise": int((found < 0).sum()),
        **predictions.clustering(labels, found),
    }


def table(found: dict[str, Any], name: str) -> str:
    """Means over the seeds with standard deviations, in percent."""
    head = " | ".join(f"{budget:,}" for budget in BUDGETS)
    lines = [f"| {name}: strategy | {head} | balance | macro-F1 (%) |", "|---|" + "---:|" * (len(BUDGETS) + 2)]
    for way in WAYS:
        own = [found[key] for seed in SEEDS if found.get(key := f"{name}, {way}, {seed}")]
        if len(own) < len(SEEDS):
            lines.append(f"| {way} | {len(own)} of {len(SEEDS)} seeds |" + " |" * (len(BUDGETS) + 1))
            continue
        values = np.array(own, float)
        mean, std = values.mean(0), values.std(0, ddof=1)
        cells = [f"{100 * mean[i, 1]:.1f} ± {100 * std[i, 1]:.1f}" for i in range(len(BUDGETS))]
        cells += [" / ".join(f"{mean[i, 0]:.2f}" for i in range(len(BUDGETS)))]
        cells += [" / ".join(f"{100 * mean[i, 2]:.1f}" for i in range(len(BUDGETS)))]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scores(found: dict[str, Any]) -> str:
    names = ("homogeneity", "completeness", "v_measure", "ari", "ami")
    lines = [f"| as published | clusters | noise | {' | '.join(names)} |", "|---|" + "---:|" * (2 + len(names))]
    for way in PUBLISHED:
        one = found.get(f"published, {way}", {})
        if "refused" in one:
            lines.append(f"| {way} | {one['refused']} |" + " |" * (1 + len(names)))
        elif one:
            cells = [f"{one['clusters']:,}", f"{one['noise']:,}", *(f"{one[name]:.3f}" for name in names)]
            lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.sparse_choices")
    parser.add_argument("archive", type=Path)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    if not (asked.folder / "vectors.npz").exists():
        images, labels = pictures(asked.archive)
        _, vectors = next(features(images[:ALL]))
        with whole_file(asked.folder / "vectors.npz") as path, path.open("wb") as file:
            np.savez(file, vectors=vectors, labels=labels[:ALL])
    kept = np.load(asked.folder / "vectors.npz")
    vectors, labels = kept["vectors"], kept["labels"]
    path = asked.folder / "rows.json"
    found = json.loads(path.read_text()) if path.exists() else {}

    def keep(key: str, value: Any) -> None:
        found[key] = value
        with whole_file(path) as written:
            written.write_text(json.dumps(found))

    for way in WAYS:
        for seed in SEEDS:
            for name in SETS:
                if (key := f"{name}, {way}, {seed}") not in found:
                    rows = rows_of(name, labels[:POOL])
                    try:
                        keep(key, row(way, vectors[rows], labels[rows], vectors[POOL:], labels[POOL:], seed))
                    except UserError as error:
                        print(f"{key}: {error}")
                        keep(key, None)
    for way in PUBLISHED:
        if (key := f"published, {way}") not in found:
            keep(key, clusters(way, vectors[:POOL], labels[:POOL]))
    print("\n\n".join([*(table(found, name) for name in SETS), scores(found)]))


if __name__ == "__main__":
    main()

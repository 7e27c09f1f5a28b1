"""python -m tests.suspects FOLDER EXTRACTOR: of 1,000 labels some are flipped at random; which does the report suspect?

`python -m tests.suspects --cost` times the report on 50,000 images instead.

Takes images, labels and features of FOLDER, a project in which extract@EXTRACTOR is done, and prints the table of
metrics/reported/suspects.md: precision and recall of the suspects, and of as many labels in three other orders.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from stages.health.report import Images, examine
from stages.health.space import space
from stages.health.suspects import out_of_fold, suspects

LABELS, NOISE, SEEDS = 1000, (0.0, 0.05, 0.1, 0.2), range(5)
ORDERS = ("suspects", "least confident", "random")


def flipped(labels: np.ndarray, share: float, classes: int, rng: np.random.Generator) -> np.ndarray:
    """The labels int64 [n], of which that share is another class, drawn evenly."""
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    result = labels.copy()
    result[wrong] = (result[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return result


def orders(features: np.ndarray, given: np.ndarray, classes: int, seed: int) -> dict[str, np.ndarray]:
    """The labels to look at again, int64 [n], by each order, as many as there are suspects."""
    points, first = space(features).points, np.arange(len(given))
    found = suspects(points, given, first, [str(one) for one in range(classes)], seed).rows
    shares = out_of_fold(points, given, first, seed)
    unsure = np.argsort(shares.max(axis=1), kind="stable")
    lists = (found, unsure, np.random.default_rng(seed).permutation(len(given)))
    return {name: one[: len(found)] for name, one in zip(ORDERS, lists, strict=True)}


def cost(train: int = 50_000, test: int = 10_000, dims: int = 1280) -> float:
    """Processor seconds of the report on pictures of noise, with features of ten overlapping classes, of whose labels a
    tenth is wrong."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 10, train)
    low = 0.15 * rng.normal(size=(train, 60)).astype(np.float32) @ rng.normal(size=(60, dims)).astype(np.float32)
    noise = rng.standard_normal((train, dims), dtype=np.float32)
    features = 0.1 * rng.normal(size=(10, dims)).astype(np.float32)[true] + low + 0.5 * noise
    given = {"train": flipped(true, 0.1, 10, rng), "test": rng.integers(0, 10, test)}
    parts = []
    for name, labels in given.items():
        pictures = rng.integers(0, 256, (len(labels), 32, 32, 3), dtype=np.uint8)
        names = [f"{name}/{row}" for row in range(len(labels))]
        parts.append(Images(pictures, np.arange(len(labels)), names, labels, [name] * len(labels)))
    began = time.process_time()
    examine(*parts, features, [str(one) for one in range(10)], 0)
    return time.process_time() - began


def main() -> None:
    if sys.argv[1:] == ["--cost"]:
        print(f"{cost():.1f} s")
        return
    folder, extractor = Path(sys.argv[1]), sys.argv[2]
    features = np.load(folder / "data" / "features" / extractor / "pool.npy")
    true = np.load(folder / "data" / "split" / "pool.npz")["labels"]
    classes = int(true.max()) + 1
    print("| labels flipped | order | looked at | precision (%) | recall (%) |\n|---:|---|---:|---:|---:|")
    for noise in NOISE:
        measured: dict[str, list[list[float]]] = {name: [] for name in ORDERS}
        for seed in SEEDS:
            rng = np.random.default_rng(seed)
            chosen = rng.permutation(np.flatnonzero(true >= 0))[:LABELS]
            given = flipped(true[chosen], noise, classes, rng)
            wrong = given != true[chosen]
            for name, rows in orders(features[chosen], given, classes, seed).items():
                hits = wrong[rows].sum()
                measured[name].append([len(rows), 100 * hits / max(1, len(rows)), 100 * hits / max(1, wrong.sum())])
        for name, figures in measured.items():
            cells = [f"{mean:.0f} ± {std:.0f}" for mean, std in zip(*_spread(figures), strict=True)]
            print(f"| {100 * noise:.0f} % | {name} | {' | '.join(cells)} |")


def _spread(figures: list[list[float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.mean(figures, axis=0), np.std(figures, axis=0, ddof=1)


if __name__ == "__main__":
    main()

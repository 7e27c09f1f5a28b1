"""python -m tests.audits ARCHIVE [--small]: whether the intervals of an audit hold the true accuracy, and how wide they
are; and how far accuracy out of fold is from the truth, by how the labels were chosen. --small: the intervals in small
pools, where labels are chosen after the audit is drawn.

ARCHIVE holds CIFAR-10 as folders; 1,200 training images of each class are read. metrics/reported/audit.md has what it
printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from stages.calibration.audit import assisted, exact
from stages.learning.folds import folds_of
from stages.modules import softmax_regression
from stages.regimes.logistic import USUAL
from stages.selection import member
from stages.training.centred import Centred
from tests.blocks import settings
from tests.probes import CLASSES, features, pictures

AUDITS, SMALL_AUDITS, SIZES, BUDGETS = 1000, 300, (30, 60, 120, 300), (100, 1000)


def logits(inputs: Tensor, labels: np.ndarray, told: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Of the images asked, by a model told of others."""
    weight, bias = softmax_regression.fit(inputs[told], torch.from_numpy(labels[told]), CLASSES, USUAL)
    return functional.linear(inputs[asked], weight, bias).numpy()


def intervals(inputs: Tensor, labels: np.ndarray) -> None:
    """Prints how often they hold and how wide they are, by labels of the model, all its guesses or the surer half, and
    size of the audit."""
    print(
        "| labels told | of | true accuracy (%) | audited | exact holds (%) | assisted holds (%) | width beside exact |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|")
    for budget in BUDGETS:
        order = np.random.default_rng(0).permutation(len(labels))
        told, others = order[:budget], order[budget:]
        shares = torch.from_numpy(logits(inputs, labels, told, others)).softmax(1).numpy()
        sure, all_right = shares.max(1), shares.argmax(1) == labels[others]
        for part, inside in (("all", sure >= 0), ("the surer half", sure >= np.median(sure))):
            confidence, right = sure[inside], all_right[inside]
            for size in SIZES:
                rng, held, widths = np.random.default_rng(size), np.zeros(2), np.zeros(2)
                for _ in range(AUDITS):
                    drawn = rng.choice(len(right), size, replace=False)
                    of = exact(right[drawn]), assisted(right[drawn], confidence[drawn], confidence.mean())
                    held += [one.low <= right.mean() <= one.high for one in of]
                    widths += [one.high - one.low for one in of]
                cells = [f"{100 * share / AUDITS:.1f}" for share in held]
                truth, ratio = 100 * right.mean(), widths[1] / widths[0]
                print(f"| {budget:,} | {part} | {truth:.1f} | {size} | {' | '.join(cells)} | {ratio:.2f} |", flush=True)


def in_order(vectors: np.ndarray, inputs: Tensor, labels: np.ndarray) -> None:
    """Prints the same of small pools, in the order of a pipeline: an audit of 60 is drawn first, and the labels told
    are chosen among the others. Held against the accuracy on all images of the pool that are not told, and the exact
    one against that on 4,000 that are not of the pool, too."""
    print("\n| pool | labels told | chosen | exact is off by (points) | exact holds (%) | of new images (%) |", end="")
    print(" assisted is off by (points) | assisted holds (%) |\n|---:|---:|---|---:|---:|---:|---:|---:|")
    for budget in (100, 250):
        for way in ("random", "typiclust", "margin"):
            held, gaps = np.zeros(3), np.zeros(2)
            for draw in range(SMALL_AUDITS):
                order = np.random.default_rng([budget, draw]).permutation(len(labels))
                audit, rest, new = order[:60], np.sort(order[60:500]), order[500:4500]
                told = rest[_chosen(way, vectors[rest], inputs[rest], labels[rest], budget, draw)]
                judged = np.concatenate([audit, np.setdiff1d(rest, told)])
                shares = torch.from_numpy(logits(inputs, labels, told, np.concatenate([judged, new]))).softmax(1)
                all_right = shares.argmax(1).numpy() == labels[np.concatenate([judged, new])]
                right, truth = all_right[: len(judged)], all_right[len(judged) :].mean()
                sure = shares.max(1).values.numpy()[: len(judged)]
                plain, narrow = exact(right[:60]), assisted(right[:60], sure[:60], sure.mean())
                targets = ((plain, right.mean()), (plain, truth), (narrow, right.mean()))
                held += [one.low <= target <= one.high for one, target in targets]
                gaps += [plain.accuracy - right.mean(), narrow.accuracy - right.mean()]
            holds, off = 100 * held / SMALL_AUDITS, 100 * gaps / SMALL_AUDITS
            cells = [f"{off[0]:+.1f}", f"{holds[0]:.1f}", f"{holds[1]:.1f}", f"{off[1]:+.1f}", f"{holds[2]:.1f}"]
            print(f"| 500 | {budget} | {way} | {' | '.join(cells)} |", flush=True)


def out_of_fold(vectors: np.ndarray, inputs: Tensor, labels: np.ndarray) -> None:
    """Prints accuracy out of fold less the true one on all other images, by how 100 and 300 labels were chosen."""
    print("\n| labels chosen | labels | out of fold (%) | true (%) | difference (points) |\n|---|---:|---:|---:|---:|")
    some = np.random.default_rng(1).permutation(len(labels))[:4000]
    for way in ("random", "typiclust", "margin"):
        for budget in (100, 300):
            found = []
            for seed in range(5):
                told = some[_chosen(way, vectors[some], inputs[some], labels[some], budget, seed)]
                rest = np.setdiff1d(np.arange(len(labels)), told)
                truth = (logits(inputs, labels, told, rest).argmax(1) == labels[rest]).mean()
                folds, right = folds_of(labels[told], 5, seed), 0
                for fold in range(5):
                    asked = told[folds == fold]
                    right += int((logits(inputs, labels, told[folds != fold], asked).argmax(1) == labels[asked]).sum())
                found.append((100 * right / budget, 100 * truth))
            mean, gaps = np.mean(found, 0), np.subtract(*np.transpose(found))
            gap = f"{gaps.mean():+.1f} ± {gaps.std(ddof=1):.1f}"
            print(f"| {way} | {budget} | {mean[0]:.1f} | {mean[1]:.1f} | {gap} |", flush=True)


def _chosen(way: str, vectors: np.ndarray, inputs: Tensor, labels: np.ndarray, budget: int, seed: int) -> np.ndarray:
    order = np.random.default_rng(seed).permutation(len(labels))
    if way == "random":
        return order[:budget]
    if way == "typiclust":
        block = settings("strategies", "typiclust", normalise=True)
        return member("typiclust").select(vectors, budget, block, seed=seed, device=torch.device("cpu")).indices
    # a quarter at random, the rest in three rounds of what the model is least sure about between two
    told = order[: budget // 4]
    for _ in range(3):
        others = np.setdiff1d(order, told)
        ranked = np.sort(torch.from_numpy(logits(inputs, labels, told, others)).softmax(1).numpy(), axis=1)
        told = np.append(told, others[np.argsort(ranked[:, -1] - ranked[:, -2])[: budget // 4]])
    return told


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.audits")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--small", action="store_true", help="of small pools alone, half of which may be told")
    parsed = parser.parse_args()
    images, labels = pictures(parsed.archive)
    _, vectors = next(features(images))
    head = Centred(vectors.shape[1], CLASSES)
    head.fit(torch.from_numpy(vectors))
    inputs = head.inputs(torch.from_numpy(vectors))
    if parsed.small:
        in_order(vectors, inputs, labels)
        return
    intervals(inputs, labels)
    out_of_fold(vectors, inputs, labels)


if __name__ == "__main__":
    main()

"""python -m tests.probes ARCHIVE: the probe beside scikit-learn's logistic regression whose strength cross-validation
chose, and beside a head trained by Adam, on the same vectors and labels.

ARCHIVE holds CIFAR-10 as folders; 1,200 training images of each class are read, and cut into two halves of 4,000 to be
told of and 2,000 to be judged by. metrics/reported/probe.md has what it printed.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from torch import Tensor
from torch.nn import functional

from stages import encoders, hub
from stages.modules import softmax_regression
from stages.regimes import logistic
from stages.training import measure
from stages.training.centred import Centred
from stages.training.images import Images
from stages.training.method import shuffled
from stages.training.optimiser import Optimiser, build
from stages.training.standardised import Standardised

OF_A_CLASS, TOLD_OF, JUDGED_BY = 1200, 4000, 2000
BUDGETS = {10: 10, 40: 10, 100: 10, 1000: 3}  # labels: draws
STRENGTHS = 10.0 ** np.arange(-2, 5)
CLASSES = 10


def pictures(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 32, 32, 3] and int64 [N], in an order drawn at random."""
    found: list[tuple[str, np.ndarray]] = []
    counts: Counter[str] = Counter()
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            content = tar.extractfile(member) if "train" in path.parts and member.isfile() else None
            if content is not None and counts[path.parent.name] < OF_A_CLASS:
                counts[path.parent.name] += 1
                pixels = np.asarray(Image.open(io.BytesIO(content.read())).convert("RGB"))
                found.append((path.parent.name, pixels))
    names = sorted(counts)
    order = np.random.default_rng(0).permutation(len(found))
    return np.stack([found[i][1] for i in order]), np.array([names.index(found[i][0]) for i in order])


def features(images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Vectors float32 [N, d], by the name of what made them."""
    shown = Images(images, np.arange(len(images)), torch.device("cpu"))
    choice = hub.Choice(library="bundled", model="efficientnet_lite0", upscale=128)
    ready = encoders.wrap(choice, hub.load(choice, None), 32)
    yield "EfficientNet-Lite0, 128 px", measure.embed(ready, shown, half=False).numpy()
    torch.manual_seed(0)
    random = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    yield "4-conv net, random weights", measure.embed(random, shown, half=False).numpy()
    yield "pixels, 16 px", images[:, ::2, ::2].reshape(len(images), -1).astype(np.float32) / 255


Predict = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def ours(strength: float | None) -> Predict:
    """Predictions of `logistic`: of the pool, the images told and their labels, and others."""

    def predict(pool: np.ndarray, told: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        torch.manual_seed(0)
        head = Centred(pool.shape[1], CLASSES)
        head.fit(torch.from_numpy(pool))
        inputs, targets = head.inputs(torch.from_numpy(told)), torch.from_numpy(labels)
        taken = strength or logistic.chosen(inputs, targets, CLASSES)
        weight, bias = softmax_regression.fit(inputs, targets, CLASSES, taken)
        return functional.linear(head.inputs(torch.from_numpy(others)), weight, bias).argmax(1).numpy()

    return predict


def theirs(unit: bool) -> Predict:
    """Of scikit-learn's, on standardised vectors, or on such of length 1."""

    def predict(pool: np.ndarray, told: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
        scaler = make_pipeline(Normalizer(), StandardScaler()) if unit else make_pipeline(StandardScaler())
        scaler.fit(pool)
        width = np.sqrt(pool.shape[1])
        folds = KFold(min(5, len(labels)), shuffle=True, random_state=0)
        search = GridSearchCV(LogisticRegression(max_iter=2000), {"C": STRENGTHS}, cv=folds)
        if len(np.unique(labels)) == 1:
            return np.full(len(others), labels[0])
        search.fit(scaler.transform(told) / width, labels)
        return search.predict(scaler.transform(others) / width)

    return predict


def adam(pool: np.ndarray, told: np.ndarray, labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """2,000 steps, as params.yaml had them before `logistic`."""
    torch.manual_seed(0)
    head = Standardised(pool.shape[1], CLASSES)
    head.fit(torch.from_numpy(pool))
    rule = Optimiser(name="adam", rate=0.003, momentum=0.9, weight_decay=0.03, decay="cosine", warmup=0)
    steps = build(rule, {"model": list(head.parameters())})
    vectors, targets = torch.from_numpy(told), torch.from_numpy(labels)
    for number, batch in enumerate(shuffled(torch.arange(len(told)), 256, 2000)):
        for group in steps.param_groups:
            group["lr"] = rule.at(number / 20, 100)
        steps.zero_grad()
        functional.cross_entropy(head(vectors[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
        steps.step()
    with torch.no_grad():
        logits: Tensor = head(torch.from_numpy(others))
    return logits.argmax(1).numpy()


WAYS: dict[str, Predict] = {
    "`logistic`, strength 10": ours(10.0),
    "`logistic`, strength null": ours(None),
    "scikit-learn, C by cross-validation, standardised": theirs(unit=False),
    "scikit-learn, C by cross-validation, length 1 and standardised": theirs(unit=True),
    "`probe`, 2,000 steps of Adam": adam,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.probes")
    parser.add_argument("archive", type=Path)
    images, labels = pictures(parser.parse_args().archive)
    print(f"| features | half | way | {' | '.join(map(str, BUDGETS))} |\n|---|---|---|{'---:|' * len(BUDGETS)}")
    for name, vectors in features(images):
        for half, first in (("first", 0), ("second", TOLD_OF + JUDGED_BY)):
            pool, judged = slice(first, first + TOLD_OF), slice(first + TOLD_OF, first + TOLD_OF + JUDGED_BY)
            for way, predict in WAYS.items():
                cells = []
                for budget, draws in BUDGETS.items():
                    right = []
                    for draw in range(draws):
                        told = np.random.default_rng(draw).permutation(TOLD_OF)[:budget] + first
                        found = predict(vectors[pool], vectors[told], labels[told], vectors[judged])
                        right.append(100 * float((found == labels[judged]).mean()))
                    cells.append(f"{np.mean(right):.1f} ± {np.std(right, ddof=1):.1f}")
                print(f"| {name} | {half} | {way} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()

"""The stage on a small data set, and what it says of features."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from stages import encoders, extract
from stages.base.errors import UserError
from stages.extractors import pixels, pretrained
from stages.project import layout, params
from stages.training.device import Compute

CPU = torch.device("cpu")
NEAREST = ("knn_euclidean", "knn_cosine")
KMEANS = ("kmeans_accuracy", "kmeans_nmi", "kmeans_ari")
MEASURED = (*NEAREST, "linear_probe", *KMEANS)


def clouds(count: int, classes: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points around the axes of a space of 6 dimensions."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    points = np.eye(6)[labels] + spread * rng.standard_normal((count, 6))
    return points.astype(np.float32), labels


def quality(pool: tuple[np.ndarray, np.ndarray], validation: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    return extract.quality(*pool, *validation, seed=0, device=CPU)


def test_classes_far_apart_are_told_apart() -> None:
    figures = quality(clouds(120, 3, 0.01, 0), clouds(30, 3, 0.01, 1))
    assert [figures[key] for key in MEASURED] == pytest.approx([1] * 6)
    assert (figures["dimensions"], figures["left_out"], figures["notes"]) == (6, 0, [])


def test_noise_tells_nothing() -> None:
    figures = quality(clouds(300, 3, 100, 0), clouds(90, 3, 100, 1))
    assert figures["knn_euclidean"] < 0.6
    assert figures["linear_probe"] < 0.6
    assert figures["kmeans_nmi"] < 0.2
    assert figures["kmeans_accuracy"] < 0.6


def test_digits_are_told_apart_by_their_pixels() -> None:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    points, labels = images[order].astype(np.float32), labels[order]
    figures = quality((points[:1500], labels[:1500]), (points[1500:], labels[1500:]))
    # as with scikit-learn's own k-NN, logistic regression and k-means
    assert figures["knn_euclidean"] == pytest.approx(0.98, abs=0.02)
    assert figures["linear_probe"] == pytest.approx(0.97, abs=0.02)
    assert figures["kmeans_accuracy"] == pytest.approx(0.78, abs=0.1)
    assert figures["kmeans_nmi"] == pytest.approx(0.74, abs=0.1)


def test_unknown_labels_are_left_out_and_counted() -> None:
    pool, labels = clouds(120, 3, 0.01, 0)
    # wrong if an unknown label counted as a class: all of these lie near class 0
    hidden = np.repeat(pool[:1], 60, axis=0)
    figures = quality(
        (np.concatenate([pool, hidden]), np.concatenate([labels, np.full(60, -1)])),
        (clouds(30, 3, 0.01, 1)[0], np.where(np.arange(30) < 20, np.arange(30) % 3, -1)),
    )
    assert [figures[key] for key in MEASURED] == pytest.approx([1] * 6)
    assert figures["left_out"] == 70


@pytest.mark.parametrize(
    ("pool_classes", "pool_known", "validation_known", "null", "note"),
    [
        (3, 120, 0, MEASURED[:3], "no validation image has a label"),
        (3, 9, 30, NEAREST, "fewer than 10 images"),
        (3, 0, 30, MEASURED, "linear probe: no image of the pool has a label"),
        (1, 120, 30, KMEANS, "fewer than 2 classes"),
        (3, 0, 0, MEASURED, "fewer than 2 classes"),
    ],
)
def test_what_cannot_be_measured_is_null_with_a_note(
    pool_classes: int, pool_known: int, validation_known: int, null: tuple[str, ...], note: str
) -> None:
    pool, labels = clouds(120, pool_classes, 0.01, 0)
    validation, of_validation = clouds(30, 3, 0.01, 1)
    figures = quality(
        (pool, np.where(np.arange(120) < pool_known, labels, -1)),
        (validation, np.where(np.arange(30) < validation_known, of_validation, -1)),
    )
    assert tuple(key for key in MEASURED if figures[key] is None) == null
    assert any(note in one for one in figures["notes"])
    json.dumps(figures, allow_nan=False)


def test_no_validation_part_at_all() -> None:
    empty = (np.zeros((0, 6), np.float32), np.zeros(0, np.int64))
    assert quality(clouds(120, 3, 0.01, 0), empty)["knn_cosine"] is None


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project after pretrain, in which the test set would break whoever reads it."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in (layout.RAW / "train", layout.SPLIT, layout.ENCODERS / "simclr"):
        folder.mkdir(parents=True)
    labels = np.arange(80) % 2
    images = rng.integers(0, 100, (80, 32, 32, 3), np.uint8)
    images[np.arange(80), :, :, labels] += 150  # reds and greens
    np.save(layout.RAW / "train" / "images.npy", images)
    order = rng.permutation(80)
    np.savez(layout.SPLIT / "pool.npz", indices=order[:60], labels=labels[order[:60]])
    np.savez(layout.SPLIT / "validation.npz", indices=order[60:], labels=labels[order[60:]])
    for seed in (4, 5):
        torch.manual_seed(seed)
        encoder = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
        encoders.save(encoder, layout.seed_folder(layout.ENCODERS / "simclr", seed))

    extractors = {
        "pixels": pixels.Settings(extractor="pixels", weights="none"),
        "ours": pretrained.Settings(extractor="pretrained", weights="encoders/simclr"),
        "lost": pretrained.Settings(extractor="pretrained", weights="encoders/lost"),
    }
    compute = Compute(device="cpu", precision="fp32", compile=False)
    monkeypatch.setattr(params, "read", lambda: SimpleNamespace(seeds=[5, 4], compute=compute, extractors=extractors))
    return tmp_path


def stage(name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["extract", name])
    extract.main()
    return layout.FEATURES / name


def test_the_stage_writes_features_and_quality(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage("pixels", monkeypatch)
    assert sorted(path.name for path in folder.iterdir()) == [
        "pool.npy",
        "quality.json",
        "speed.json",
        "validation.npy",
    ]
    for part, count in (("pool", 60), ("validation", 20)):
        found = np.load(folder / f"{part}.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, layout.part(part).images().reshape(count, -1) / 255, rtol=1e-6)
    said = layout.read_json(folder / "quality.json")
    assert said["extractor"] == "pixels"
    assert [said[key] for key in MEASURED] == pytest.approx([1] * 6)
    assert layout.read_json(folder / "speed.json")["images_per_second"] > 0


def test_the_encoder_is_that_of_the_first_seed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage("ours", monkeypatch)
    images = layout.part("validation").images()
    wanted = pretrained.extract(
        images,
        pretrained.Settings(extractor="pretrained", weights="encoders/simclr"),
        layout.ENCODERS / "simclr" / "seed-5",
        CPU,
    )
    np.testing.assert_allclose(np.load(folder / "validation.npy"), wanted, rtol=1e-3, atol=1e-5)


def test_two_runs_give_the_same_features_and_quality(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for _ in range(2):
        folder = stage("ours", monkeypatch)
        kept.append([(folder / name).read_bytes() for name in ("pool.npy", "validation.npy", "quality.json")])
    assert kept[0] == kept[1]


def test_features_that_are_not_finite_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "extract", lambda images, *_: np.full((len(images[:]), 2), np.nan, np.float32))
    with pytest.raises(UserError, match="pixels gave numbers that are not finite"):
        stage("pixels", monkeypatch)
    assert not (layout.FEATURES / "pixels").exists()


def test_a_missing_encoder_leaves_nothing_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"lost/seed-5/encoder.json is missing"):
        stage("lost", monkeypatch)
    assert not (layout.FEATURES).exists()


@pytest.mark.parametrize("arguments", [[], ["pixels", "more"]])
def test_a_wrong_call_is_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["extract", *arguments])
    with pytest.raises(UserError, match="usage"):
        extract.main()

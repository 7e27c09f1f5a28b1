"""The stage on a small data set, and what it says of features."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stages import encoders, extract
from stages.base.errors import UserError
from stages.extractors import pixels, pretrained
from stages.measures.radius import common_radius
from stages.project import kept, layout, params
from stages.training.device import Compute
from tests.images import of

MEASURED = ("knn_euclidean", "knn_cosine", "linear_probe", "kmeans_accuracy", "kmeans_nmi", "kmeans_ari")


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
    np.savez(layout.SPLIT / "pool.npz", indices=order[:60], labels=labels[order[:60]], first=np.arange(60))
    np.savez(
        layout.SPLIT / "validation.npz", indices=order[60:], labels=labels[order[60:]], first=np.arange(len(order) - 60)
    )
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
        "coverage.json",
        "pool.npy",
        "quality.json",
        "speed.json",
        "validation.npy",
    ]
    for part, count in (("pool", 60), ("validation", 20)):
        found = np.load(folder / f"{part}.npy")
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, layout.part(part).images().reshape(count, -1) / 255, rtol=1e-6)
    said = kept.read_json(folder / "quality.json")
    assert said["extractor"] == "pixels"
    assert [said[key] for key in MEASURED] == pytest.approx([1] * 6)
    radius = common_radius(np.load(folder / "pool.npy"), np.arange(60), torch.device("cpu"))
    assert kept.read_json(folder / "coverage.json") == {"radius": radius}
    assert kept.read_json(folder / "speed.json")["images_per_second"] > 0


def test_the_encoder_is_that_of_the_first_seed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage("ours", monkeypatch)
    images = of(layout.part("validation").images())
    wanted = pretrained.extract(
        images,
        pretrained.Settings(extractor="pretrained", weights="encoders/simclr"),
        layout.ENCODERS / "simclr" / "seed-5",
    )
    np.testing.assert_allclose(np.load(folder / "validation.npy"), wanted, rtol=1e-3, atol=1e-5)


def test_two_runs_give_the_same_features_and_quality(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []
    for _ in range(2):
        folder = stage("ours", monkeypatch)
        kept.append(
            [(folder / name).read_bytes() for name in ("pool.npy", "validation.npy", "coverage.json", "quality.json")]
        )
    assert kept[0] == kept[1]


def test_features_that_are_not_finite_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "extract", lambda images, *_: torch.full((len(images), 2), torch.nan))
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

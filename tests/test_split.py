import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages import layout, params, split
from stages.errors import UserError
from stages.splitting import Settings


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"seed": 0, "validation": 0.25, "classes": None, "imbalance": None} | changes)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of 8 images and 6 unknown ones, as download writes them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "raw"
    labels = {"train": np.repeat([0, 1, 2, -1], [8, 8, 8, 6]), "test": np.repeat([0, 1, 2], 2)}
    for part, known in labels.items():
        (folder / part).mkdir(parents=True)
        images = np.random.default_rng(0).integers(0, 256, (len(known), 8, 8, 3), dtype=np.uint8)
        np.save(folder / part / "images.npy", images)
        np.save(folder / part / "labels.npy", known)
    (folder / "description.json").write_text(json.dumps({"classes": ["ant", "bee", "cat"], "size": 8}))
    return folder


def test_the_files_and_their_description(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    parameters = SimpleNamespace(split=settings(classes=["cat", "ant"]), check_data=lambda *facts: asked.append(facts))
    monkeypatch.setattr(params, "read", lambda: parameters)
    split.main()
    assert asked == [(["cat", "ant"], 18)]
    facts = layout.description()
    pool, validation, test = (layout.part(name) for name in ("pool", "validation", "test"))
    assert facts["classes"] == ["cat", "ant"]
    assert facts["size"] == 8
    assert facts["counts"] == {
        "pool": {"cat": 6, "ant": 6, "unknown": 6},
        "validation": {"cat": 2, "ant": 2, "unknown": 0},
        "test": {"cat": 2, "ant": 2, "unknown": 0},
    }
    assert set(pool.indices) | set(validation.indices) == {*range(8), *range(16, 30)}
    assert test.indices.tolist() == [0, 1, 4, 5]
    assert test.labels.tolist() == [1, 1, 0, 0]
    assert pool.labels.dtype == pool.indices.dtype == np.int64
    assert facts["mean"] == pytest.approx((pool.images() / 255).mean(axis=(0, 1, 2)))
    assert facts["std"] == pytest.approx((pool.images() / 255).std(axis=(0, 1, 2)))


def test_the_same_files_twice(raw: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        split.split(settings(), raw, tmp_path / name)
    for file in ("pool.npz", "validation.npz", "test.npz", "description.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_nothing_labelled(raw: Path, tmp_path: Path) -> None:
    np.save(raw / "train" / "labels.npy", np.full(30, -1))
    np.save(raw / "test" / "labels.npy", np.zeros(0, dtype=np.int64))
    (raw / "description.json").write_text(json.dumps({"classes": [], "size": 8}))
    split.split(settings(), raw, tmp_path / "split")
    facts = json.loads((tmp_path / "split" / "description.json").read_text())
    assert facts["counts"] == {"pool": {"unknown": 30}, "validation": {"unknown": 0}, "test": {"unknown": 0}}


def test_a_refusal_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split\.classes=4"):
        split.split(settings(classes=4), raw, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_raw_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"description\.json is missing"):
        split.split(settings(), tmp_path, tmp_path / "split")


def test_what_the_data_cannot_give_is_refused_before_anything_is_written(raw: Path, tmp_path: Path) -> None:
    def refuse(classes: list[str], pool: int) -> None:
        raise UserError(f"{pool} images of {len(classes)} classes")

    with pytest.raises(UserError, match="24 images of 3 classes"):
        split.split(settings(), raw, tmp_path / "split", refuse)
    assert not (tmp_path / "split").exists()

"""The modified sets of system B: half of the classes keep a tenth to train on, the test part stays whole. Each set goes
from an archive of its own kind through download and split."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from stages import download, split
from stages.datasets import _fetch, cifar10, cifar100, svhn
from stages.project import params, reading
from stages.splitting import parts
from tests.datasets.sources import noise, settings, tar
from tests.datasets.test__cifar import batch, pickled

ROOT = Path(__file__).parent.parent.parent
EACH, TEST = 40, 3  # images of a class
HALF = "{share:0.1,classes:half}"


def ten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    labels = np.repeat(np.arange(10), EACH).reshape(5, -1, order="F").tolist()
    files = {f"data_batch_{number + 1}": batch(number, labels=labels[number]) for number in range(5)}
    files |= {"test_batch": batch(6, labels=np.repeat(np.arange(10), TEST).tolist())}
    files |= {"batches.meta": {"label_names": [f"class {i}" for i in range(10)]}}
    archive = tar(folder / "cifar-10-python.tar.gz", {f"x/{name}": pickled(content) for name, content in files.items()})
    monkeypatch.setattr(cifar10, "DIGEST", _fetch.measure(archive, "md5:"))
    return archive


def hundred(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    fine, test = np.repeat(np.arange(100), EACH), np.repeat(np.arange(100), TEST)
    files = {
        "train": batch(1, fine_labels=fine.tolist(), coarse_labels=(fine // 5).tolist()),
        "test": batch(2, fine_labels=test.tolist(), coarse_labels=(test // 5).tolist()),
        "meta": {
            "fine_label_names": [f"class {i}" for i in range(100)],
            "coarse_label_names": [f"coarse {i}" for i in range(20)],
        },
    }
    name = folder / "cifar-100-python.tar.gz"
    archive = tar(name, {f"x/{name}": pickled(content) for name, content in files.items()})
    monkeypatch.setattr(cifar100, "DIGEST", _fetch.measure(archive, "md5:"))
    return archive


def numbers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for part, each in (("train", EACH), ("test", TEST)):
        path, labels = folder / f"{part}_32x32.mat", np.repeat(np.arange(1, 11), each).astype(np.uint8)
        savemat(path, {"X": noise(len(labels), 32, 32, 3).transpose(1, 2, 3, 0), "y": labels[:, None]})
        monkeypatch.setitem(svhn.FILES, path.name, _fetch.measure(path, "md5:"))
    return folder


@pytest.mark.parametrize(
    ("name", "make", "classes", "first"),
    [("cifar10", ten, 10, "class 0"), ("cifar100", hundred, 100, "class 0"), ("svhn", numbers, 10, "0")],
)
def test_half_of_the_classes_keep_a_tenth_to_train_on_and_the_test_part_stays(
    name: str,
    make: Callable[[Path, pytest.MonkeyPatch], Path],
    classes: int,
    first: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = tmp_path / "raw"
    download.download(settings(name, make(tmp_path, monkeypatch)), raw, tmp_path / "scratch")
    wanted = {"seed": 0, "validation": 0.1, "classes": None, "imbalance": {"share": 0.1, "classes": "half"}}
    split.split(parts.Settings.model_validate(wanted), raw, tmp_path / "split")
    counts = json.loads((tmp_path / "split" / "description.json").read_text())["counts"]
    assert next(iter(counts["pool"])) == first
    half = classes // 2
    assert list(counts["pool"].values()) == [3] * half + [36] * half + [0]
    assert list(counts["validation"].values()) == [1] * half + [4] * half + [0]
    assert list(counts["test"].values()) == [TEST] * classes + [0]


def test_dvc_understands_the_override_of_the_readme(tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    assert f"'split.imbalance={HALF}'" in (ROOT / "stages" / "datasets" / "README.md").read_text()
    shutil.copy(ROOT / params.FILE, tmp_path)
    apply_overrides(tmp_path / params.FILE, [f"split.imbalance={HALF}"])
    found = params.Params(reading.load_yaml(tmp_path / params.FILE)).split.imbalance
    assert found == parts.Imbalance(share=0.1, classes="half")

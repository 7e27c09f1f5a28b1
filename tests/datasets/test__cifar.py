import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.datasets import _cifar, _fetch, cifar10, cifar100
from tests.datasets.sources import noise, settings, tar


def pickled(content: Any) -> bytes:
    """As Python 2 and an old numpy wrote it."""
    return pickle.dumps(content, protocol=3).replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")


def batch(seed: int, **labels: list[int]) -> dict[str, Any]:
    count = len(next(iter(labels.values())))
    return {
        "data": np.random.default_rng(seed).integers(0, 256, (count, 3072), dtype=np.uint8),
        "filenames": [f"{seed}-{row}.png" for row in range(count)],
        **labels,
    }


def ten(path: Path) -> Path:
    files = {f"data_batch_{number}": batch(number, labels=[number, 0, 9]) for number in range(1, 6)}
    files |= {"test_batch": batch(6, labels=[3, 4]), "batches.meta": {"label_names": [f"class {i}" for i in range(10)]}}
    contents = {f"cifar-10-batches-py/{name}": pickled(content) for name, content in files.items()}
    return tar(path / "cifar-10-python.tar.gz", contents | {"cifar-10-batches-py/readme.html": b"x"})


def hundred(path: Path) -> Path:
    files = {
        "train": batch(1, fine_labels=[99, 0, 50], coarse_labels=[19, 1, 2]),
        "test": batch(2, fine_labels=[7], coarse_labels=[8]),
        "meta": {
            "fine_label_names": [f"fine {i}" for i in range(100)],
            "coarse_label_names": [f"coarse {i}" for i in range(20)],
        },
    }
    contents = {f"cifar-100-python/{name}": pickled(content) for name, content in files.items()}
    return tar(path / "cifar-100-python.tar.gz", contents)


def trust(monkeypatch: pytest.MonkeyPatch, member: Any, archive: Path) -> None:
    monkeypatch.setattr(member, "DIGEST", _fetch.measure(archive, "md5:"))


def test_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = ten(tmp_path)
    trust(monkeypatch, cifar10, archive)
    data = cifar10.load(settings("cifar10", archive), tmp_path)
    assert data.train.labels.tolist() == [1, 0, 9, 2, 0, 9, 3, 0, 9, 4, 0, 9, 5, 0, 9]
    assert data.test.labels.tolist() == [3, 4]
    assert data.classes[3] == "class 3"
    assert data.train.names[3] == "train/2-0.png"
    row = batch(2, labels=[2, 0, 9])["data"][1]
    assert np.array_equal(data.train.images[4], row.reshape(3, 32, 32).transpose(1, 2, 0))


def test_another_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = ten(tmp_path)
    trust(monkeypatch, cifar10, archive)
    data = cifar10.load(settings("cifar10", archive, size=16), tmp_path)
    assert data.train.images.shape == (15, 16, 16, 3)


@pytest.mark.parametrize(("kind", "labels", "count"), [("fine", [99, 0, 50], 100), ("coarse", [19, 1, 2], 20)])
def test_cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, labels: list[int], count: int) -> None:
    archive = hundred(tmp_path)
    trust(monkeypatch, cifar100, archive)
    data = cifar100.load(settings("cifar100", archive, labels=kind), tmp_path)
    assert data.train.labels.tolist() == labels
    assert data.classes == [f"{kind} {number}" for number in range(count)]
    assert len(data.test.images) == 1


@pytest.mark.parametrize(("member", "make"), [(cifar10, ten), (cifar100, hundred)])
def test_what_is_not_the_official_archive_is_never_unpickled(tmp_path: Path, member: Any, make: Any) -> None:
    with pytest.raises(UserError, match="is not the official file"):
        member.load(settings(member.__name__.rsplit(".")[-1], make(tmp_path)), tmp_path)


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no data_batch_7"):
        _cifar.batches(ten(tmp_path), ["data_batch_1", "data_batch_7"])


def test_a_pickle_cannot_call_what_it_likes(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "evil",))

    archive = tar(tmp_path / "x.tar.gz", {"x/meta": pickle.dumps(Evil())})
    with pytest.raises(UserError, match="a CIFAR batch asks for"):
        _cifar.batches(archive, ["meta"])
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_arrays_of_every_age_are_read(protocol: int) -> None:
    array = noise(3, 4)
    data = pickle.dumps({"data": array}, protocol=protocol)
    assert np.array_equal(_cifar._Plain(io.BytesIO(data), encoding="latin1").load()["data"], array)

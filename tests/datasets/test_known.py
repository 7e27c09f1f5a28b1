"""The sets of one kind each: idx files, MATLAB files, and scikit-learn's digits."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from stages.base import families
from stages.base.errors import UserError
from stages.datasets import _fetch, digits, mnist, svhn
from tests.datasets.sources import noise, settings


def test_the_sets() -> None:
    assert families.names("datasets") == ["cifar10", "cifar100", "digits", "folder", "mnist", "svhn"]


def idx(array: np.ndarray) -> bytes:
    head = b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}i", *array.shape)
    return gzip.compress(head + array.tobytes())


def test_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = noise(4, 28, 28), noise(2, 28, 28)
    contents = dict(
        zip(mnist.FILES, [train, np.array([3, 0, 9, 1], np.uint8), test, np.array([5, 6], np.uint8)], strict=True)
    )
    for name, array in contents.items():
        (tmp_path / name).write_bytes(idx(array))
        monkeypatch.setitem(mnist.FILES, name, _fetch.measure(tmp_path / name, "md5:"))
    data = mnist.load(settings("mnist", tmp_path, size=28), tmp_path)
    assert data.train.labels.tolist() == [3, 0, 9, 1]
    assert data.test.labels.tolist() == [5, 6]
    assert np.array_equal(data.train.images, np.repeat(train[..., None], 3, axis=3))
    assert mnist.load(settings("mnist", tmp_path), tmp_path).test.images.shape == (2, 32, 32, 3)


def test_svhn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = noise(3, 32, 32, 3), noise(2, 32, 32, 3)
    for part, images, labels in (("train", train, [10, 1, 9]), ("test", test, [2, 10])):
        path = tmp_path / f"{part}_32x32.mat"
        savemat(path, {"X": images.transpose(1, 2, 3, 0), "y": np.array(labels, np.uint8)[:, None]})
        monkeypatch.setitem(svhn.FILES, path.name, _fetch.measure(path, "md5:"))
    data = svhn.load(settings("svhn", tmp_path), tmp_path)
    assert data.train.labels.tolist() == [0, 1, 9]
    assert data.test.labels.tolist() == [2, 0]
    assert np.array_equal(data.train.images, train)
    assert data.classes == list("0123456789")


@pytest.mark.parametrize("member", [mnist, svhn])
def test_a_wrong_digest_is_refused(tmp_path: Path, member: object) -> None:
    for name in member.FILES:  # type: ignore[attr-defined]
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UserError, match="is not the official file"):
        member.load(settings("x", tmp_path), tmp_path)  # type: ignore[attr-defined]


def test_digits(tmp_path: Path) -> None:
    data = digits.load(settings("digits"), tmp_path)
    assert len(data.train.images) + len(data.test.images) == 1797
    assert data.train.images.shape[1:] == (32, 32, 3)
    assert set(np.bincount(data.test.labels)) <= set(range(43, 47))  # a quarter of 174 to 183
    assert not {name.split("/")[1] for name in data.train.names} & {name.split("/")[1] for name in data.test.names}
    again = digits.load(settings("digits"), tmp_path)
    assert np.array_equal(again.train.images, data.train.images)
    assert digits.load(settings("digits", size=8), tmp_path).train.images.max() == 255


def test_digits_have_no_source(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.source=x"):
        digits.load(settings("digits", "x"), tmp_path)

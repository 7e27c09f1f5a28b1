"""Seeded damage to files of every kind that a source may be: one line, or a right read; never a traceback."""

import lzma
import pickle
import random
import tarfile
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import zstandard

from stages.datasets import _archive, _cifar, mnist
from tests.damage import changed, refusals
from tests.datasets.sources import zipped
from tests.datasets.test_known import idx

# long names and names outside of ASCII need headers of their own
NAMES = [f"train/{name}/{number}.jpg" for name in ("a", "é" * 60, "b" * 120) for number in range(2)]
FILES = {name: np.random.default_rng(place).bytes(200) for place, name in enumerate(NAMES)}
EACH = 500


def tarred(layout: int) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5
            archive.addfile(info, BytesIO(data))
    return out.getvalue()


def gz(path: Path) -> None:
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))


def deflated(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)


def batches(path: Path) -> None:
    batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [1, 2], "filenames": ["a", "b"]}
    zipped(path, {"data_batch_1": pickle.dumps(batch, protocol=2)})


MAKERS: dict[str, Callable[[Path], object]] = {
    "pax.tar": lambda path: path.write_bytes(tarred(tarfile.PAX_FORMAT)),
    "gnu.tar": lambda path: path.write_bytes(tarred(tarfile.GNU_FORMAT)),
    "x.tar.gz": gz,
    "x.tar.xz": lambda path: path.write_bytes(lzma.compress(tarred(tarfile.PAX_FORMAT))),
    "x.tar.zst": lambda path: path.write_bytes(zstandard.compress(tarred(tarfile.PAX_FORMAT))),
    "stored.zip": lambda path: zipped(path, FILES),
    "deflated.zip": deflated,
    "x.idx.gz": lambda path: path.write_bytes(idx(np.arange(98, dtype=np.uint8).reshape(2, 7, 7))),
    "batches.zip": batches,
}


def damaged(data: bytes, draw: random.Random) -> bytes:
    """In a tar the checksums, which are of its headers alone, are mended, so that what lies behind them is reached."""
    found = bytearray(changed(data, draw))
    if data[257:262] == b"ustar" and draw.random() < 0.7:
        for start in range(0, len(found) - 511, 512):
            if found[start + 257 : start + 262] == b"ustar":
                found[start + 148 : start + 156] = b" " * 8
                found[start + 148 : start + 156] = b"%06o\0 " % sum(found[start : start + 512])
    return bytes(found)


def read(path: Path) -> None:
    if path.name == "x.idx.gz":
        mnist._idx(path)
    elif path.name == "batches.zip":
        _cifar.batches(path, ["data_batch_1"])
    else:
        for entry in _archive.entries(path):
            if not entry.folder:
                entry.read()


def refused(name: str, seeds: range, folder: Path) -> int:
    MAKERS[name](folder / name)
    return len(refusals(folder / name, read, seeds, damaged))


@pytest.mark.parametrize("name", MAKERS)
def test_some_damage(tmp_path: Path, name: str) -> None:
    assert refused(name, range(20), tmp_path)


@pytest.mark.slow
@pytest.mark.anywhere
@pytest.mark.parametrize("name", MAKERS)
def test_much_damage(tmp_path: Path, name: str) -> None:
    assert refused(name, range(20, 20 + EACH), tmp_path) > EACH / 10

"""Vectors on disk, by the encoder that made them and by the content of the image: in shards that are whole or not
there, so that any number of processes may read and write at once, and a kill loses half a minute."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.base.files import whole_file

FOLDER, VARIABLE = ".vectors", "VECTORS_GB"
_MOST = 20  # GB
# a digest of 16 bytes; numpy sorts and compares such texts byte by byte
KEY = np.dtype("S16")


def key(content: bytes | memoryview) -> bytes:
    """Of an image, by its content."""
    return hashlib.blake2b(content, digest_size=16).digest()


class Store:
    """`folder` holds a shelf for each encoder, and `most` bytes at most: what was not used for longest goes first. A
    most of 0 keeps nothing. `found` and `made` count the vectors that were there, and those that were not."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder, self.most = folder, most
        self.found = self.made = 0
        self.seconds = 0.0

    def shelf(self, name: str) -> Shelf:
        """The vectors of one encoder."""
        return Shelf(self, self.folder / name)

    def trim(self, kept: Path) -> None:
        """Removes the shelves used longest ago while there is more than `most`, but for the one `kept`."""
        others = sorted((path for path in self.folder.iterdir() if path != kept), key=_used)
        total = _size(kept) + sum(map(_size, others))
        for path in others:
            if total <= self.most:
                return
            total -= _size(path)
            shutil.rmtree(path, ignore_errors=True)

    def report(self) -> None:
        """Says in a line what it spared, if anything was asked for."""
        if self.found + self.made:
            rate = f", {self.made / self.seconds:,.0f} a second" if self.made and self.seconds else ""
            print(f"{FOLDER}: {self.found:,} vectors were there, {self.made:,} made{rate}", file=sys.stderr)


class Shelf:
    """Shards, each one array of `key` and `vector`, named by a digest of its keys."""

    def __init__(self, store: Store, path: Path) -> None:
        self.store, self.path = store, path

    def fill(self, keys: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Writes into `vectors`, float32 [n, d], those there are of `keys`, KEY [n], and gives the places of the
        others, int64. A shard that is broken is removed."""
        missing = np.ones(len(keys), bool)
        with suppress(FileNotFoundError):
            os.utime(self.path)
        for shard in sorted(self.path.glob("[!.]*.npy")):
            try:
                rows = np.load(shard, mmap_mode="r")
                if rows.dtype != _rows(vectors.shape[1]) or rows.ndim != 1:
                    raise ValueError("another kind of array")
            except FileNotFoundError:  # another process made room
                continue
            except (OSError, ValueError, EOFError):
                shard.unlink(missing_ok=True)
                continue
            there = np.ascontiguousarray(rows["key"])
            if not len(there):
                continue
            order = np.argsort(there)
            places = order[np.searchsorted(there, keys, sorter=order).clip(max=len(there) - 1)]
            here = np.flatnonzero(missing & (there[places] == keys))
            vectors[here] = rows["vector"][places[here]]
            missing[here] = False
        left = np.flatnonzero(missing)
        self.store.found += len(keys) - len(left)
        return left

    def add(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Keeps `vectors`, float32 [n, d], of `keys`, KEY [n]. Where that can't be done, it says so once, and keeps
        nothing further."""
        store = self.store
        if not store.most or not len(keys):
            return
        rows = np.empty(len(keys), _rows(vectors.shape[1]))
        rows["key"], rows["vector"] = keys, vectors
        if _size(self.path) + rows.nbytes > store.most:
            print(f"{FOLDER}: one encoder's vectors fill {VARIABLE}; no more of them are kept", file=sys.stderr)
            store.most = 0
            return
        try:
            with whole_file(self.path / f"{key(keys.tobytes()).hex()}.npy") as path, path.open("wb") as file:
                np.save(file, rows)
            store.trim(self.path)
        except OSError as error:
            print(f"{FOLDER}: vectors can't be kept ({error.strerror}); the run goes on without", file=sys.stderr)
            store.most = 0


def _rows(dim: int) -> np.dtype[np.void]:
    return np.dtype([("key", KEY), ("vector", np.float32, (dim,))])


def shared() -> Store:
    """The store of all runs, those of branches and queued experiments, too: `$DVC_ROOT/.vectors`, with at most
    VECTORS_GB of the environment (20; 0: none). Raises UserError for a VECTORS_GB that is no number."""
    said = os.environ.get(VARIABLE, str(_MOST))
    try:
        most = int(float(said) * 1e9)
        if most < 0:
            raise ValueError
    except (ValueError, OverflowError):
        raise UserError(f"{VARIABLE}={said}: give a number of gigabytes, 0 for none") from None
    return Store(Path(os.environ.get("DVC_ROOT", ".")).resolve() / FOLDER, most)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0


def _size(path: Path) -> int:
    """Bytes of the files below a path, as far as they are still there."""
    total = 0
    for folder, _, files in os.walk(path):
        for file in files:
            with suppress(OSError):
                total += Path(folder, file).lstat().st_size
    return total

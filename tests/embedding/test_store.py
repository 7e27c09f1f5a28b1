"""What is kept of vectors, from one process to the next."""

from __future__ import annotations

import errno
import multiprocessing
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.embedding import store as module
from stages.embedding.store import KEY, Store, key, shared

DIM = 4


def keys(*numbers: int) -> np.ndarray:
    return np.array([key(bytes([number])) for number in numbers], KEY)


def vectors(*numbers: int) -> np.ndarray:
    return np.repeat(np.array(numbers, np.float32)[:, None], DIM, 1)


def filled(store: Store, name: str, *numbers: int) -> tuple[np.ndarray, list[int]]:
    into = np.full((len(numbers), DIM), -1, np.float32)
    return into, store.shelf(name).fill(keys(*numbers), into).tolist()


def test_what_was_added_is_found_and_the_rest_is_named(tmp_path: Path) -> None:
    first = Store(tmp_path, 10**6)
    first.shelf("a").add(keys(3, 1), vectors(3, 1))
    first.shelf("a").add(keys(7), vectors(7))
    later = Store(tmp_path, 10**6)
    found, missing = filled(later, "a", 1, 2, 7, 3, 9)
    assert missing == [1, 4]
    np.testing.assert_array_equal(found[[0, 2, 3]], vectors(1, 7, 3))
    assert later.found == 3
    assert filled(later, "b", 1)[1] == [0]


def test_a_key_may_end_in_zeros(tmp_path: Path) -> None:
    store = Store(tmp_path, 10**6)
    ends = np.array([b"a" * 15 + b"\0", b"a" * 14 + b"\0\0", b"\0" * 16], KEY)
    store.shelf("a").add(ends, vectors(1, 2, 3))
    into = np.zeros((3, DIM), np.float32)
    assert not len(Store(tmp_path, 10**6).shelf("a").fill(ends[::-1].copy(), into))
    np.testing.assert_array_equal(into, vectors(3, 2, 1))


@pytest.mark.parametrize("damage", ["cut", "other", "gone", "wider"])
def test_a_broken_shard_is_as_none_and_is_replaced(damage: str, tmp_path: Path) -> None:
    shelf = Store(tmp_path, 10**6).shelf("a")
    shelf.add(keys(1, 2), vectors(1, 2))
    shelf.add(keys(3), vectors(3))
    (file,) = (path for path in (tmp_path / "a").iterdir() if len(np.load(path)) == 2)
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    elif damage == "other":
        file.write_bytes(b"no array")
    elif damage == "gone":
        file.unlink()
    else:
        np.save(file, np.zeros((2, DIM + 1), np.float32))
    assert filled(Store(tmp_path, 10**6), "a", 1, 2, 3)[1] == [0, 1]
    shelf.add(keys(1, 2), vectors(1, 2))
    assert filled(Store(tmp_path, 10**6), "a", 1, 2, 3)[1] == []


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    store = Store(tmp_path, 2500)
    for age, name in enumerate("abc"):
        store.shelf(name).add(keys(*range(25)), vectors(*range(25)))
        os.utime(tmp_path / name, (1000 + age, 1000 + age))
    assert [filled(store, name, 1)[1] for name in "abc"] == [[0], [], []]
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= 2500
    # looked up since, b is of more use than c
    os.utime(tmp_path / "c", (1000, 1000))
    filled(store, "b", 1)
    store.shelf("d").add(keys(*range(25)), vectors(*range(25)))
    assert [filled(store, name, 1)[1] for name in "bcd"] == [[], [0], []]


def test_one_encoder_alone_stays_within_the_bound(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(tmp_path, 2000)
    for start in range(0, 200, 20):
        store.shelf("a").add(keys(*range(start, start + 20)), vectors(*range(start, start + 20)))
    assert sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file()) <= 2000
    assert capsys.readouterr().err.count("no more of them are kept") == 1
    assert filled(store, "a", 1)[1] == []


def test_a_bound_of_nothing_keeps_nothing(tmp_path: Path) -> None:
    Store(tmp_path, 0).shelf("a").add(keys(1), vectors(1))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_said_once_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @contextmanager
    def full(path: Path) -> Iterator[Path]:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        yield path

    monkeypatch.setattr(module, "whole_file", full)
    store = Store(tmp_path, 10**6)
    store.shelf("a").add(keys(1), vectors(1))
    store.shelf("a").add(keys(2), vectors(2))
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "No space left on device" in said


def _work(folder: Path, start: int) -> None:
    for number in range(start, start + 40, 2):
        store = Store(folder, 10**6)
        into = np.zeros((2, DIM), np.float32)
        wanted = (number, number + 1)
        for place in store.shelf("a").fill(keys(*wanted), into):
            store.shelf("a").add(keys(wanted[place]), vectors(wanted[place]))


def test_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    workers = [
        multiprocessing.get_context("fork").Process(target=_work, args=(tmp_path, start)) for start in (0, 10, 20)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    found, missing = filled(Store(tmp_path, 10**6), "a", *range(60))
    assert missing == []
    np.testing.assert_array_equal(found, vectors(*range(60)))


def test_all_runs_share_the_folder_of_the_main_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("VECTORS_GB", raising=False)
    assert shared().folder == tmp_path / ".vectors"
    assert shared().most == 20e9
    monkeypatch.setenv("VECTORS_GB", "0.5")
    assert shared().most == 5e8


@pytest.mark.parametrize("value", ["much", "-1", "nan", "inf", ""])
def test_a_bound_that_is_no_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VECTORS_GB", value)
    with pytest.raises(UserError, match=f"VECTORS_GB={value}: give a number of gigabytes"):
        shared()

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.project import kept, layout
from tests.damage import refusals

ROWS = "epoch,loss,labels_told\n1,0.5,10\n2,0.25,10\n"


def written(path: Path) -> Path:
    """Small files as the stages write them."""
    if path.suffix == ".npy":
        np.save(path, np.arange(12).reshape(3, 4))
    elif path.suffix == ".npz":
        np.savez(path, indices=np.arange(5), labels=np.arange(5) - 1, first=np.arange(5))
    elif path.suffix == ".json":
        path.write_text(json.dumps({"classes": ["a", "ä"], "counts": {"pool": {"a": 1}}, "size": 32}, indent=2))
    else:
        path.write_text(ROWS)
    return path


READERS: dict[str, Callable[[Path], Any]] = {
    "x.npy": lambda path: kept.array(path, "i", 2),
    "mapped.npy": lambda path: kept.array(path, "i", 2, mapped=True),
    "x.npz": lambda path: kept.arrays(path, indices=("i", 1), labels=("i", 1)),
    "x.json": lambda path: kept.read_json(path, "classes", "size"),
    "x.csv": lambda path: kept.table(path, "epoch", "labels_told"),
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    found = {name: read(written(tmp_path / name)) for name, read in READERS.items()}
    assert found["x.npy"].tolist() == found["mapped.npy"].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert not isinstance(found["x.npy"], np.memmap)
    assert found["x.npz"]["labels"].tolist() == [-1, 0, 1, 2, 3]
    assert found["x.json"]["size"] == 32
    assert found["x.csv"]["loss"].tolist() == [0.5, 0.25]
    np.save(tmp_path / "none.npy", np.zeros((0, 2)))
    assert kept.array(tmp_path / "none.npy", "f", 2).shape == (0, 2)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@pytest.mark.parametrize("name", READERS)
def test_damage_ends_in_one_line_or_a_right_read(tmp_path: Path, name: str) -> None:
    lines = refusals(written(tmp_path / name), READERS[name], range(150))
    assert len(lines) > 10
    assert all(f"{name} is broken (" in line and "; remove it and run `dvc repro" in line for line in lines)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.npy", b"", "x.npy is broken"),
        ("x.npy", b"PK\3\4", "x.npy is broken"),
        ("x.npy", np.zeros(3), r"x.npy is broken \(it holds float64 of shape \[3\]\)"),
        ("x.npy", np.array([[None]]), "x.npy is broken"),
        ("x.npz", b"", "x.npz is broken"),
        ("x.npz", b"\x93NUMPY", "x.npz is broken"),
        ("x.npz", np.zeros(3), "x.npz is broken"),
        ("x.json", b"", "x.json is broken"),
        ("x.json", b"[]", r"x.json is broken \(not an object\)"),
        ("x.json", b"3", r"x.json is broken \(not an object\)"),
        ("x.json", b"{}", r"x.json is broken \(it has no classes\)"),
        ("x.json", b"[" * 100_000, "x.json is broken"),
        ("x.json", b'{"classes": ' + b"9" * 5000 + b"}", "x.json is broken"),
        ("x.json", b"\xff\xfe", "x.json is broken"),
        ("x.csv", b"", "x.csv is broken"),
        ("x.csv", b"epoch,loss\n1,2\n", r"x.csv is broken \(it has no column labels_told\)"),
        ("x.csv", b"epoch,labels_told\n", r"x.csv is broken \(it has no row\)"),
        (
            "x.csv",
            b"epoch,labels_told\n1,many\n",
            r"\(its column labels_told holds more than numbers\)",
        ),
        ("x.csv", b"epoch,labels_told\n1,2,3,4\n1\n1,2,3,4,5\n", "x.csv is broken"),
        ("x.csv", b"\xff\xfe\0", "x.csv is broken"),
    ],
)
def test_what_is_of_another_kind_is_refused(tmp_path: Path, name: str, content: Any, said: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.write(content) if isinstance(content, bytes) else np.save(file, content)
    with pytest.raises(UserError, match=said) as refusal:
        READERS[name](tmp_path / name)
    assert str(refusal.value).endswith("; remove it and run `dvc repro`")


def test_a_header_that_says_more_than_the_file_holds_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, np.zeros((100, 100), np.int64))
    path.write_bytes(path.read_bytes().replace(b"(100, 100)", b"(999, 999)"))
    with pytest.raises(UserError, match=r"x\.npy is broken .*remove it"):
        kept.array(path, "i", 2)


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (layout.RAW / "train" / "images.npy", "dvc repro download"),
        (layout.SPLIT / "pool.npz", "dvc repro split"),
        (layout.ENCODERS / "simclr" / "seed-0" / "history.csv", "dvc repro pretrain@simclr"),
        (layout.FEATURES / "pixels" / "pool.npy", "dvc repro extract@pixels"),
        (layout.SELECTION / "kmeans" / "ranking.npy", "dvc repro select@kmeans"),
        (layout.MODELS / "probe", "dvc repro train@probe"),
        (layout.EVALUATION / "probe" / "scores.json", "dvc repro evaluate@probe"),
        (Path("elsewhere/x.json"), "dvc repro"),
        (Path("/data/x.json"), "dvc repro"),
    ],
)
def test_the_stage_that_makes_it_anew_is_named(path: Path, command: str) -> None:
    with pytest.raises(UserError) as refusal:
        kept.needed(path)
    assert str(refusal.value) == f"{path} is missing; run `{command}`"


def test_parts_whose_arrays_differ_in_length_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layout.SPLIT.mkdir(parents=True)
    np.savez(layout.SPLIT / "pool.npz", indices=np.arange(3), labels=np.arange(2), first=np.arange(3))
    with pytest.raises(UserError, match=r"data/split/pool\.npz is broken .* remove it and run `dvc repro split`"):
        layout.part("pool")

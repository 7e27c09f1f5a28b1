from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.datasets import Dataset, folder
from tests.datasets.sources import classes, pack, picture, serving, settings

BOTH = classes("train", 5) | classes("test", 2)


def load(source: str | Path, scratch: Path, **changes: object) -> Dataset:
    return folder.load(settings("folder", source, **changes), scratch)


@pytest.mark.parametrize("name", ["x", "x.tar", "x.tar.gz", "x.tar.xz", "x.tar.zst", "x.zip"])
def test_every_kind_of_source_gives_the_same_data(tmp_path: Path, name: str) -> None:
    files = dict(reversed(BOTH.items()))  # the order in the archive means nothing
    data = load(pack(tmp_path / name, {f"pets/{key}": value for key, value in files.items()}), tmp_path)
    assert data.classes == ["cat", "dog"]
    assert data.train.labels.tolist() == [0] * 5 + [1] * 5
    assert data.test.labels.tolist() == [0, 0, 1, 1]
    assert data.train.names[6] == "pets/train/dog/1.png"
    assert data.train.images.shape == (10, 32, 32, 3)
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]
    assert data.test.images[:, 9, 9, 2].tolist() == [0, 1, 10, 11]


def test_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with serving({"pets.tar.gz": pack(tmp_path / "x.tar.gz", BOTH).read_bytes()}) as server:
        assert len(load(f"{server.url}/pets.tar.gz", tmp_path).train.images) == 10


def test_without_a_test_part_a_share_of_each_class_is_set_aside(tmp_path: Path) -> None:
    files = classes("", 8) | {f"unlabelled/{number}.png": picture(100) for number in range(6)}
    source = pack(tmp_path / "x", files)
    data = load(source, tmp_path)
    assert sorted(data.test.labels) == [0, 0, 1, 1]
    assert sorted(data.train.labels) == [-1] * 6 + [0] * 6 + [1] * 6
    assert not set(data.train.names) & set(data.test.names)
    assert set(data.train.names) | set(data.test.names) == set(files)
    assert (data.train.images[data.train.labels == -1] == 100).all()
    assert load(source, tmp_path).test.names == data.test.names
    others = [load(source, tmp_path, seed=seed).test.names for seed in range(1, 4)]
    assert any(names != data.test.names for names in others)


def test_a_class_too_small_for_a_test_share_is_refused(tmp_path: Path) -> None:
    source = pack(tmp_path / "x", classes("", 8) | {"owl/1.png": picture()})
    with pytest.raises(UserError, match=r"data\.test_share=0\.25 would take all 1 images of class owl"):
        load(source, tmp_path)


@pytest.mark.parametrize("name", ["x", "x.zip"])
def test_a_flat_folder_is_all_unknown_and_has_no_test_part(tmp_path: Path, name: str) -> None:
    data = load(pack(tmp_path / name, {f"{number}.png": picture(number) for number in range(5)}), tmp_path)
    assert data.classes == []
    assert data.train.labels.tolist() == [-1] * 5
    assert data.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert data.test.images.shape == (0, 32, 32, 3)


def test_pictures_of_any_size_lie_on_the_disk(tmp_path: Path) -> None:
    files = {f"{number}.png": picture(number, 20 + number, 90 - number) for number in range(5)}
    images = load(pack(tmp_path / "x", files), tmp_path, size=48).train.images
    assert images.shape == (5, 48, 48, 3)
    assert (images == np.arange(5)[:, None, None, None]).all()
    assert isinstance(images, np.memmap)


@pytest.mark.parametrize("name", ["x", "x.tar.xz", "x.zip"])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"train/cat/notes.txt": b"a cat"}, r"train/cat/notes\.txt is not a picture"),
        ({"train/cat/9.jpg": picture(kind="JPEG")[:-200]}, r"train/cat/9\.jpg is not a picture"),
        ({"train/owl/9.jpg": picture()}, "class owl is in train and not in test"),
        ({"train/9.png": picture()}, r"train/9\.png is in no class"),
    ],
)
def test_what_is_wrong_is_named_with_its_source(tmp_path: Path, name: str, more: dict[str, bytes], words: str) -> None:
    with pytest.raises(UserError, match=f"{name}: {words}"):
        load(pack(tmp_path / name, BOTH | more), tmp_path)


@pytest.mark.parametrize("name", ["x", "x.tar", "x.tar.gz", "x.tar.xz", "x.tar.zst", "x.zip"])
def test_the_originals_of_some_images(tmp_path: Path, name: str) -> None:
    files = {f"pets/{number}.png": picture(number, 90, 60) for number in range(9)}
    source = pack(tmp_path / name, files)
    part = load(source, tmp_path).train
    packed = {part.names[row]: part.images[row] for row in (7, 2, 4)}
    found = dict(folder.originals(str(source), packed, 45))
    assert set(found) == set(packed)
    for row in (7, 2, 4):
        original = found[f"pets/{row}.png"]
        assert original is not None and original.shape == (30, 45, 3) and (original == row).all()


@pytest.mark.parametrize("name", ["x", "x.tar.xz", "x.zip"])
def test_there_is_no_original_of_what_is_gone_broken_or_another(tmp_path: Path, name: str) -> None:
    files = {f"{number}.png": picture(40 * number, 90, 60) for number in range(5)}
    part = load(pack(tmp_path / name, files), tmp_path).train
    packed = dict(zip(part.names, part.images, strict=True))
    after = tmp_path / "after"
    after.mkdir()
    files |= {"1.png": files["1.png"][:-40], "2.png": files["4.png"], "3.png": b""}
    del files["0.png"]
    found = dict(folder.originals(str(pack(after / name, files)), packed, 45))
    assert [name for name in sorted(packed) if found[name] is not None] == ["4.png"]


def test_no_originals_of_an_address_or_a_source_that_is_not_there(tmp_path: Path) -> None:
    packed = {"1.png": np.zeros((8, 8, 3), dtype=np.uint8)}
    with pytest.raises(UserError, match=r"data\.source=https://x\.org/y\.zip: it was read once, and is not kept"):
        list(folder.originals("https://x.org/y.zip", packed, 45))
    with pytest.raises(UserError, match=r"data\.source=.*gone: no such file or folder"):
        list(folder.originals(str(tmp_path / "gone"), packed, 45))


def test_an_empty_folder_of_a_class_is_refused(tmp_path: Path) -> None:
    source = pack(tmp_path / "x", BOTH)
    (source / "train" / "owl").mkdir()
    (source / "train" / "owl" / ".DS_Store").touch()
    with pytest.raises(UserError, match="x: train/owl holds no image"):
        load(source, tmp_path)


def test_no_image_at_all(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: it holds no image"):
        load(tmp_path / "empty", tmp_path)


def test_a_source_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.source=null"):
        folder.load(settings("folder"), tmp_path)

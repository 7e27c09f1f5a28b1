import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize("test", [True, False])
def test_val_joins_train_and_is_named(tmp_path: Path, test: bool) -> None:
    """No test image is drawn from it."""
    files = classes("train", 8) | classes("val", 3) | {"unlabelled/1.png": picture(100)}
    data = load(pack(tmp_path / "x", files | (classes("test", 2) if test else {})), tmp_path)
    held = [data.train.names[row] for row in data.validation]
    assert held == [f"val/{name}/{number}.png" for name in ("cat", "dog") for number in range(3)]
    assert data.train.labels[data.validation].tolist() == [0, 0, 0, 1, 1, 1]
    assert data.train.images[data.validation][:, 0, 0, 0].tolist() == [0, 1, 2, 10, 11, 12]
    assert sum(name.startswith("val/") for name in data.train.names) == 6
    assert len(data.test.names) == 4 and not any(name.startswith("val/") for name in data.test.names)
    assert load(pack(tmp_path / "y", classes("train", 8)), tmp_path).validation.tolist() == []


def test_a_class_too_small_for_a_test_share_is_refused(tmp_path: Path) -> None:
    source = pack(tmp_path / "x", classes("", 8) | {"owl/1.png": picture()})
    with pytest.raises(UserError, match=r"data\.test_share=0\.25: class owl has 1 image, .*; add an image to it"):
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
        ({"train/cat/8.png": b"a cat"}, r"train/cat/8\.png is not a picture that can be read \(unknown format\)"),
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
    found = dict(folder.originals(str(source), packed, 45, 180))
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
    found = dict(folder.originals(str(pack(after / name, files)), packed, 45, 180))
    assert [name for name in sorted(packed) if found[name] is not None] == ["4.png"]


def test_no_originals_of_an_address_or_a_source_that_is_not_there(tmp_path: Path) -> None:
    packed = {"1.png": np.zeros((8, 8, 3), dtype=np.uint8)}
    with pytest.raises(UserError, match=r"data\.source=https://x\.org/y\.zip: it was read once, and is not kept"):
        list(folder.originals("https://x.org/y.zip", packed, 45, 180))
    with pytest.raises(UserError, match=r"data\.source=.*gone: no such file or folder"):
        list(folder.originals(str(tmp_path / "gone"), packed, 45, 180))


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


def gone(monkeypatch: pytest.MonkeyPatch, source: Path, change: Callable[[], object]) -> None:
    """Changes the source when its paths are listed and no picture is read yet."""
    real = folder.layout

    def changed(*paths: Any) -> Any:
        change()
        return real(*paths)

    monkeypatch.setattr(folder, "layout", changed)


@pytest.mark.parametrize("count", [20, 200])
def test_an_image_that_goes_away_after_the_listing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    source = pack(tmp_path / "x", classes("", count, ("a", "b")))
    gone(monkeypatch, source, (source / "a/3.png").unlink)
    with pytest.raises(UserError, match=r"x: a/3\.png is not a picture that can be read \(it was there .* is gone\)"):
        load(source, tmp_path)


def test_a_folder_that_is_renamed_after_the_listing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(tmp_path / "x", classes("", 20, ("a", "b")))
    gone(monkeypatch, source, lambda: (source / "b").rename(source / "c"))
    with pytest.raises(UserError, match=r"x: 20 of 40 are not pictures .*: b/0\.png .* and 10 more; run it again when"):
        load(source, tmp_path)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_an_archive_that_is_another_after_the_listing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    files = classes("", 20, ("a", "b"))
    source = pack(tmp_path / name, files)
    del files["a/3.png"]
    gone(monkeypatch, source, lambda: pack(source, files))
    with pytest.raises(UserError, match=rf"{name}: a/3\.png is not a picture that can be read \(it was there"):
        load(source, tmp_path)


def test_an_image_that_comes_after_the_listing_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(tmp_path / "x", classes("", 8, ("a", "b")))
    gone(monkeypatch, source, lambda: (source / "a/00.png").write_bytes(picture(200)))
    data = load(source, tmp_path)
    for part in (data.train, data.test):
        for name, image, label in zip(part.names, part.images, part.labels, strict=True):
            assert (image == 10 * label + int(Path(name).stem)).all()


def test_a_source_is_walked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, walks = pack(tmp_path / "x", BOTH), []
    real = os.walk
    monkeypatch.setattr(os, "walk", lambda *given, **more: walks.append(given) or real(*given, **more))
    load(source, tmp_path)
    assert len(walks) == 1


def test_a_folder_that_goes_away_during_the_listing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(tmp_path / "x", BOTH)
    real = os.walk

    def walked(top: Path, **more: Any) -> Any:
        for found in real(top, **more):
            if found[2]:
                (Path(found[0]) / found[2][-1]).unlink()
            yield found

    monkeypatch.setattr(os, "walk", walked)
    with pytest.raises(UserError, match=r"cat/1\.png: it went away while the files were listed; run it again"):
        load(source, tmp_path)


def test_all_broken_pictures_are_named(tmp_path: Path) -> None:
    broken = {f"train/cat/{number}.png": picture()[:-30] for number in (12, 10, 11)}
    with pytest.raises(UserError) as caught:
        load(pack(tmp_path / "x", BOTH | broken | {"test/dog/8.jpg": b"<html>"}), tmp_path)
    said = str(caught.value)
    assert said.startswith(
        f"{tmp_path}/x: 4 of 18 are not pictures that can be read: test/dog/8.jpg (unknown format), "
    )
    assert all(name in said for name in broken)
    assert said.endswith("; mend them or take them out")


def test_a_picture_above_the_limit_is_refused_by_its_parameter(tmp_path: Path) -> None:
    source = pack(tmp_path / "x", {"1.png": picture(9, 300, 200), "2.png": picture(9, 200, 200), "3.jpg": picture()})
    words = r"x: 1\.png is not a picture that can be read \(0\.06 million pixels\); raise data\.max_pixels=0\.05 \(mil"
    with pytest.raises(UserError, match=words):
        load(source, tmp_path, max_pixels=0.05)
    part = load(source, tmp_path, max_pixels=0.06).train
    assert len(part.images) == 3
    packed = dict(zip(part.names, part.images, strict=True))
    found = dict(folder.originals(str(source), packed, 45, 0.05))
    assert [name for name in sorted(found) if found[name] is None] == ["1.png"]


ONE, TWO = unicodedata.normalize("NFC", "caf\u00e9"), unicodedata.normalize("NFD", "caf\u00e9")


@pytest.mark.parametrize("name", ["x", "x.tar", "x.zip"])
def test_a_class_has_one_name_in_either_form_of_its_letters(tmp_path: Path, name: str) -> None:
    files = classes("train", 5, (ONE, "dog")) | classes("test", 2, (TWO, "dog"))
    data = load(pack(tmp_path / name, files), tmp_path)
    assert data.classes == [ONE, "dog"]
    assert data.train.labels.tolist() == [0] * 5 + [1] * 5
    assert sorted(data.test.labels) == [0, 0, 1, 1]


def test_two_folders_of_one_class_are_said(tmp_path: Path) -> None:
    files = {f"{form}/{form[-1]}{number}.png": picture() for form in (ONE, TWO) for number in range(3)}
    data = load(pack(tmp_path / "x", files | classes("", 4, ("dog",))), tmp_path)
    assert data.classes == [ONE, "dog"]
    assert len(data.train.names) + len(data.test.names) == 10
    assert data.notes == [f"class {ONE} lies in 2 folders, whose names differ in Unicode's form of a letter alone"]


@pytest.mark.parametrize("name", ["x", "x.tar", "x.zip"])
def test_two_files_of_one_name_are_refused(tmp_path: Path, name: str) -> None:
    files = {f"{form}.png": picture() for form in (ONE, TWO)}
    with pytest.raises(UserError, match="is there twice, in two Unicode forms of its letters; rename one"):
        load(pack(tmp_path / name, files), tmp_path)


@pytest.mark.parametrize("name", ["x", "x.tar", "x.zip"])
def test_originals_are_found_in_either_form(tmp_path: Path, name: str) -> None:
    source = pack(tmp_path / name, {f"{TWO}/{TWO}.png": picture(70)})
    packed = {f"{ONE}/{ONE}.png": np.full((8, 8, 3), 70, dtype=np.uint8)}
    ((found, original),) = folder.originals(str(source), packed, 45, 180)
    assert found == f"{ONE}/{ONE}.png" and original is not None


def test_a_source_is_found_in_either_form(tmp_path: Path) -> None:
    pack(tmp_path / TWO / "in", {"1.png": picture(70)})
    assert len(load(tmp_path / ONE / "in", tmp_path).train.images) == 1


def test_a_zip_that_does_not_say_that_its_names_are_utf8(tmp_path: Path) -> None:
    source = pack(tmp_path / "x.zip", classes("", 4, ("caf--", "dog")))
    source.write_bytes(source.read_bytes().replace(b"caf--", ONE.encode()))
    assert load(source, tmp_path).classes == [ONE, "dog"]

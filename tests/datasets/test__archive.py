import os
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from stages.base.errors import UserError
from stages.datasets import _archive
from tests.datasets.sources import folder, pack, tar, zipped

FILES = {
    f"train/{name}/{number}.jpg": np.random.default_rng(number).bytes(5000) for name in "ab" for number in range(9)
}
ARCHIVES = ["x.tar", "x.tar.gz", "x.tar.xz", "x.tar.zst", "x.zip"]


def contents(path: Path) -> dict[str, bytes]:
    return {entry.name: entry.read() for entry in _archive.entries(path) if not entry.folder}


@pytest.mark.parametrize("name", [*ARCHIVES, "x"])
def test_every_kind_gives_the_same_files(tmp_path: Path, name: str) -> None:
    assert contents(pack(tmp_path / name, FILES)) == FILES


@pytest.mark.parametrize("name", [*ARCHIVES, "x"])
def test_hidden_files_are_passed_over(tmp_path: Path, name: str) -> None:
    hidden = dict.fromkeys((".DS_Store", "__MACOSX/train/a/0.jpg", "train/._a", "train/.git/x", "Thumbs.db"), b"x")
    assert contents(pack(tmp_path / name, hidden | FILES)) == FILES


@pytest.mark.parametrize("name", [*ARCHIVES, "x"])
def test_some_by_name(tmp_path: Path, name: str) -> None:
    wanted = ["train/b/7.jpg", "train/a/3.jpg", "train/gone.jpg", "train/a", "train/a/3.jpg/4.jpg"]
    found = [(entry.name, entry.read()) for entry in _archive.named(pack(tmp_path / name, FILES), wanted)]
    assert sorted(found) == [(name, FILES[name]) for name in ("train/a/3.jpg", "train/b/7.jpg")]


@pytest.mark.parametrize("name", ["x.tar.gz", "x.tar.xz", "x.tar.zst"])
def test_an_archive_is_read_no_further_than_to_the_last(tmp_path: Path, name: str) -> None:
    files = {f"{number:03}.jpg": np.random.default_rng(number).bytes(20000) for number in range(200)}
    path = pack(tmp_path / name, files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert [entry.read() for entry in _archive.named(path, ["001.jpg", "000.jpg"])] == [
        files["000.jpg"],
        files["001.jpg"],
    ]
    with pytest.raises(UserError, match="is cut short"):
        list(_archive.named(path, ["001.jpg", "199.jpg"]))


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9])
def test_an_archive_cut_short_is_refused(tmp_path: Path, name: str, share: float) -> None:
    path = pack(tmp_path / name, FILES)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UserError, match=rf"{name} is cut short, damaged"):
        contents(path)


def test_a_tar_cut_between_two_files_is_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    path.write_bytes(path.read_bytes()[: 4 * (512 + 5120)])
    with pytest.raises(UserError, match="is cut short"):
        contents(path)


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = pack(tmp_path / name, FILES)
    data = bytearray(path.read_bytes())
    place = 512 + 5120 if name == "x.tar" else len(data) // 2  # a plain tar has checksums of its headers only
    for position in range(place, place + 64):
        data[position] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UserError, match=f"{name} is cut short, damaged"):
        contents(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "page.tar.gz"
    path.write_text("<html>" * 1000)
    with pytest.raises(UserError, match=r"page\.tar\.gz is cut short, damaged, or no \.tar"):
        contents(path)


@pytest.mark.parametrize("bad", ["../evil.jpg", "train/../../evil.jpg", "/etc/evil.jpg", "C:/evil.jpg"])
@pytest.mark.parametrize("name", ["x.tar", "x.zip"])
def test_a_path_that_leaves_the_target_is_refused(tmp_path: Path, name: str, bad: str) -> None:
    path = pack(tmp_path / name, FILES | {bad: b"x"})
    with pytest.raises(UserError, match=rf"{name}: .*{bad} leaves the folder"):
        contents(path)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.FIFOTYPE, "is neither a file nor a folder"),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes, words: str) -> None:
    info = tarfile.TarInfo("train/a/link.jpg")
    info.type, info.linkname = kind, "train/a/0.jpg"
    with pytest.raises(UserError, match=rf"x\.tar: train/a/link\.jpg {words}"):
        contents(tar(tmp_path / "x.tar", FILES, [info]))


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("train/a/link.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "x.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(UserError, match=r"train/a/link\.jpg is a link"):
        contents(path)


def test_a_link_in_a_directory_is_refused(tmp_path: Path) -> None:
    path = folder(tmp_path / "x", FILES)
    (path / "train/a/link.jpg").symlink_to("0.jpg")
    with pytest.raises(UserError, match=r"train/a/link\.jpg is a link"):
        contents(path)


def test_a_path_given_twice_is_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", {"a/1.jpg": b"x", "./a/1.jpg": b"y"})
    with pytest.raises(UserError, match=r"a/1\.jpg is there twice"):
        contents(path)


def test_a_file_too_large_for_a_picture_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_archive, "LARGEST", 4999)
    with pytest.raises(UserError, match=r"train/a/0\.jpg has 5,000 bytes"):
        contents(tar(tmp_path / "x.tar", FILES))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tar(tmp_path / "x.tar", {os.fsdecode(b"train/a/\xff.jpg"): b"x"})
    with pytest.raises(UserError, match="is not UTF-8"):
        contents(path)

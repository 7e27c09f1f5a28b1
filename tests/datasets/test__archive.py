import io
import lzma
import os
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import zstandard

from stages.base.errors import UserError
from stages.datasets import _archive, _streams
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


@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_headers_longer_than_any_name_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: int
) -> None:
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=layout) as archive:
        archive.addfile(tarfile.TarInfo("a/1.jpg"))
        archive.addfile(tarfile.TarInfo("b/" * 50_000 + "1.jpg"))
    monkeypatch.setattr(_archive, "LONGEST", 1 << 20)
    assert len(contents(path)) == 2
    monkeypatch.setattr(_archive, "HEADERS", 50_000)
    with pytest.raises(UserError, match=r"x\.tar: the headers of one file are longer .* pack it again"):
        contents(path)


def test_headers_that_follow_each_other_without_end_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is small, and tarfile goes one call deeper for each."""
    one = tarfile.TarInfo("a/1.jpg")
    one.type, one.size = tarfile.GNUTYPE_LONGNAME, 8
    path = tmp_path / "x.tar"
    path.write_bytes((one.tobuf() + b"b/2.jpg".ljust(512, b"\0")) * 1000)
    with pytest.raises(UserError, match=r"x\.tar is cut short, damaged"):
        contents(path)
    monkeypatch.setattr(_archive, "HEADERS", 50_000)
    with pytest.raises(UserError, match=r"x\.tar: the headers of one file are longer"):
        contents(path)


def test_global_headers_that_pile_up_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.tar"
    data = b""
    for number in range(9):
        info = tarfile.TarInfo(f"a/{number}.jpg")
        data += tarfile.TarInfo.create_pax_global_header({f"note{number}": "x" * 9000}) + info.tobuf()
    path.write_bytes(data + bytes(1024))
    assert len(contents(path)) == 9
    monkeypatch.setattr(_archive, "HEADERS", 40_000)
    with pytest.raises(UserError, match=r"bytes of global headers"):
        contents(path)


def test_a_sparse_file_is_read_as_it_was(tmp_path: Path) -> None:
    """As GNU tar packs a file with a hole: a map of the parts stands before them."""
    info = tarfile.TarInfo("a/1.bmp")
    parts = b"2\n0\n4\n1000\n4\n".ljust(512, b"\0") + b"headtail"
    info.size = len(parts)
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "1004",
        "GNU.sparse.name": "a/1.bmp",
    }
    path = tar(tmp_path / "x.tar", {})
    with tarfile.open(path, "w") as archive:
        archive.addfile(info, io.BytesIO(parts))
    assert contents(path) == {"a/1.bmp": b"head" + bytes(996) + b"tail"}


def test_a_damaged_pax_header_does_not_end_the_archive(tmp_path: Path) -> None:
    """tarfile takes one that it can't read for the end, and says nothing of the files behind it."""
    path = tar(tmp_path / "x.tar", {f"train/{'é' * 9}/{number}.jpg": b"x" for number in range(3)})
    data = path.read_bytes()
    second = data.index(b"path=", data.index(b"path=") + 5)
    path.write_bytes(data[: second - 3] + b"00" + data[second - 1 :])
    with pytest.raises(UserError, match=r"x\.tar is cut short, damaged"):
        contents(path)


def test_a_damaged_zip_does_not_hide_files(tmp_path: Path) -> None:
    """zipfile passes over the entries that lie within a comment whose length is damaged."""
    path = zipped(tmp_path / "x.zip", {f"a/{number}.jpg": b"x" for number in range(3)})
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\1\2")
    data[first + 32] = 46 + len("a/1.jpg")  # the first entry's comment takes in the second
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"x\.zip is cut short, damaged"):
        contents(path)
    path = zipped(tmp_path / "y.zip", FILES)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK of the summer"
    path.write_bytes(path.read_bytes() + b"what a mail program appends")
    assert contents(path) == FILES


def test_a_zip_is_unpacked_no_further_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.jpg", bytes(20_000_000))
    data = path.read_bytes()
    path.write_bytes(data.replace((20_000_000).to_bytes(4, "little"), (100).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(UserError, match=r"x\.zip is cut short, damaged"):
        contents(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_zip_that_is_packed_by_another_way_is_refused(tmp_path: Path, way: int) -> None:
    """Their headers and blocks ask for any memory."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", way) as archive:
        archive.writestr("a/1.jpg", b"x")
    with pytest.raises(UserError, match=r"x\.zip: a/1\.jpg is packed by another way than deflate; pack it again"):
        contents(tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["x.tar.xz", "x.tar.zst"])
def test_unpacking_takes_no_more_memory_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = pack(tmp_path / "x.tar", FILES)
    packed = tmp_path / name
    if name == "x.tar.xz":
        packed.write_bytes(lzma.compress(path.read_bytes(), preset=6))
    else:
        wide = zstandard.ZstdCompressionParameters.from_level(3, window_log=22)
        stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
        packed.write_bytes(stream.compress(path.read_bytes()) + stream.flush())
    assert contents(packed) == FILES
    monkeypatch.setattr(_streams, "MEMORY", 1 << 20)
    with pytest.raises(UserError, match=rf"{name} needs more than the 1 MiB of memory .* pack it again"):
        contents(packed)


def test_a_tar_xz_of_several_parts_and_padding(tmp_path: Path) -> None:
    data = pack(tmp_path / "x.tar", FILES).read_bytes()
    path = tmp_path / "x.tar.xz"
    path.write_bytes(lzma.compress(data[:5000]) + bytes(8) + lzma.compress(data[5000:]) + bytes(1 << 17))
    assert contents(path) == FILES


@pytest.mark.parametrize("name", [*ARCHIVES, "x"])
def test_a_path_longer_than_any_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Names are kept in an array as wide as the longest: one long name would be paid for by every image."""
    monkeypatch.setattr(_archive, "LONGEST", 100)
    path = pack(tmp_path / name, FILES | {f"train/{'b' * 95}": b"x"})
    with pytest.raises(UserError, match=r"train/b+\.\.\. is a path of 101 characters, above the 100 allowed; rename"):
        contents(path)


@pytest.mark.parametrize("name", [*ARCHIVES, "x"])
def test_more_files_than_any_set_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(_archive, "MOST", 10)
    with pytest.raises(UserError, match=rf"{name} holds more than 10 files and folders; take some out"):
        contents(pack(tmp_path / name, FILES))

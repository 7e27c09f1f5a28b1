import hashlib
import os
import re
import socket
import urllib.parse
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.datasets import _fetch
from tests.datasets.sources import serving

DATA = bytes(range(256)) * 40
DIGEST = f"md5:{hashlib.md5(DATA).hexdigest()}"


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def test_a_file_comes_whole(tmp_path: Path) -> None:
    with serving({"a%20b.bin?x=1": DATA}) as server:
        path = _fetch.fetch(f"{server.url}/a%20b.bin?x=1", tmp_path, DIGEST)
    assert path.name.endswith("-a b.bin")
    assert path.read_bytes() == DATA
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_a_connection_that_breaks_off_is_taken_up_again_in_the_same_run(tmp_path: Path, digest: str | None) -> None:
    with serving({"f": DATA}) as server:
        server.breaks, server.cut = 3, 2000
        assert _fetch.fetch(f"{server.url}/f", tmp_path, digest).read_bytes() == DATA
        assert server.log == [None, "bytes=2000-", "bytes=4000-", "bytes=6000-"]


@pytest.mark.parametrize("digest", [DIGEST, None])
def test_the_next_run_goes_on_where_a_broken_one_stopped(tmp_path: Path, digest: str | None) -> None:
    with serving({"f": DATA}) as server:
        url = f"{server.url}/f"
        server.breaks, server.cut = 2, 3000
        server.ranges = False  # the second try gains nothing, so the run gives up
        with pytest.raises(UserError, match=r"can't download .*/f .*data\.source"):
            _fetch.fetch(url, tmp_path, digest)
        server.ranges = True
        assert _fetch.fetch(url, tmp_path, digest).read_bytes() == DATA
        assert server.log[-1] == "bytes=3000-"


def test_a_file_that_changed_meanwhile_is_fetched_anew(tmp_path: Path) -> None:
    with serving({"f": DATA}) as server:
        url = f"{server.url}/f"
        server.breaks, server.cut, server.ranges = 2, 3000, False
        with pytest.raises(UserError):
            _fetch.fetch(url, tmp_path, None)
        server.files["f"], server.tag, server.ranges = DATA[::-1], '"two"', True
        assert _fetch.fetch(url, tmp_path, None).read_bytes() == DATA[::-1]


def test_pieces_that_do_not_fit_are_fetched_anew_once(tmp_path: Path) -> None:
    with serving({"f": b"x" * 5000}) as server:
        url = f"{server.url}/f"
        server.tag, server.breaks, server.cut, server.ranges = None, 2, 3000, False
        with pytest.raises(UserError):
            _fetch.fetch(url, tmp_path, DIGEST)
        server.files["f"], server.ranges = DATA, True  # the digest is the only guard here
        assert _fetch.fetch(url, tmp_path, DIGEST).read_bytes() == DATA
        assert server.log[-2:] == ["bytes=3000-", None]


def test_a_wrong_digest_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with serving({"f": DATA + b"!"}) as server, pytest.raises(UserError, match=r"/f is not the official file.*md5:"):
        _fetch.fetch(f"{server.url}/f", tmp_path, DIGEST)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there_names_the_address_and_the_way_out(tmp_path: Path) -> None:
    with serving({}) as server, pytest.raises(UserError, match=r"127\.0\.0\.1.*/f \(HTTP 404.*data\.source"):
        _fetch.fetch(f"{server.url}/f", tmp_path, None)


def test_no_network_names_the_address_and_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/f"
        with pytest.raises(UserError, match=rf"can't download {url} .*data\.source"):
            _fetch.fetch(url, tmp_path, None)


def test_a_mirror_a_folder_and_a_file_stand_in_for_the_official_address(tmp_path: Path) -> None:
    address = "https://nowhere.invalid/f.gz"
    local, scratch = tmp_path / "local", tmp_path / "scratch"
    local.mkdir()
    scratch.mkdir()
    (local / "f.gz").write_bytes(DATA)
    with serving({"mirror/f.gz": DATA}) as server:
        for source in (f"{server.url}/mirror", f"{server.url}/mirror/", f"{server.url}/mirror/f.gz"):
            assert _fetch.official(address, DIGEST, source, scratch).read_bytes() == DATA
    assert _fetch.official(address, DIGEST, str(local), scratch) == local / "f.gz"
    assert _fetch.official(address, DIGEST, str(local / "f.gz"), scratch) == local / "f.gz"


def test_a_local_file_is_held_against_the_official_digest(tmp_path: Path) -> None:
    path = tmp_path / "other-name.gz"
    path.write_bytes(DATA + b"!")
    with pytest.raises(UserError, match=r"other-name\.gz is not the official file"):
        _fetch.official("https://nowhere.invalid/f.gz", DIGEST, str(path), tmp_path)
    assert path.exists()  # it is the user's


@pytest.mark.parametrize(
    "source",
    [
        "nowhere/f.gz",
        "~nobody-of-that-name/f.gz",
        "/dev/zero",
        "x" * 300,
        "ftp://nowhere.invalid/f.gz",
        "http:///f.gz",
        "http://a..b/f.gz",
        "http://nowhere.invalid:99999/f.gz",
        "http://[nowhere/f.gz",
    ],
)
def test_a_source_that_cannot_be_read_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"data.source={source}: ")):
        _fetch.official("https://nowhere.invalid/f.gz", DIGEST, source, tmp_path)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_waited_for_without_end_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    with socket.socket(socket.AF_UNIX) as unix:
        os.mkfifo(path) if kind == "pipe" else unix.bind(str(path))
        for source in (path, tmp_path):
            with pytest.raises(UserError, match=r"neither a file nor a folder, but a pipe or a device; give a path"):
                _fetch.official(f"https://nowhere.invalid/{kind}", DIGEST, str(source), tmp_path)


def test_an_address_with_letters_outside_ascii(tmp_path: Path) -> None:
    with serving({"f%C3%A9%20%25.bin?x=%C3%A9": DATA}) as server:
        path = _fetch.fetch(f"{server.url}/fé %25.bin?x=é", tmp_path, DIGEST)
        assert path.read_bytes() == DATA
    with pytest.raises(UserError, match=r"can't download http://bücher\.invalid/f .*data\.source"):
        _fetch.fetch("http://bücher.invalid/f", tmp_path, None)


def test_a_long_name_in_an_address(tmp_path: Path) -> None:
    name = "é" * 300 + ".zip"
    with serving({urllib.parse.quote(name): DATA}) as server:
        assert _fetch.fetch(f"{server.url}/{name}", tmp_path, None).read_bytes() == DATA


@pytest.mark.parametrize("length", ["abc", "-5", "1_000", "10, 10"])
def test_a_length_that_is_no_number_is_the_servers_fault(tmp_path: Path, length: str) -> None:
    with serving({"f": DATA}) as server:
        server.length = length
        with pytest.raises(
            UserError, match=rf"can't download .*/f \(the server says Content-Length: {length}\); .*data"
        ):
            _fetch.fetch(f"{server.url}/f", tmp_path, None)


@pytest.mark.parametrize("left", [b"\xff\0broken", b"one\r\nHost: other", '"é"'.encode("latin-1")])
def test_a_broken_note_of_a_broken_download_is_passed_over(tmp_path: Path, left: bytes) -> None:
    with serving({"f": DATA}) as server:
        server.breaks, server.cut, server.ranges = 2, 3000, False
        with pytest.raises(UserError):
            _fetch.fetch(f"{server.url}/f", tmp_path, None)
        next(tmp_path.glob("*.version")).write_bytes(left)
        assert _fetch.fetch(f"{server.url}/f", tmp_path, None).read_bytes() == DATA


def test_a_version_that_is_only_weakly_the_same_is_fetched_anew(tmp_path: Path) -> None:
    with serving({"f": DATA}) as server:
        url = f"{server.url}/f"
        server.tag, server.breaks, server.cut = 'W/"one"', 2, 3000
        with pytest.raises(UserError):
            _fetch.fetch(url, tmp_path, None)
        assert _fetch.fetch(url, tmp_path, None).read_bytes() == DATA
        assert server.log == [None, None, None]

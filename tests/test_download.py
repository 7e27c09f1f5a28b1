import fcntl
import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages import download
from stages.base import errors
from stages.base.errors import UserError
from stages.datasets import folder
from stages.project import params
from tests.datasets.sources import classes, pack, picture, serving, settings

pytestmark = pytest.mark.anywhere

FILES = classes("train", 5) | classes("test", 2) | {"unlabelled/1.png": picture(99)}


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download.estimate, "check", lambda *_: None)


def fetched(source: str | Path, **changes: Any) -> Any:
    download.download(settings("folder", source, **changes), Path("data/raw"), Path(".scratch/download"))
    return json.loads(Path("data/raw/description.json").read_text())


def test_the_packed_arrays_and_their_description() -> None:
    facts = fetched(pack(Path("pets.zip"), FILES))
    digest = facts.pop("digest")
    assert len(digest) == 64
    assert facts == {
        "name": "folder",
        "source": "pets.zip",
        "size": 32,
        "extra": None,
        "classes": ["cat", "dog"],
        "train": {"images": 11, "labelled": 10},
        "test": {"images": 4, "labelled": 4},
    }
    for part, count in (("train", 11), ("test", 4)):
        arrays = {name: np.load(f"data/raw/{part}/{name}.npy") for name in ("images", "labels", "names")}
        assert arrays["images"].shape == (count, 32, 32, 3)
        assert arrays["images"].dtype == np.uint8
        assert arrays["labels"].dtype == np.int64
        assert len(arrays["labels"]) == len(arrays["names"]) == count
    assert np.load("data/raw/train/names.npy")[10] == "unlabelled/1.png"
    assert np.load("data/raw/train/images.npy")[10, 0, 0, 0] == 99
    assert sorted(path.name for path in Path("data").iterdir()) == ["raw"]
    assert not Path(".scratch/download").exists()


def test_the_digest_tells_the_data() -> None:
    source = pack(Path("pets.zip"), FILES)
    first, again = fetched(source), fetched(source)
    assert first == again
    changed = fetched(pack(Path("pets.zip"), FILES | {"test/dog/1.png": picture(12)}))
    assert changed["digest"] != first["digest"]
    assert fetched(pack(Path("pets.tar.xz"), FILES | {"test/dog/1.png": picture(12)}))["digest"] == changed["digest"]


def test_a_flat_folder_has_an_empty_test_part() -> None:
    facts = fetched(pack(Path("flat"), {"1.png": picture()}))
    assert facts["classes"] == []
    assert facts["train"] == {"images": 1, "labelled": 0}
    assert np.load("data/raw/test/images.npy").shape == (0, 32, 32, 3)
    assert np.load("data/raw/test/names.npy").shape == (0,)


def test_a_broken_source_leaves_the_old_data_and_nothing_half_written() -> None:
    source = pack(Path("pets.tar.gz"), FILES)
    before = fetched(source)
    source.write_bytes(source.read_bytes()[:-50])
    with pytest.raises(UserError, match=r"pets\.tar\.gz is cut short"):
        fetched(source)
    assert json.loads(Path("data/raw/description.json").read_text()) == before
    assert [path.name for path in Path("data").iterdir()] == ["raw"]


def test_a_broken_download_goes_on_in_the_next_run() -> None:
    data = pack(Path("pets.tar.gz"), FILES).read_bytes()
    with serving({"pets.tar.gz": data}) as server:
        server.breaks, server.cut, server.ranges = 2, 500, False
        with pytest.raises(UserError, match=r"can't download .*pets\.tar\.gz"):
            fetched(f"{server.url}/pets.tar.gz")
        assert not Path("data/raw").exists()
        server.ranges = True
        assert fetched(f"{server.url}/pets.tar.gz")["train"]["images"] == 11
        assert server.log[-1] == "bytes=500-"


def test_a_second_download_waits_for_the_first() -> None:
    source = pack(Path("pets"), FILES)
    Path(".scratch").mkdir()
    with Path(".scratch/download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = threading.Thread(target=fetched, args=(source,))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert not Path("data/raw").exists()
    second.join(20)
    assert Path("data/raw").exists()


def test_only_sets_with_coarse_labels_have_them() -> None:
    with pytest.raises(UserError, match=r"data\.labels=coarse: folder has only fine labels"):
        fetched("nowhere", labels="coarse")


def test_an_unknown_set_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"cifr10.*did you mean cifar10\?"):
        download.download(settings("cifr10"), Path("data/raw"), Path(".scratch/download"))


def stage(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(params, "read", lambda: SimpleNamespace(data=settings("folder", source)))
    errors.run(download.main)


def test_what_goes_wrong_is_one_line_and_a_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(Path("pets"), FILES | {"train/cat/9.png": b"no picture"})
    with pytest.raises(SystemExit) as caught:
        stage(monkeypatch, "pets")
    assert caught.value.code == 1
    printed = capsys.readouterr().err.strip()
    assert printed.startswith("error: pets: train/cat/9.png is not a picture")
    assert "\n" not in printed
    assert not Path("data/raw").exists()


def test_parameters_are_checked_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise UserError("params.yaml: seeds: missing")

    monkeypatch.setattr(params, "read", refuse)
    monkeypatch.setattr(folder, "load", lambda *_: pytest.fail("it began to work"))
    with pytest.raises(UserError, match="seeds: missing"):
        download.main()


def test_a_temporary_copy_reads_the_project_s_source_and_keeps_its_scratch_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack(tmp_path / "pets", FILES)
    copy = tmp_path / "copy"
    copy.mkdir()
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    stage(monkeypatch, "pets")
    facts = json.loads(Path("data/raw/description.json").read_text())
    assert facts["train"]["images"] == 11
    assert facts["source"] == "pets"  # as in the parameters: the copy's data is the same data
    assert (tmp_path / ".scratch").exists()
    assert not (copy / ".scratch").exists()


def test_a_refused_download_leaves_no_arrays() -> None:
    pack(Path("pets"), FILES | {"train/cat/9.png": b"no picture"})
    with pytest.raises(UserError, match=r"train/cat/9\.png"):
        fetched("pets")
    assert not Path(".scratch/download").exists()


def test_what_a_refused_download_leaves_is_what_the_next_goes_on_from() -> None:
    data = pack(Path("pets.tar.gz"), FILES).read_bytes()
    Path(".scratch/download").mkdir(parents=True)
    Path(".scratch/download/train.npy").touch()  # of one that was killed
    with serving({"pets.tar.gz": data}) as server:
        server.breaks, server.cut, server.ranges = 2, 500, False
        with pytest.raises(UserError, match="can't download"):
            fetched(f"{server.url}/pets.tar.gz")
    left = [path.suffix for path in Path(".scratch/download").iterdir()]
    assert sorted(left) == [".partial", ".version"]


def test_a_refused_archive_of_an_address_is_not_kept() -> None:
    data = pack(Path("pets.tar.gz"), FILES | {"train/cat/9.png": b"no picture"}).read_bytes()
    with serving({"pets.tar.gz": data}) as server, pytest.raises(UserError, match=r"train/cat/9\.png"):
        fetched(f"{server.url}/pets.tar.gz")
    assert not Path(".scratch/download").exists()


def test_what_is_passed_over_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    fetched(pack(Path("pets"), FILES | {"train/cat/notes.txt": b"a cat", "@eaDir/1.jpg": b"x"}))
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "passed over, since they are no pictures: 1 file (train/cat/notes.txt)"
    assert said[1] == "passed over, as systems put it there or it is hidden: 1 '@eaDir'"

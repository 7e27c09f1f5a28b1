"""Which files of a source are pictures, and what is passed over."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from stages.base.errors import UserError
from stages.datasets import _kinds, folder
from tests.datasets.sources import pack, picture
from tests.datasets.test_folder import BOTH, load

NAMES = ["1.jpg", "2.jfif", "3.JPG_large", "4", "5.JPE", "6.jpg~", "7.dat"]
OTHERS = {
    "notes.txt": b"text",
    "t.csv": b"a,b\n",
    "README": b"P1 is a cat",
    "LIST": b"BMW",
    "e": b"",
    "tour.fit": b"\x0e\x10....FIT",
    "plan.vst": b"\xd0\xcf\x11\xe0" + bytes(60),
    "scan.pcd": b"# .PCD v.7",
    "raw.nef": picture(),
}


@pytest.mark.parametrize("name", ["x", "x.tar.gz", "x.zip"])
@pytest.mark.parametrize("start", ["", "unlabelled/", "a/"])
def test_pictures_are_told_by_content_everywhere(tmp_path: Path, name: str, start: str) -> None:
    files = {f"{start}{one}": picture(kind="JPEG") for one in NAMES} | {f"{start}{one}": OTHERS[one] for one in OTHERS}
    if start == "a/":
        files |= {f"b/{one}.png": picture() for one in range(4)}
    data = load(pack(tmp_path / name, files), tmp_path)
    found = sorted([*data.train.names, *data.test.names])
    assert [one.removeprefix(start) for one in found if not one.startswith("b/")] == NAMES
    shown = ", ".join(sorted(f"{start}{one}" for one in OTHERS))
    assert data.notes == [f"passed over, since they are no pictures: {len(OTHERS)} files ({shown})"]


def test_a_large_film_is_passed_over_and_a_large_picture_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder._archive, "LARGEST", 999)
    files = {"1.png": picture(), "2.mov": b"\0\0\0\x14ftypqt  " + bytes(2000)}
    for name in ("x", "x.tar"):
        data = load(pack(tmp_path / name, files), tmp_path)
        assert (data.train.names, len(data.notes)) == (["1.png"], 1)
        with pytest.raises(UserError, match=r"3\.jpg has 2,000 bytes, above the 999 allowed"):
            load(pack(tmp_path / f"y{name}", files | {"3.jpg": bytes(2000)}), tmp_path)


def test_a_file_that_goes_away_before_its_first_bytes_are_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, of_name = pack(tmp_path / "x", {"1": picture(), "2": picture(), "3.png": picture()}), _kinds.by_name

    def and_removed(name: str) -> bool | None:
        if name == "2":
            (source / name).unlink()
        return of_name(name)

    monkeypatch.setattr(_kinds, "by_name", and_removed)
    with pytest.raises(UserError, match=r"x/2 can't be read \(No such file or directory\); .*run again"):
        load(source, tmp_path)


def test_a_source_that_the_disk_does_not_give_is_refused(tmp_path: Path) -> None:
    # what a process may not read of its own memory: Linux answers as a broken disk or a lost file server does
    with pytest.raises(UserError, match=r"/proc/self/mem .*Input/output error"):
        load(Path("/proc/self/mem"), tmp_path)


def test_a_folder_without_a_picture_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"it holds no image; .*; passed over, .*: 1 file \(notes\.txt\)"):
        load(pack(tmp_path / "x", {"notes.txt": b"text"}), tmp_path)


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "JPEG2000", "AVIF", "PPM", "TGA", "ICO", "PCX", "SGI"]
)
def test_what_pillow_writes_is_read(tmp_path: Path, kind: str) -> None:
    suffix = next(one for one, of in Image.registered_extensions().items() if of == kind)
    part = load(pack(tmp_path / "x", {f"1{suffix.upper()}": picture(90, kind=kind)}), tmp_path).train
    assert np.abs(part.images.astype(int) - 90).max() <= 2


@pytest.mark.parametrize("name", ["1.HEIC", "1.heif", "1", "1.jpg"])
def test_pictures_of_iphones(tmp_path: Path, name: str) -> None:
    image = Image.new("RGB", (64, 32))
    image.paste((200, 200, 200), (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, exif=exif.tobytes())
    source = pack(tmp_path / "x", {name: out.getvalue()})
    part = load(source, tmp_path).train
    assert part.images[0, :14].min() > 180 and part.images[0, 18:].max() < 20
    original = dict(folder.originals(str(source), {name: part.images[0]}, 64, 180))[name]
    assert original is not None and original.shape == (64, 32, 3)


def test_heif_is_imported_only_where_it_is_met() -> None:
    code = (
        "import sys; import stages.download; from stages.datasets import folder; sys.exit('pillow_heif' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["x", "x.tar", "x.zip"])
@pytest.mark.parametrize(
    "litter",
    ["@eaDir", "#recycle", "#snapshot", "@Recycle", ".@__thumb", "$RECYCLE.BIN", "System Volume Information",
     "lost+found", "__MACOSX", ".Trashes", ".ipynb_checkpoints", ".git", ".AppleDouble", "Network Trash Folder",
     "TheVolumeSettingsFolder", "_gsdata_"],
)  # fmt: skip
def test_what_systems_put_there_is_no_class(tmp_path: Path, name: str, litter: str) -> None:
    files = BOTH | {f"{place}{litter}/1.jpg/SYNOPHOTO_THUMB_M.jpg": picture() for place in ("", "train/", "train/cat/")}
    files |= {"train/Thumbs.db": b"x", "train/cat/desktop.ini": b"x"}
    data = load(pack(tmp_path / name, files), tmp_path)
    assert data.classes == ["cat", "dog"]
    assert data.train.names + data.test.names == sorted(name for name in BOTH if name.startswith("train")) + sorted(
        name for name in BOTH if name.startswith("test")
    )
    # beside one that these small sets are nearly black
    said = f"passed over, as systems put it there or it is hidden: 3 {litter!r}, 1 'Thumbs.db', 1 'desktop.ini'"
    assert data.notes[0] == said


def test_what_only_the_administrator_may_enter_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = pack(tmp_path / "x", BOTH | {"lost+found/1.png": picture()})
    real = os.scandir

    def scandir(path: Any) -> Any:
        if "lost+found" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert load(source, tmp_path).classes == ["cat", "dog"]

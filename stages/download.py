"""Brings one data set from its source, a mirror or the disk into data/raw: packed arrays and a description."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from stages import datasets
from stages.base import readable
from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.datasets import Dataset, Part, Settings, member
from stages.project import estimate, layout, params

_BLOCK = 1 << 26  # bytes at once


def main() -> None:
    parameters = params.read()
    # a folder's images are counted only when they are read; pretrain and train ask again
    estimate.check(parameters, getattr(member(parameters.data.name), "TRAINING_IMAGES", 0))
    # outside the outputs and in the main repository, so that a broken download is gone on with from any copy
    root = Path(os.environ.get("DVC_ROOT", "."))
    download(parameters.data, layout.RAW, root / ".scratch" / "download", root)


def download(settings: Settings, target: Path, scratch: Path, root: Path = Path()) -> None:
    """Writes the folder `target`; `scratch` keeps what a broken download left and is removed at success.

    Raises UserError.
    """
    with _alone(scratch), _without_arrays(scratch):
        dataset = datasets.assembled(settings, lambda one, room: _load(one, root, room), scratch)
        if not len(dataset.train.images):
            raise UserError(f"data.name={settings.name}: no training image in the source")
        digest = hashlib.sha256()
        with whole_folder(target) as folder:
            for name, part in (("train", dataset.train), ("test", dataset.test)):
                (folder / name).mkdir()
                _digest(part, digest)
                _write(part, folder / name)
            if len(dataset.validation):
                np.save(folder / "train" / "validation.npy", dataset.validation)
            layout.write_json(folder / "description.json", _description(settings, dataset, digest.hexdigest()))
        shutil.rmtree(scratch)
    for note in dataset.notes:
        print(note)
    print(
        f"{target}: {len(dataset.train.images):,} training and {len(dataset.test.images):,} test images, "
        f"{settings.size} px, {len(dataset.classes)} classes"
    )
    if len(dataset.validation):
        print(f"{target}: {len(dataset.validation):,} of the training images are for validation, as they lie in val")


def _load(settings: Settings, root: Path, scratch: Path) -> Dataset:
    file = member(settings.name)
    kinds = getattr(file, "LABELS", ("fine",))
    if settings.labels not in kinds:
        raise UserError(f"data.labels={settings.labels}: {settings.name} has only {' and '.join(kinds)} labels")
    return file.load(_rooted(settings, root), scratch)


def _rooted(settings: Settings, root: Path) -> Settings:
    """A relative path in `source` is meant from the project, not from the temporary copy of an experiment."""
    source = settings.source
    if source is None or "://" in source or source.startswith("~"):
        return settings
    if Path(source).is_absolute() or readable.unfit(Path(source)) is None:
        return settings
    return settings.model_copy(update={"source": str(root / source)})


@contextmanager
def _alone(scratch: Path) -> Iterator[None]:
    """Makes `scratch`, waits for other downloads that use it; the lock goes with its process, however it ends."""
    scratch.parent.mkdir(parents=True, exist_ok=True)
    with scratch.with_name(f"{scratch.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another download is running; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        scratch.mkdir(exist_ok=True)
        yield


@contextmanager
def _without_arrays(scratch: Path) -> Iterator[None]:
    """Leaves no array behind, and an empty folder neither: only what a download from the network goes on from."""
    try:
        yield
    finally:
        for array in scratch.rglob("*.npy"):
            array.unlink()
        for folder in (scratch / "extra", scratch):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _write(part: Part, folder: Path) -> None:
    images, path = part.images, folder / "images.npy"
    if isinstance(images, np.memmap) and np.load(str(images.filename), mmap_mode="r").shape == images.shape:
        shutil.move(str(images.filename), path)  # it is that file already, and may be larger than memory
    else:
        np.save(path, images)
    np.save(folder / "labels.npy", part.labels)
    np.save(folder / "names.npy", np.array(part.names, dtype=np.str_))


def _digest(part: Part, digest: hashlib._Hash) -> None:
    rows = max(1, _BLOCK // (part.images[:1].nbytes or 1))
    for start in range(0, len(part.images), rows):
        digest.update(np.ascontiguousarray(part.images[start : start + rows]).data)
    digest.update(part.labels.astype("<i8").data)
    digest.update("\n".join(part.names).encode())


def _description(settings: Settings, dataset: Dataset, digest: str) -> dict[str, object]:
    parts = {"train": dataset.train, "test": dataset.test}
    return {
        "name": settings.name,
        "source": settings.source,
        "size": settings.size,
        "extra": settings.extra and settings.extra.model_dump(),
        "classes": dataset.classes,
        **{
            name: {"images": len(part.images), "labelled": int(np.count_nonzero(part.labels >= 0))}
            for name, part in parts.items()
        },
        "digest": digest,
    }


if __name__ == "__main__":
    run(main)

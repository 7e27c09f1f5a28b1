"""One's own images: a directory or a .tar(.gz|.xz|.zst)/.zip archive, on the disk or by URL.

_layout.py says how it is laid out, _images.py how pictures are brought to one size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

from stages.base.errors import UserError
from stages.datasets import Dataset, Part, Settings, _archive, _fetch, _images
from stages.datasets._layout import layout
from stages.splitting.stratify import held_out


def load(settings: Settings, scratch: Path) -> Dataset:
    """Reads the source twice: first its paths, so that what is wrong is said at once, then its pictures.

    The arrays lie in files below `scratch`, so that they need not fit in memory. Raises UserError.
    """
    if settings.source is None:
        raise UserError("data.source=null: data.name=folder needs a folder, an archive, or its address there")
    if _fetch.is_url(settings.source):
        source = _fetch.fetch(settings.source, scratch, None)
    else:
        source = _fetch.local(settings.source)
    files, folders = _listing(source)
    try:
        found = layout(files, folders)
    except UserError as error:
        raise UserError(f"{source}: {error}") from error
    train, test = found.train, found.test
    if test is None:
        train, test = _split(train, found.classes, settings)
    parts = [_part(rows, settings.size, scratch / f"{name}.npy") for name, rows in (("train", train), ("test", test))]
    places = {name: (part.images, row) for part in parts for row, name in enumerate(part.names)}
    _images.decode_into(_pictures(source, places), len(places))
    return Dataset(parts[0], parts[1], found.classes)


def originals(source: str, packed: Mapping[str, np.ndarray], side: int) -> Iterator[tuple[str, np.ndarray | None]]:
    """The images of these names as they lie in the source, whole: uint8 [h, w, 3], neither side above `side` px.

    packed: what `load` made of each, uint8 [S, S, 3]. None in place of an image that is no longer there, can't be read,
    or is another picture now. Raises UserError for an address, and for a source that is not there or is damaged.
    """
    if _fetch.is_url(source):
        raise UserError(f"data.source={source}: it was read once, and is not kept on this machine")
    try:
        place = _fetch.local(source)
        missing = dict.fromkeys(packed)
        with closing(_archive.named(place, packed)) as entries:
            pictures = ((packed[entry.name], entry.name, _reader(place, entry)) for entry in entries)
            for name, picture in _images.originals(pictures, len(packed), side):
                del missing[name]
                yield name, picture
        yield from missing.items()
    except OSError as error:
        raise UserError(f"data.source={source}: {error.strerror}") from error


Rows = list[tuple[str, int]]


def _listing(source: Path) -> tuple[list[str], list[str]]:
    from tqdm import tqdm

    files: list[str] = []
    folders: list[str] = []
    with closing(_archive.entries(source)) as entries:
        for entry in tqdm(entries, desc=f"listing {source.name}", unit=" files", disable=None):
            (folders if entry.folder else files).append(entry.name)
    return files, folders


def _split(rows: Rows, classes: list[str], settings: Settings) -> tuple[Rows, Rows]:
    labels = np.array([label for _, label in rows], dtype=np.int64)
    test = held_out(labels, classes, settings.test_share, settings.seed, "data.test_share")
    return (
        [row for row, chosen in zip(rows, test, strict=True) if not chosen],
        [row for row, chosen in zip(rows, test, strict=True) if chosen],
    )


def _part(rows: Rows, size: int, path: Path) -> Part:
    images = _images.packed(path, len(rows), size)
    return Part(images, np.array([label for _, label in rows], dtype=np.int64), [name for name, _ in rows])


def _pictures(source: Path, places: dict[str, tuple[np.ndarray, int]]) -> Iterator[_images.Picture]:
    with closing(_archive.entries(source)) as entries:
        for entry in entries:
            if not entry.folder and entry.name in places:
                images, row = places[entry.name]
                yield images[row], f"{source}: {entry.name}", _reader(source, entry)


def _reader(source: Path, entry: _archive.Entry) -> Callable[[], bytes]:
    """An archive gives its files one after another, a directory's are read in the threads."""
    if source.is_dir():
        return entry.read
    data = entry.read()
    return lambda: data

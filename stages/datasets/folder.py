"""One's own images: a directory or a .tar(.gz|.xz|.zst)/.zip archive, on the disk or by URL.

_listing.py says which files are pictures, _layout.py how they are laid out, _decoding.py how they become arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from stages.base.errors import UserError
from stages.datasets import Dataset, Part, Settings, _archive, _decoding, _fetch, _images
from stages.datasets._decoding import decode_into
from stages.datasets._layout import layout
from stages.datasets._listing import listing
from stages.splitting.stratify import held_out

AT_ONCE = 4096  # pictures
_Made = TypeVar("_Made")


def load(settings: Settings, scratch: Path) -> Dataset:
    """Walks the source once, so that what is wrong with its paths is said at once, then reads the pictures by name.

    The arrays lie in files below `scratch`, so that they need not fit in memory. Raises UserError.
    """
    if settings.source is None:
        raise UserError("data.source=null: data.name=folder needs a folder, an archive, or its address there")
    if not _fetch.is_url(settings.source):
        return _read(_fetch.local(settings.source), settings, scratch)
    source = _fetch.fetch(settings.source, scratch, None)
    try:
        return _read(source, settings, scratch)
    finally:
        source.unlink()  # without a digest the next run would fetch it anew in any case


def _read(source: Path, settings: Settings, scratch: Path) -> Dataset:
    found = listing(source)
    try:
        laid_out = layout(found.pictures, found.folders)
    except UserError as error:
        raise UserError("; ".join([f"{source}: {error}", *found.notes()])) from error
    train, test = laid_out.train, laid_out.test
    if test is None:
        train, test = _split(train, laid_out.classes, settings)
    held_aside = np.arange(len(train), len(train) + len(laid_out.validation))
    train = [*train, *laid_out.validation]
    parts = [_part(rows, settings.size, scratch / f"{name}.npy") for name, rows in (("train", train), ("test", test))]
    places = {name: part.images[row] for part in parts for row, name in enumerate(part.names)}
    of_pixels = decode_into(partial(_pictures, source), places, settings.max_pixels, str(source))
    notes = [*found.notes(), *laid_out.notes, *of_pixels]
    return Dataset(parts[0], parts[1], laid_out.classes, notes, held_aside)


def originals(
    source: str, packed: Mapping[str, np.ndarray], side: int, max_pixels: float
) -> Iterator[tuple[str, np.ndarray | None]]:
    """The images of these names as they lie in the source, whole: uint8 [h, w, 3], neither side above `side` px.

    packed: what `load` made of each, uint8 [S, S, 3]. max_pixels: as in Settings. None in place of an image that is no
    longer there, can't be read, or is another picture now. Raises UserError for an address, and for a source that is
    not there or is damaged.
    """
    return _as_they_lie(source, packed, partial(_decoding.originals, side=side, max_pixels=max_pixels))


def files(source: str, packed: Mapping[str, np.ndarray], max_pixels: float) -> Iterator[tuple[str, bytes | None]]:
    """The files of the images of these names, byte for byte, as `originals` gives their pixels."""
    return _as_they_lie(source, packed, partial(_decoding.files, max_pixels=max_pixels))


def _as_they_lie(
    source: str,
    packed: Mapping[str, np.ndarray],
    read: Callable[[Iterator[_decoding.Picture], dict[str, np.ndarray]], Iterator[tuple[str, _Made]]],
) -> Iterator[tuple[str, _Made | None]]:
    if _fetch.is_url(source):
        raise UserError(f"data.source={source}: it was read once, and is not kept on this machine")
    try:
        place = _fetch.local(source)
        missing = dict.fromkeys(packed)
        for name, found in read(_pictures(place, packed), dict(packed)):
            del missing[name]
            yield name, found
        yield from missing.items()
    except OSError as error:
        raise UserError(f"data.source={source}: {error.strerror}") from error


def batches(source: Path, size: int, max_pixels: float) -> Iterator[tuple[list[str], np.ndarray]]:
    """All pictures of a folder or an archive, however they lie in it, some at once: their names, and uint8
    [n, size, size, 3] as `load` would pack them. Raises UserError where there is none, and for some that can't be
    decoded."""
    found = listing(source)
    if not found.pictures:
        raise UserError("; ".join([f"{source}: no picture", *found.notes()]))
    names = sorted(found.pictures)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        images = np.empty((len(some), size, size, 3), dtype=np.uint8)
        decode_into(partial(_pictures, source), dict(zip(some, images, strict=True)), max_pixels, str(source))
        yield some, images


Rows = list[tuple[str, int]]


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


def _pictures(source: Path, names: Collection[str]) -> Iterator[_decoding.Picture]:
    with closing(_archive.named(source, names)) as entries:
        for entry in entries:
            yield entry.name, _reader(source, entry)


def _reader(source: Path, entry: _archive.Entry) -> Callable[[], bytes]:
    """An archive gives its files one after another, a directory's are read in the threads."""
    if source.is_dir():
        return entry.read
    data = entry.read()
    return lambda: data

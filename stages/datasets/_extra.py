"""Late injection: some classes of another set after the main set's, so that a schedule can introduce them last."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from stages.base import families
from stages.base.errors import UserError
from stages.datasets import Dataset, Extra, Part, Settings, _images

_BLOCK = 1 << 26  # bytes at once


def with_extra(settings: Settings, load: Callable[[Settings, Path], Dataset], scratch: Path) -> Dataset:
    """The main set by `load`, followed by the classes that `extra` asks for, named such as "cifar100/apple".

    Images of other classes, and those of none, are left out. The other set comes first, so that what it lacks is said
    before the main set is read. Raises UserError.
    """
    extra = settings.extra
    if extra is None:
        return load(settings, scratch)
    own = settings.model_copy(
        update={"name": extra.name, "source": extra.source, "labels": extra.labels, "extra": None}
    )
    room = scratch / "extra"
    room.mkdir(exist_ok=True)
    try:
        other = load(own, room)
    except UserError as error:
        # the set takes itself for the main one
        raise UserError(re.sub(r"\bdata\.(name|source|labels)\b", r"data.extra.\1", str(error))) from error
    kept = chosen(other.classes, extra)
    main = load(settings, scratch)
    classes = [*main.classes, *(f"{extra.name}/{name}" for name in kept)]
    twice = next((name for name in classes if classes.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"data.extra: {settings.name} has a class {twice} of its own; rename its folder")
    places = np.full(len(other.classes) + 1, -1, dtype=np.int64)  # the last is for -1
    places[[other.classes.index(name) for name in kept]] = np.arange(len(main.classes), len(classes))
    train, test = (
        _joined(one, two, places[two.labels], extra.name, scratch / f"joined-{name}.npy")
        for name, one, two in (("train", main.train, other.train), ("test", main.test, other.test))
    )
    notes = [f"data.extra: {note}" for note in other.notes] + main.notes
    aside = np.isin(np.flatnonzero(places[other.train.labels] >= 0), other.validation)
    validation = np.concatenate([main.validation, len(main.train.images) + np.flatnonzero(aside)])
    return Dataset(train, test, classes, notes, validation)


def chosen(classes: list[str], extra: Extra) -> list[str]:
    """The classes of the other set that are added. Raises UserError for those that it lacks."""
    if extra.classes is None:
        return list(classes)
    if isinstance(extra.classes, int):
        if extra.classes > len(classes):
            raise UserError(f"data.extra.classes={extra.classes}: {extra.name} has {len(classes)} classes")
        return classes[: extra.classes]
    for name in extra.classes:
        if name not in classes:
            raise UserError(
                f"data.extra.classes: {extra.name} has no class {name!r}; {families.choices(name, classes)}"
            )
    return list(extra.classes)


def _joined(one: Part, two: Part, labels: np.ndarray, name: str, path: Path) -> Part:
    """All of `one` and what has a label in `labels` int64 [N] of `two`, in the file `path`: it may be larger than
    memory."""
    rows = np.flatnonzero(labels >= 0)
    count, size = len(one.images), one.images.shape[1]
    images = _images.packed(path, count + len(rows), size)
    step = max(1, _BLOCK // (3 * size * size))
    for start in range(0, count, step):
        some = one.images[start : start + step]
        images[start : start + len(some)] = some
    for start in range(0, len(rows), step):
        some = two.images[rows[start : start + step]]
        images[count + start : count + start + len(some)] = some
    names = [*one.names, *(f"{name}/{two.names[row]}" for row in rows)]
    return Part(images, np.concatenate([one.labels, labels[rows]]), names)

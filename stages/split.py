"""Splits the raw images into pool, validation and test, by row numbers; the images stay where they are.

The labels that people gave, labels.file, are put in here: from now on they are labels as any others. answered.npz says
which images of the pool have one, and which people left without: all that `select` may know of labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages import answers
from stages.answers.giving import give
from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.geometry.copies import digests, first_of_each
from stages.project import kept, layout, params, votes
from stages.splitting import parts


def main() -> None:
    parameters = params.read()
    labels = parameters.labels
    split(parameters.split, layout.RAW, layout.SPLIT, parameters.check_data, labels.answers, labels.audit)


def split(
    settings: parts.Settings,
    raw: Path,
    target: Path,
    check: Callable[[list[str], np.ndarray], str | None] | None = None,
    answered: Path | None = None,
    audited: int = 0,
) -> None:
    """Reads the folder `raw` that download wrote and writes the folder `target`. Raises UserError.

    `check` is handed the classes and the labels of the pool before anything is written, and may have a line to say;
    `answered` is the file or folder of what people answered; `audited` images of the pool are set aside to judge
    models.
    """
    facts = kept.read_json(raw / "description.json", "classes", "size")
    own = kept.array(raw / "train" / "labels.npy", "i", 1)
    test = kept.array(raw / "test" / "labels.npy", "i", 1)
    looked_at = np.zeros(0, np.int64), np.zeros(0, np.int64)
    # a list of names also says which classes there are where the data set has none
    named = settings.classes if isinstance(settings.classes, list) else []
    train, classes, given = own, facts["classes"] or named, None
    names = kept.array(raw / "train" / "names.npy", "U", 1).tolist() if answered or audited else []
    if answered is not None:
        returned = answers.read_all(answered)
        if not returned.answers:
            seen = "".join(f" ({note.removeprefix(f'{answered}: ')})" for note in returned.notes)
            raise UserError(f"labels.file={answered}: no label in it{seen}; fill in the column label, or set data/none")
        given = give(returned.labelled, names, own, classes)
        train, classes = given.labels, given.classes
        looked_at = _places(returned, names)
        new, others = (np.count_nonzero((train != own) & which) for which in (own < 0, own >= 0))
        print(f"{answered}: labels of {new:,} images that had none{_left(returned)}")
        if others:
            print(f"{answered}: {others:,} labels of the data set are others now, as people looked at them again")
        if said := given.said():
            print(f"{answered}: {said}")
        for note in returned.notes:
            print(note)
        if not (facts["classes"] or named):
            # nobody has said which there are: a misspelt one shows here alone
            counts = ", ".join(f"{name} {(train == number).sum():,}" for number, name in enumerate(classes))
            print(f"{answered}: classes of the answers: {counts}; list them in split.classes to have others refused")
    order = None
    if audited:
        order = parts.audit_order(names, settings.seed)
    aside = raw / "train" / "validation.npy"  # where the data set itself holds some out
    fixed = kept.array(aside, "i", 1) if aside.exists() else None
    result = parts.split(train, test, classes, settings, audited, order, fixed)
    if (left := len(result.pool.indices)) < 2:
        way = "images are chosen among others and learnt by others: lower split.validation, or give more images"
        raise UserError(f"{left or 'no'} image is left for the pool; {way}")
    if check is not None and (short := check(result.classes, result.pool.labels)):
        print(short)
    # what is learnt without labels is learnt from the audited images, too
    mean, std = parts.mean_and_std(layout.packed(raw / "train"), result.seen().indices)
    rows_of = {"pool": result.pool, "audit": result.audit, "validation": result.validation, "test": result.test}
    keys = {
        name: digests(layout.packed(raw / ("test" if name == "test" else "train")), rows.indices)
        for name, rows in rows_of.items()
    }
    copies = _copies(keys)

    def shown(name: str) -> bool:
        return name != "audit" or audited > 0

    with whole_folder(target) as folder:
        for name, rows in rows_of.items():
            first = first_of_each(keys[name])
            np.savez(folder / f"{name}.npz", indices=rows.indices, labels=rows.labels, first=first)
        description = {
            "classes": result.classes,
            "size": facts["size"],
            "mean": mean,
            "std": std,
            "counts": {name: _counts(rows.labels, result.classes) for name, rows in rows_of.items() if shown(name)},
            "copies": copies,
        }
        layout.write_json(folder / "description.json", description)
        votes.write(folder / "votes.csv", given, names)
        _pretraining_pool(result, own, facts, mean, std).write(folder / layout.SEEN.name)
        labelled, skipped = _answered(result.pool, own, looked_at)
        np.savez(folder / layout.ANSWERED.name, labelled=labelled, skipped=skipped)
    sizes = ", ".join(f"{len(rows.indices):,} {name}" for name, rows in rows_of.items() if shown(name))
    print(f"{target}: {sizes} images of {len(result.classes)} classes")
    if said := _said(copies):
        print(f"{target}: {said}")
    if said := _judging_alone(result):
        print(f"{target}: {said}")


def _left(returned: answers.Returned) -> str:
    """How many images people left without a label, if any."""
    left = {one.image for one in returned.answers} - {one.image for one in returned.labelled}
    were, stay = ("was", "stays") if len(left) == 1 else ("were", "stay")
    return f"; {len(left):,} {were} left without, and {stay} unlabelled" if left else ""


def _places(returned: answers.Returned, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The training images that people gave a label, and those that they left without, int64 each."""
    images = answers.Images(names)
    rows = [(images.find(one.image), bool(one.label)) for one in returned.answers]
    found = [np.array([row for row, label in rows if row is not None and label == kind], int) for kind in (True, False)]
    return np.unique(found[0]), np.setdiff1d(found[1], found[0])


def _answered(
    pool: parts.Rows, own: np.ndarray, looked_at: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The places in the pool of the images that need no label, and of those that people left without. Where the data
    set has labels `own` for some, these need none; where it has one for each, it is a rehearsal, and none counts."""
    labelled = np.isin(pool.indices, looked_at[0])
    if (own[pool.indices] < 0).any():
        labelled |= pool.labels >= 0
    return np.flatnonzero(labelled), np.flatnonzero(np.isin(pool.indices, looked_at[1]) & ~labelled)


def _copies(keys: dict[str, list[bytes]]) -> dict[str, int]:
    """How many images of the pool are copies of another there, and of the other parts copies of one of the pool."""
    pool = set(keys["pool"])
    within = {"pool": len(keys["pool"]) - len(pool)}
    return within | {name: sum(one in pool for one in keys[name]) for name in ("validation", "test")}


def _said(copies: dict[str, int]) -> str:
    """What a user should know of copies, in a line, if there are any."""
    said = []
    if copies["pool"]:
        said.append(f"{copies['pool']:,} images of the pool are copies of others there, which are labelled last")
    held = " and ".join(f"{copies[name]:,} {name}" for name in ("validation", "test") if copies[name])
    if held:
        said.append(f"{held} images are copies of some in the pool, so that accuracy on them is too good")
    return "; ".join(said)


def _judging_alone(result: parts.Split) -> str:
    """A line where a class has labels among the audited images alone."""
    found = [name for label, name in enumerate(result.classes) if (result.audit.labels == label).any()]
    told = {result.classes[label] for label in np.unique(result.pool.labels[result.pool.labels >= 0])}
    alone = [name for name in found if name not in told]
    if not alone:
        return ""
    shown = ", ".join(alone[:10]) + (", ..." if len(alone) > 10 else "")
    return f"labels of {shown} are in the audit alone, which trains no model: none can learn that; label more of it"


def _pretraining_pool(
    result: parts.Split, own: np.ndarray, facts: dict[str, Any], mean: list[float], std: list[float]
) -> layout.PretrainingPool:
    """The pool and the audited images without the answers; `own` are the labels that the data set has."""
    rows = result.seen()
    labels = np.where(own[rows.indices] < 0, -1, rows.labels)
    classes = result.classes if facts["classes"] else []
    return layout.PretrainingPool(rows.indices, labels, classes, facts["size"], mean, std)


def _counts(labels: np.ndarray, classes: list[str]) -> dict[str, int]:
    """Images per class; "unknown" counts those without a label."""
    counts = np.bincount(labels + 1, minlength=len(classes) + 1).tolist()
    return {**dict(zip(classes, counts[1:], strict=True)), "unknown": counts[0]}


if __name__ == "__main__":
    run(main)

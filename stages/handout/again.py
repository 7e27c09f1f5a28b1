"""Labels as a batch to look at again, the suspect ones or those that people differ about: each image with the label
that it has, and what a model would say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stages.answers import VOTES, WAS
from stages.handout.pictures import Reader, pictured
from stages.handout.task import Handout, Origin, Task
from stages.health.report import Report


def again(report: Report, data: str, extractor: str, seed: int, most: int, read: Reader | None = None) -> Handout:
    """Of the suspects, of which there must be one, the `most` first at most, the most suspect first. data: what people
    know the set by; read: as `pictured` wants it.

    Each has the label that it has now under `was`, so that the answer may take its place, and its probability.
    """
    found = report.findings["suspect label"][:most]
    tasks = [
        Task(
            report.train.names[one.image[1]],
            rank,
            None,
            {WAS: report.label(one.image), "probability": f"{one.score:.4g}"},
            _guess(report.classes, one.guess),
        )
        for rank, one in enumerate(found, 1)
    ]
    rows = report.train.rows[[one.image[1] for one in found]].tolist()
    return _handout(report, Origin(data, "suspect labels", seed, report.classes, _model(extractor)), tasks, rows, read)


def disputed(report: Report, data: str, extractor: str, seed: int, most: int, read: Reader | None = None) -> Handout:
    """Of the images on which people differ, of which there must be one, the `most` first at most, the least sure first;
    otherwise as `again`. Each has what people said, without who did, and under `was` one of it, so that one answer more
    settles it; images that judge models lie among them.
    """
    assert report.agreement is not None
    found = report.agreement.disputes[:most]
    tasks = []
    for rank, one in enumerate(found, 1):
        votes = Counter(one.image.last.values()).most_common()
        said = ", ".join(f"{label} {count}" for label, count in votes)
        quality = {} if one.quality is None else {"quality": f"{one.quality:.4g}"}
        reasons = {WAS: one.image.was, VOTES: said, **quality}
        tasks.append(Task(one.image.name, rank, None, reasons, _guess(report.classes, one.guess)))
    model = _model(extractor) if any(one.guess for one in found) else None
    rows = [one.image.row for one in found]
    return _handout(report, Origin(data, "disagreements", seed, report.classes, model), tasks, rows, read)


def _handout(
    report: Report, origin: Origin, tasks: Sequence[Task], rows: Sequence[int], read: Reader | None
) -> Handout:
    """rows: where the images lie among those that are packed."""
    shown = {task.image: report.train.packed[row] for task, row in zip(tasks, rows, strict=True)}
    pictures, note = pictured(shown, read, origin.data)
    return Handout(origin, tasks, pictures, note)


def _model(extractor: str) -> str:
    return f"logistic regression on {extractor}"


def _guess(classes: Sequence[str], guess: tuple[int, float] | None) -> tuple[str, float] | None:
    return (classes[guess[0]], round(guess[1], 4)) if guess else None

"""The suspect labels as a batch to look at again: each image with the label that it has, and what a model would say."""

from __future__ import annotations

from collections.abc import Sequence

from stages.answers import WAS
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
    packed = report.train.packed[report.train.rows[[one.image[1] for one in found]]]
    shown = {task.image: pixels for task, pixels in zip(tasks, packed, strict=True)}
    pictures, note = pictured(shown, read, data)
    model = f"logistic regression on {extractor}"
    return Handout(Origin(data, "suspect labels", seed, report.classes, model), tasks, pictures, note)


def _guess(classes: Sequence[str], guess: tuple[int, float] | None) -> tuple[str, float] | None:
    return (classes[guess[0]], round(guess[1], 4)) if guess else None

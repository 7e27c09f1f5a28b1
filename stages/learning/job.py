"""One model's training: what it is told of the labels bought, and what it makes of them, at once or in rounds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages import encoders, regimes
from stages.base import draws
from stages.base.errors import UserError
from stages.supervision import exposure
from stages.supervision.exposure import Told
from stages.supervision.schedule import Schedule
from stages.training import checkpoint, measure
from stages.training.images import Images
from stages.training.loop import Hardware, Row, fit, seed_all

if TYPE_CHECKING:
    from stages.regimes import Block, Classifier


@dataclass(frozen=True)
class Job:
    """What all seeds and rounds of a model share. labels: int64 [N], the true classes of the pool, -1 unknown; held:
    int64 [M], those of the images held out for its history, which may be none."""

    name: str
    settings: Block
    schedule: Schedule | None
    classes: list[str]
    labels: np.ndarray
    held: np.ndarray
    hardware: Hardware

    def tell(self, seed: int, bought: np.ndarray) -> Told:
        """The labels of the images bought, int64 [n], those that there are. Raises UserError where none would be told
        at first."""
        return Told(self.labels, self._world(seed, bought[self.labels[bought] >= 0]))

    def learn(
        self,
        seed: int,
        start: Path,
        images: Images,
        held_out: measure.Embedded,
        number: int | None,
        told: Told,
        resume: Path,
        before: Path | None,
    ) -> tuple[Classifier, list[Row]]:
        """A model trained on the labels told, and its history: from the encoder in the folder `start` or, in a later
        round, from the weights of the checkpoint `before`. A run that was killed goes on from its checkpoint,
        `resume`."""
        # a round that begins anew is the training that follows labels; one that goes on draws other batches
        training = draws.number(seed, "train", 0 if before is None or number is None else number)
        seed_all(training, 0)
        encoder = encoders.load(start) if self.settings.moves_encoder else encoders.unread(start)
        regime = regimes.member(self.settings.regime)
        classifier = regime.build(encoder, len(self.classes), self.settings, len(self.labels))
        if before is not None:
            checkpoint.weights(before, classifier)

        def validate(classifier: Classifier) -> Row:
            predicted = measure.classify(classifier.kept()[1], held_out.by(classifier))
            return measure.validation(predicted, self.held, self.classes)

        history = fit(
            classifier,
            images,
            told,
            told.world,
            seed=training,
            hardware=self.hardware,
            resume=resume,
            validate=validate if len(self.held) else None,
            title=f"train {self.name}, seed {seed}" + (f", round {number}" if number else ""),
        )
        return classifier, history

    def _world(self, seed: int, bought: np.ndarray) -> exposure.World:
        """What the model is shown and told at each epoch."""
        epochs, count = self.settings.epochs, self.settings.classes or len(self.classes)
        if self.schedule is None:
            shown = exposure.fixed(self.labels, bought, count, epochs)
        else:
            order = self.schedule.order(self.classes, seed)
            shown = exposure.gradual(self.labels, bought, order[order < count], self.schedule, epochs=epochs, seed=seed)
        if not shown.labels_told(0):
            raise UserError(
                f"models.{self.name}: not one of the {len(bought)} labels bought is of the classes shown; "
                "raise labels.budget, or label some images"
            )
        introduced = shown.introduced(self.labels, len(self.classes))
        never = [one for one, epoch in zip(self.classes, introduced, strict=True) if epoch is None]
        if never and self.schedule is not None:
            print(
                f"models.{self.name}: {', '.join(never)} never shown in {epochs} epochs; "
                "raise epochs, or lower schedule.class_epochs",
                file=sys.stderr,
            )
        return shown

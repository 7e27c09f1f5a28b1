"""python -m stages.train NAME: trains one model from the labels it is told, once for each seed.

Reads data/raw/train, data/split/{pool,validation}.npz, the ranking of labels.strategy and the encoder to start from;
writes data/models/NAME/seed-<s>/. Validation labels serve the history alone: nothing is trained or chosen on them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from stages import encoders, estimate, layout, params, tenants
from stages.asking import Plan, alternate
from stages.errors import UserError, run
from stages.training import checkpoint, measure, workers, world
from stages.training.device import half, pick
from stages.training.images import Images
from stages.training.loop import Hardware, Row, fit, seed_all
from stages.training.schedule import Schedule
from stages.training.world import Told


def main() -> None:
    checkpoint.die_with_dvc()
    workers.launch("stages.train")
    parameters = params.read()
    name = parameters.models.named(sys.argv[1:])
    settings = parameters.models[name]
    device = pick(parameters.compute)
    hardware = Hardware(device, half(parameters.compute, device), parameters.compute.compile)
    pool, validation, description = layout.part("pool"), layout.part("validation"), layout.description()
    estimate.check(parameters, len(pool.indices), "models", name)
    classes = description["classes"]
    if not (pool.labels >= 0).any():
        way = f"`python -m stages.select {parameters.labels.strategy} --export FOLDER` hands out which to label"
        raise UserError(f"models.{name}: no image of the pool has a label; {way}; give the answers by labels.file")
    parameters.check_classes(classes)
    schedule = settings.told_by(parameters.schedule)
    ranked = layout.needed(layout.SELECTION / parameters.labels.strategy / "ranking.npy")
    rankings = np.load(ranked)
    if len(rankings) != len(parameters.seeds):
        seeds = f"made with {len(rankings)} seeds, params.yaml has {len(parameters.seeds)}"
        raise UserError(f"{ranked}: {seeds}; run `dvc repro`")
    start, target = layout.ENCODERS / settings.init, layout.MODELS / name

    stamp = {
        "block": settings.model_dump(),
        "labels": parameters.labels.model_dump(),
        "schedule": schedule and schedule.model_dump(),
        "rounds": parameters.rounds.model_dump() if settings.follows == "rounds" else None,
        "compute": parameters.compute.model_dump(),
        "seeds": parameters.seeds,
    }
    inputs = [
        layout.RAW / "description.json",
        *(layout.SPLIT / f"{part}" for part in ("pool.npz", "validation.npz", "description.json")),
        ranked,
        layout.needed(start),
    ]
    job = Job(name, settings, schedule, classes, pool, validation, hardware, start)
    plans: dict[int, Plan] = {}
    first: dict[int, Told] = {}
    for seed, ranking in zip(parameters.seeds, rankings, strict=True):
        if settings.follows == "rounds":
            askable = parameters.labels.askable(ranking, pool.labels)
            shown = askable[pool.labels[askable] < (settings.classes or len(classes))]
            budget = min(parameters.labels.spent(ranking, pool.labels, len(classes)), len(shown))
            plans[seed] = Plan(shown, parameters.rounds.totals(budget), parameters.rounds.warm, seed)
            bought = shown[: plans[seed].totals[0]]
        else:
            bought = parameters.labels.bought(ranking, pool.labels, len(classes))
        first[seed] = job.tell(seed, bought)
    if plans and len(plans[parameters.seeds[0]].totals) == 1:
        spent = f"labels.budget={parameters.labels.budget} is spent with rounds.start={parameters.rounds.start}"
        print(f"models.{name}: {spent}: one round, and nothing is asked", file=sys.stderr)

    with workers.output(f"train-{name}", checkpoint.key(stamp, inputs), target) as (scratch, folder):
        images, held_out = (Images(part.packed, part.indices, device) for part in (pool, validation))
        for seed in workers.mine(parameters.seeds):
            seed_folder = layout.seed_folder(folder, seed)
            learn = partial(job.learn, seed, images, measure.Embedded(held_out, hardware.half))
            if settings.follows == "rounds":
                acquisition = tenants.load("acquisition", settings.acquisition.name)
                ask = partial(acquisition.ask, settings=settings.acquisition)
                embedded = measure.Embedded(images, hardware.half)
                classifier, history, asked = alternate(
                    plans[seed], learn, partial(job.tell, seed), ask, embedded, scratch
                )
                names = np.load(layout.needed(layout.RAW / "train" / "names.npy"))[pool.indices]
                layout.write_table(seed_folder / "asked.csv", [row | {"image": names[row["image"]]} for row in asked])
            else:
                classifier, history = learn(None, first[seed], scratch / f"seed-{seed}.safetensors", None)
            encoder, head = classifier.kept()
            encoders.save(encoder, seed_folder)
            weights = {key: value.detach().cpu().contiguous() for key, value in head.state_dict().items()}
            save_file(weights, seed_folder / "head.safetensors")
            layout.write_table(seed_folder / "history.csv", history)
            introduced = first[seed].world.introduced(pool.labels, len(classes))
            layout.write_json(seed_folder / "introduced.json", dict(zip(classes, introduced, strict=True)))


@dataclass(frozen=True)
class Job:
    """What all seeds and rounds of a model share."""

    name: str
    settings: Any
    schedule: Schedule | None
    classes: list[str]
    pool: layout.Part
    validation: layout.Part
    hardware: Hardware
    start: Path

    def tell(self, seed: int, bought: np.ndarray) -> Told:
        """The labels of the images bought, int64 [n], those that there are."""
        known = bought[self.pool.labels[bought] >= 0]
        shown = world_of(self.name, self.settings, self.schedule, known, self.pool.labels, self.classes, seed)
        return Told(self.pool.labels, shown)

    def learn(
        self,
        seed: int,
        images: Images,
        held_out: measure.Embedded,
        number: int | None,
        told: Told,
        resume: Path,
        before: Path | None,
    ) -> tuple[Any, list[Row]]:
        """A model trained on the labels told, and its history: from the encoder to start from or, in a later round,
        from the weights of the checkpoint `before`."""
        seed_all(seed, 0)
        encoder = encoders.load(layout.seed_folder(self.start, seed))
        regime = tenants.load("regimes", self.settings.regime)
        classifier = regime.build(encoder, len(self.classes), self.settings, self.schedule, len(self.pool.indices))
        classifier.drop(self.settings.acquisition.dropped())
        if before is not None:
            checkpoint.weights(before, classifier)

        def validate(classifier: Any) -> Row:
            predicted = measure.classify(classifier.kept()[1], held_out.by(classifier))
            return measure.validation(predicted, self.validation.labels, self.classes)

        history = fit(
            classifier,
            images,
            told,
            told.world,
            seed=seed,
            hardware=self.hardware,
            resume=resume,
            validate=validate if len(self.validation.indices) else None,
            title=f"train {self.name}, seed {seed}" + (f", round {number}" if number else ""),
        )
        return classifier, history


def world_of(
    name: str,
    settings: Any,
    schedule: Schedule | None,
    bought: np.ndarray,
    labels: np.ndarray,
    classes: list[str],
    seed: int,
) -> world.World:
    """What a model is shown and told at each epoch. Raises UserError where it would be told nothing at first."""
    count = settings.classes or len(classes)
    if schedule is None:
        shown = world.fixed(labels, bought, count, settings.epochs)
    else:
        order = schedule.order(classes, seed)
        shown = world.gradual(labels, bought, order[order < count], schedule, epochs=settings.epochs, seed=seed)
    if not shown.labels_told(0):
        raise UserError(
            f"models.{name}: not one of the {len(bought)} labels bought is of the classes shown; "
            "raise labels.budget, or label some images"
        )
    introduced = shown.introduced(labels, len(classes))
    never = [one for one, epoch in zip(classes, introduced, strict=True) if epoch is None]
    if never and schedule is not None:
        print(
            f"models.{name}: {', '.join(never)} never shown in {settings.epochs} epochs; "
            "raise epochs, or lower schedule.class_epochs",
            file=sys.stderr,
        )
    return shown


if __name__ == "__main__":
    run(main)

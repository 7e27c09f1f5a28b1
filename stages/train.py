"""python -m stages.train NAME: trains one model from the labels it is told, once for each seed.

Reads data/raw/train, data/split/{pool,validation}.npz, the ranking of labels.strategy and the encoder to start from;
writes data/models/NAME/seed-<s>/. Validation labels serve the history alone: nothing is trained or chosen on them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from stages import encoders, estimate, layout, params, tenants
from stages.errors import UserError, run
from stages.training import checkpoint, measure, workers, world
from stages.training.device import half, pick
from stages.training.images import Images
from stages.training.loop import Hardware, Row, fit, seed_all
from stages.training.schedule import Schedule


def main() -> None:
    checkpoint.die_with_dvc()
    workers.launch("stages.train")
    parameters = params.read()
    name = parameters.models.named(sys.argv[1:])
    settings = parameters.models[name]
    regime = tenants.load("regimes", settings.regime)
    device = pick(parameters.compute)
    hardware = Hardware(device, half(parameters.compute, device), parameters.compute.compile)
    pool, validation, description = layout.part("pool"), layout.part("validation"), layout.description()
    estimate.check(parameters, len(pool.indices), "models", name)
    images = Images(pool.packed, pool.indices, device)
    held_out = Images(validation.packed, validation.indices, device)
    classes = description["classes"]
    if not classes:
        raise UserError(f"models.{name}: no image has a label; training needs some: put them into folders by class")
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
        "compute": parameters.compute.model_dump(),
        "seeds": parameters.seeds,
    }
    inputs = [
        layout.RAW / "description.json",
        *(layout.SPLIT / f"{part}" for part in ("pool.npz", "validation.npz", "description.json")),
        ranked,
        layout.needed(start),
    ]
    worlds = {
        seed: world_of(
            name,
            settings,
            schedule,
            parameters.labels.bought(ranking, pool.labels, len(classes)),
            pool.labels,
            classes,
            seed,
        )
        for seed, ranking in zip(parameters.seeds, rankings, strict=True)
    }
    with workers.output(f"train-{name}", checkpoint.key(stamp, inputs), target) as (scratch, folder):
        for seed in workers.mine(parameters.seeds):
            shown = worlds[seed]
            introduced = dict(zip(classes, shown.introduced(pool.labels, len(classes)), strict=True))
            seed_all(seed, 0)
            encoder = encoders.load(layout.seed_folder(start, seed))
            classifier = regime.build(encoder, len(classes), settings, schedule, len(pool.indices))

            embedded: list[Tensor] = []

            def validate(classifier: Any, embedded: list[Tensor] = embedded) -> Row:
                encoder, head = classifier.kept()
                # a frozen encoder's embeddings stay as they are
                if not embedded or any(parameter.requires_grad for parameter in classifier.encoder.parameters()):
                    embedded[:] = [measure.embed(encoder, held_out, hardware.half)]
                return measure.validation(measure.classify(head, embedded[0]), validation.labels, classes)

            history = fit(
                classifier,
                images,
                world.Told(pool.labels, shown),
                shown,
                seed=seed,
                hardware=hardware,
                resume=scratch / f"seed-{seed}.safetensors",
                validate=validate if len(validation.indices) else None,
                title=f"train {name}, seed {seed}",
            )
            seed_folder = layout.seed_folder(folder, seed)
            encoder, head = classifier.kept()
            encoders.save(encoder, seed_folder)
            weights = {key: value.detach().cpu().contiguous() for key, value in head.state_dict().items()}
            save_file(weights, seed_folder / "head.safetensors")
            layout.write_table(seed_folder / "history.csv", history)
            layout.write_json(seed_folder / "introduced.json", introduced)


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

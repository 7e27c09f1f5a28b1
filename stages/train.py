"""python -m stages.train NAME: trains one model from the labels it is told, once for each seed.

Reads data/raw/train, data/split/{pool,validation}.npz, the ranking of labels.strategy and the encoder to start from;
writes data/models/NAME/seed-<s>/, with told.npy, the images of the pool whose labels it was told, int64 [n]. Validation
labels serve the history alone: nothing is trained or chosen on them.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from safetensors.torch import save_file

from stages import acquisition, encoders
from stages.base.errors import UserError, run
from stages.base.files import whole_file
from stages.embedding.store import shared
from stages.embedding.stored import Stored
from stages.learning.job import Job
from stages.learning.rounds import Plan, alternate
from stages.project import estimate, kept, layout, lineage, params
from stages.supervision.exposure import Told
from stages.training import checkpoint, measure, workers
from stages.training.device import half, pick
from stages.training.loop import Hardware


def main() -> None:
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
        way = f"`python -m stages.export {parameters.labels.strategy} FOLDER` hands out which to label"
        raise UserError(f"models.{name}: no image of the pool has a label; {way}; give the answers by labels.file")
    parameters.check_classes(classes)
    schedule = settings.told_by(parameters.schedule)
    ranked = layout.SELECTION / parameters.labels.strategy / "ranking.npy"
    rankings = kept.array(ranked, "i", 2)
    if len(rankings) != len(parameters.seeds):
        seeds = f"made with {len(rankings)} seeds, params.yaml has {len(parameters.seeds)}"
        raise UserError(f"{ranked}: {seeds}; run `dvc repro`")
    start, target = layout.ENCODERS / settings.init, layout.MODELS / name

    stamp = {
        # of the code as it is, not of data/code, which may be older
        "code": lineage.stamp(lineage.Instance("train", name), parameters.raw),
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
        kept.needed(start),
    ]
    job = Job(name, settings, schedule, classes, pool.labels, validation.labels, hardware)
    plans: dict[int, Plan] = {}
    first: dict[int, Told] = {}
    for seed, ranking in zip(parameters.seeds, rankings, strict=True):
        if settings.follows == "rounds":
            askable = parameters.labels.askable(ranking, pool.labels)
            shown = askable[pool.labels[askable] < (settings.classes or len(classes))]
            budget = min(parameters.labels.spent(ranking, pool.labels, len(classes)), len(shown))
            plans[seed] = Plan(shown, parameters.rounds.totals(budget), parameters.rounds.restart, seed)
            bought = shown[: plans[seed].totals[0]]
        else:
            bought = parameters.labels.bought(ranking, pool.labels, len(classes))
        first[seed] = job.tell(seed, bought)
    if (short := parameters.labels.short(pool.labels, len(classes))) is not None:
        print(f"models.{name}: {short}", file=sys.stderr)
    if plans and len(plans[parameters.seeds[0]].totals) == 1:
        spent = f"labels.budget={parameters.labels.budget} is spent with rounds.start={parameters.rounds.start}"
        print(f"models.{name}: {spent}: one round, and nothing is asked", file=sys.stderr)

    store = shared()
    with workers.output(f"train-{name}", checkpoint.key(stamp, inputs), target) as (scratch, folder):
        images, held_out = (
            Stored(part.packed, part.indices, device, half=hardware.half, store=store) for part in (pool, validation)
        )
        for seed in workers.mine(parameters.seeds):
            seed_folder = layout.seed_folder(folder, seed)
            start_folder = layout.seed_folder(start, seed)
            learn = partial(job.learn, seed, start_folder, images, measure.Embedded(held_out))
            if settings.follows == "rounds":
                query = partial(acquisition.ask, settings=settings.acquisition, first=pool.first)
                embedded = measure.Embedded(images)
                classifier, history, queries = alternate(
                    plans[seed], learn, partial(job.tell, seed), query, embedded, scratch
                )
                told = np.unique([row["image"] for row in queries])
                rows = [row | {"image": pool.names[row["image"]]} for row in queries]
                layout.write_table(seed_folder / "queries.csv", rows)
            else:
                classifier, history = learn(None, first[seed], scratch / f"seed-{seed}.safetensors", None)
                told = first[seed].world.ever_told(settings.epochs - 1)
            encoder, head = classifier.kept()
            encoders.save(encoder, seed_folder)
            weights = {key: value.detach().cpu().contiguous() for key, value in head.state_dict().items()}
            with whole_file(seed_folder / "head.safetensors") as partial_file:
                save_file(weights, partial_file)
            layout.write_table(seed_folder / "history.csv", history)
            np.save(seed_folder / "told.npy", told[pool.labels[told] >= 0])
            introduced = first[seed].world.introduced(pool.labels, len(classes))
            layout.write_json(seed_folder / "introduced.json", dict(zip(classes, introduced, strict=True)))
    store.report()


if __name__ == "__main__":
    run(main)

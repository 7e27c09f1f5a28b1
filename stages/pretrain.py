"""python -m stages.pretrain NAME: trains one encoder without labels, once for each seed.

Reads data/raw/train, data/split/pool.npz; writes data/encoders/NAME/seed-<s>/. Class labels serve the world alone,
which shows the first k classes where the block says so.
"""

from __future__ import annotations

import sys

import numpy as np

from stages import encoders, estimate, layout, params, tenants
from stages.errors import run
from stages.training import checkpoint, workers, world
from stages.training.device import half, pick
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all


def main() -> None:
    checkpoint.die_with_dvc()
    workers.launch("stages.pretrain")
    parameters = params.read()
    name = parameters.pretrain.named(sys.argv[1:])
    settings = parameters.pretrain[name]
    method_file = tenants.load("pretraining", settings.method)
    device = pick(parameters.compute)
    hardware = Hardware(device, half(parameters.compute, device), parameters.compute.compile)
    pool, description = layout.part("pool"), layout.description()
    estimate.check(parameters, len(pool.indices), "pretrain", name)
    if description["classes"]:
        parameters.check_classes(description["classes"])
    images: Images | None = None
    stamp = {"block": settings.model_dump(), "compute": parameters.compute.model_dump(), "seeds": parameters.seeds}
    inputs = [layout.RAW / "description.json", layout.SPLIT / "pool.npz", layout.SPLIT / "description.json"]
    # a method may bring an encoder of its own, perhaps from a file
    brings = hasattr(method_file, "encoder")
    weights = layout.DATA / settings.weights if brings and settings.weights else None
    inputs += [weights] if weights else []
    target = layout.ENCODERS / name
    with workers.output(f"pretrain-{name}", checkpoint.key(stamp, inputs), target) as (scratch, folder):
        for seed in workers.mine(parameters.seeds):
            seed_all(seed, 0)
            if brings:
                encoder = method_file.encoder(settings, description["size"], weights)
            else:
                encoder = encoders.build(settings.encoder, description["size"], description["mean"], description["std"])
            method = method_file.build(encoder, settings, len(pool.indices))
            seed_folder = layout.seed_folder(folder, seed)
            if method is not None:
                # not before: random and foreign weights need no image on the device
                if images is None:
                    images = Images(pool.packed, pool.indices, device)
                shown = world.everything(len(pool.indices), settings.epochs)
                if settings.classes is not None:
                    shown = world.fixed(pool.labels, np.array([], int), settings.classes, settings.epochs)
                history = fit(
                    method,
                    images,
                    world.Told(np.full(len(pool.indices), -1), shown),
                    shown,
                    seed=seed,
                    hardware=hardware,
                    resume=scratch / f"seed-{seed}.safetensors",
                    title=f"pretrain {name}, seed {seed}",
                )
                layout.write_table(seed_folder / "history.csv", history)
            encoders.save(encoder, seed_folder)


if __name__ == "__main__":
    run(main)

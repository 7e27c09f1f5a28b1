"""python -m stages.pretrain NAME: trains one encoder without labels, once for each seed.

Reads data/raw/train, data/split/seen.npz; writes data/encoders/NAME/seed-<s>/. Class labels serve the world alone,
which shows the first k classes where the block says so; they are those of the data set itself, so that more answers of
people pretrain nothing anew.
"""

from __future__ import annotations

import sys

import numpy as np

from stages import encoders, pretraining
from stages.base import draws
from stages.base.errors import UserError, run
from stages.project import estimate, layout, lineage, params
from stages.supervision import exposure
from stages.training import checkpoint, workers
from stages.training.device import half, pick
from stages.training.images import Images
from stages.training.loop import Hardware, fit, seed_all


def main() -> None:
    workers.launch("stages.pretrain")
    parameters = params.read()
    name = parameters.pretrain.named(sys.argv[1:])
    settings = parameters.pretrain[name]
    device = pick(parameters.compute)
    hardware = Hardware(device, half(parameters.compute, device), parameters.compute.compile)
    seen = layout.PretrainingPool.read(layout.SEEN)
    estimate.check(parameters, len(seen.indices), "pretrain", name)
    if pretraining.brings(settings):
        # once for all seeds, and before the key of what is resumed
        settings = pretraining.owner(settings).settled(settings, device)
    if seen.classes:
        parameters.check_classes(seen.classes)
    images: Images | None = None
    stamp = {
        # of the code as it is, not of data/code, which may be older
        "code": lineage.stamp(lineage.Instance("pretrain", name), parameters.raw),
        "block": settings.model_dump(),
        "compute": parameters.compute.model_dump(),
        "seeds": parameters.seeds,
    }
    inputs = [layout.RAW / "description.json", layout.SEEN]
    # a method may bring an encoder of its own, perhaps from a file
    weights = layout.DATA / settings.weights if pretraining.brings(settings) and settings.weights else None
    inputs += [weights] if weights else []
    target = layout.ENCODERS / name
    with workers.output(f"pretrain-{name}", checkpoint.key(stamp, inputs), target) as (scratch, folder):
        for seed in workers.mine(parameters.seeds):
            training = draws.number(seed, "pretrain")
            seed_all(training, 0)
            if pretraining.brings(settings):
                encoder = pretraining.owner(settings).encoder(settings, seen.size, weights)
            else:
                encoder = encoders.build(settings.encoder, seen.size, seen.mean, seen.std)
            method = pretraining.member(settings.method).build(encoder, settings, len(seen.indices))
            seed_folder = layout.seed_folder(folder, seed)
            if method is not None:
                # not before: random and foreign weights need no image on the device
                if images is None:
                    images = Images(layout.packed(layout.RAW / "train"), seen.indices, device)
                shown = exposure.everything(len(seen.indices), method.settings.epochs)
                if (classes := method.settings.classes) is not None:
                    shown = exposure.fixed(seen.labels, np.array([], int), classes, method.settings.epochs)
                if (count := len(shown.shown(0))) < 2:
                    few = f"pretrain.{name}.classes={classes}: {count} images are of these classes"
                    raise UserError(f"{few}, and methods compare images; raise it, or set null for all")
                history = fit(
                    method,
                    images,
                    exposure.Told(np.full(len(seen.indices), -1), shown),
                    shown,
                    seed=training,
                    hardware=hardware,
                    resume=scratch / f"seed-{seed}.safetensors",
                    title=f"pretrain {name}, seed {seed}",
                )
                layout.write_table(seed_folder / "history.csv", history)
            encoders.save(encoder, seed_folder)


if __name__ == "__main__":
    run(main)

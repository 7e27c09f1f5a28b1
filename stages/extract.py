"""Features of the pool and of the validation part by one extractor, and how good they are.

`python -m stages.extract <extractor>` reads raw, split and the encoder that the extractor names, never the test images;
writes data/features/<extractor>/: pool.npy and validation.npy (float32 [N, d]), coverage.json (the
radius within which a chosen image covers others), quality.json and speed.json.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.embedding.store import shared
from stages.embedding.stored import Stored
from stages.extractors import member
from stages.measures.features import quality
from stages.measures.radius import common_radius
from stages.project import layout, params
from stages.training.device import half, pick


def main() -> None:
    if len(sys.argv) != 2:
        raise UserError("usage: python -m stages.extract <name of an extractor in params.yaml>")
    name = sys.argv[1]
    parameters = params.read()
    settings, seed = parameters.extractors[name], parameters.seeds[0]
    device = pick(parameters.compute)
    pool, validation = layout.part("pool"), layout.part("validation")
    weights = None if settings.weights == "none" else layout.DATA / settings.weights
    if weights and settings.extractor == "pretrained":
        weights = layout.seed_folder(weights, seed)

    # both parts lie in the same packed array, so that the network is made once
    rows = np.concatenate([pool.indices, validation.indices])
    store = shared()
    images = Stored(pool.packed, rows, device, half=half(parameters.compute, device), store=store)
    began = time.perf_counter()
    features = member(settings.extractor).extract(images, settings, weights).cpu().numpy()
    seconds = time.perf_counter() - began
    store.report()
    if not np.isfinite(features).all():
        raise UserError(f"extractor {name} gave numbers that are not finite; set compute.precision=fp32")
    of_pool, of_validation = features[: len(pool.indices)], features[len(pool.indices) :]
    figures = quality(of_pool, pool.labels, of_validation, validation.labels, seed=seed, device=device)
    radius = common_radius(of_pool, pool.first, device)

    with whole_folder(layout.FEATURES / name) as folder:
        np.save(folder / "pool.npy", of_pool)
        np.save(folder / "validation.npy", of_validation)
        # apart from the quality, which changes with the labels
        layout.write_json(folder / "coverage.json", {"radius": radius})
        layout.write_json(folder / "quality.json", {"extractor": name, **figures})
        # apart from the quality, which is the same in every run
        made, took = (store.made, store.seconds) if store.found + store.made else (len(images), seconds)
        rate = round(made / took, 1) if made else None
        layout.write_json(folder / "speed.json", {"images_per_second": rate, "device": str(device)})
    print(f"{name}: {figures['dimensions']} dimensions")


if __name__ == "__main__":
    run(main)

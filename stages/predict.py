"""python -m stages.predict MODEL: what a trained model says of every image of the pool, and how far it can be trusted.

Reads data/models/MODEL (the model of the first seed), the pool and the audited images, the encoder to start from and,
where labels are bought, the ranking; for each of predict.folds the model learns once more without a part of its labels.
Writes data/predictions/MODEL/: predictions.csv and predictions.parquet, a row for each image; calibration.json;
index.html with pictures.

python -m stages.predict MODEL FOLDER [--to FILE] does the same for images that were never in the pool, by what
calibration.json says: a folder or an archive of any number of them. Writes predictions.csv, or FILE (.csv or .parquet).
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from stages.base.cells import unguarded
from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.calibration.trust import Trust
from stages.datasets import folder as pictures
from stages.embedding.store import Store, shared
from stages.embedding.stored import Stored
from stages.learning.folds import folds_of, out_of_fold
from stages.learning.job import Job
from stages.project import kept, layout, lineage, params
from stages.project.params import Params
from stages.reporting import predictions
from stages.training import checkpoint, saved
from stages.training.device import half, pick
from stages.training.images import Images
from stages.training.loop import Hardware

# of packed images uint8 [N, S, S, 3] and rows int64 [n], logits float32 [n, C]
Logits = Callable[[np.ndarray, np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.predict", description=__doc__.split("\n")[0])
    parser.add_argument("model")
    parser.add_argument("folder", type=Path, nargs="?", help="a folder or an archive of images")
    parser.add_argument("--to", type=Path, default=Path("predictions.csv"), help="a .csv or .parquet file")
    arguments = parser.parse_args()
    parameters = params.read()
    name = parameters.models.named([arguments.model])
    if arguments.folder is None:
        of_pool(parameters, name)
    else:
        of_folder(parameters, name, arguments.folder, arguments.to)


def of_pool(parameters: Params, name: str) -> None:
    """Writes data/predictions/<name>."""
    settings, seed, wanted = parameters.models[name], parameters.seeds[0], parameters.predict
    device = pick(parameters.compute)
    hardware = Hardware(device, half(parameters.compute, device), parameters.compute.compile)
    pool, classes = layout.part("pool"), layout.description()["classes"]
    parameters.check_classes(classes)
    schedule, none = settings.told_by(parameters.schedule), np.empty(0, np.int64)
    job = Job(name, settings, schedule, classes, pool.labels, none, hardware)
    bought = _bought(parameters, name, seed, pool)
    told = np.sort(job.tell(seed, bought).world.told(settings.epochs - 1))
    start, target = layout.seed_folder(layout.ENCODERS / settings.init, seed), layout.PREDICTIONS / name
    stamp = {
        "code": lineage.stamp(lineage.Instance("predict", name), parameters.raw),
        "block": settings.model_dump(),
        "schedule": schedule and schedule.model_dump(),
        "compute": parameters.compute.model_dump(),
        "folds": wanted.folds,
        "bought": bought.tolist(),
    }
    store = shared()
    inputs = [layout.SPLIT / "pool.npz", kept.needed(start)]
    with checkpoint.scratch(f"predict-{name}", checkpoint.key(stamp, inputs), target) as scratch:
        images = Stored(pool.packed, pool.indices, device, half=hardware.half, store=store)
        judged = told if len(told) >= 2 * wanted.folds else none
        folds = folds_of(pool.labels[judged], wanted.folds, seed)
        held_out = out_of_fold(job, seed, start, images, bought, judged, folds, scratch)
        model = _model(parameters, name, classes, store)
        # of the audited images people's labels are the truth, and no model was told them
        audit = layout.part("audit")
        audited = (model(audit.packed, audit.indices), audit.labels) if len(audit.indices) else None
        trust = Trust.measured(held_out, pool.labels[judged], folds, wanted.precision, audited)
        logits = model(pool.packed, pool.indices)
        logits[judged] = held_out
        # what people answered beyond the budget is theirs, too
        known = pool.labels.copy() if parameters.labels.answers else np.full(len(pool.labels), -1)
        known[told] = pool.labels[told]
        names, known = np.concatenate([pool.names, audit.names]), np.concatenate([known, audit.labels])
        if audited:
            logits = np.concatenate([logits, audited[0]])
        indices = np.concatenate([pool.indices, audit.indices])
        found = predictions.table(names.tolist(), known, trust.guesses(logits), classes)
        with whole_folder(target) as folder:
            predictions.write(found, folder / "predictions.csv")
            predictions.write(found, folder / "predictions.parquet")
            about = {"model": name, "seed": seed, "classes": classes, "size": int(pool.packed.shape[1])}
            layout.write_json(folder / "calibration.json", about | {"trust": dataclasses.asdict(trust)})
            page = predictions.page(name, found, trust, classes, lambda rows: pool.packed[indices[rows]], folder)
            (folder / "index.html").write_text(page, encoding="utf-8")
    store.report()
    print("\n".join([f"{name}: {predictions.said(found)}", *trust.lines()]))


def of_folder(parameters: Params, name: str, source: Path, target: Path) -> None:
    """Writes the predictions of a folder's or an archive's images to a file. Raises UserError."""
    import pandas as pd

    if target.suffix not in (".csv", ".parquet"):
        raise UserError(f"--to {target}: give a file that ends in .csv or .parquet")
    if not source.exists():
        raise UserError(f"{source}: no such folder or archive")
    path = layout.PREDICTIONS / name / "calibration.json"
    if not path.exists():
        way = "run `dvc repro`" if name in parameters.predict.models else f"add {name} to predict.models, `dvc repro`"
        raise UserError(f"{path} is missing: nobody knows how far {name} can be trusted; {way}")
    facts = kept.read_json(path, "classes", "size", "trust")
    with kept.intact(path):
        trust, classes, size = Trust(**facts["trust"]), list(facts["classes"]), int(facts["size"])
    store, parts = shared(), []
    model = _model(parameters, name, classes, store)
    for names, packed in pictures.batches(source, size, parameters.data.max_pixels):
        logits = model(packed, np.arange(len(packed)))
        parts.append(predictions.table(names, np.full(len(names), -1), trust.guesses(logits), classes))
    found = pd.concat(parts, ignore_index=True)
    predictions.write(found, target)
    store.report()
    print(f"{target}: {predictions.said(found)}")


def _model(parameters: Params, name: str, classes: list[str], store: Store) -> Logits:
    """The model of the first seed, as a function of packed images and the rows that are meant."""
    device = pick(parameters.compute)
    in_half = half(parameters.compute, device)
    encoder, head = saved.load(layout.seed_folder(layout.MODELS / name, parameters.seeds[0]), len(classes))
    encoder.to(device), head.to(device)
    # an encoder that training moved is asked by this stage alone
    opened = Images if parameters.models[name].moves_encoder else partial(Stored, store=store)

    @torch.inference_mode()
    def logits(packed: np.ndarray, rows: np.ndarray) -> np.ndarray:
        found: np.ndarray = head(opened(packed, rows, device, half=in_half).vectors(encoder)).float().cpu().numpy()
        return found

    return logits


def _bought(parameters: Params, name: str, seed: int, pool: layout.Part) -> np.ndarray:
    """The images whose labels the model was told or could have been, int64 [n]."""
    if parameters.models[name].follows != "rounds":
        path = layout.SELECTION / parameters.labels.strategy / "ranking.npy"
        ranking = kept.array(path, "i", 2)[0]
        return parameters.labels.bought(ranking, pool.labels, len(layout.description()["classes"]))
    path = kept.needed(layout.seed_folder(layout.MODELS / name, seed) / "queries.csv")
    with kept.intact(path), path.open(newline="", encoding="utf-8") as file:
        queried = {unguarded(row["image"]) for row in csv.DictReader(file)}
    asked = np.flatnonzero(np.isin(pool.names, list(queried)))
    return asked[pool.labels[asked] >= 0]


if __name__ == "__main__":
    run(main)

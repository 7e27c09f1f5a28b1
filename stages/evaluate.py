"""python -m stages.evaluate NAME: what a trained model can do, on test and audited images, for each seed.

Reads data/models/NAME, the test and the audited images, and the pool (for k-NN, and to see how sure the model is of
images that nobody chose); writes data/evaluation/NAME/: scores.json, confusion.csv (all seeds together), predicted.npy
(int64 [seeds, test images]) and embedding.npz (of the first seed, for the maps).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import numpy as np
import torch

from stages.base import draws
from stages.base.errors import run
from stages.base.files import whole_folder
from stages.calibration.audit import estimate
from stages.embedding.store import shared
from stages.embedding.stored import Stored
from stages.measures import model, novelty, predictions
from stages.project import kept, layout, params
from stages.training import measure, saved
from stages.training.device import half, pick
from stages.training.images import Images


def main() -> None:
    import pandas as pd

    parameters = params.read()
    name = parameters.models.named(sys.argv[1:])
    settings, wanted = parameters.models[name], parameters.evaluation
    device = pick(parameters.compute)
    classes = layout.description()["classes"]
    parameters.check_classes(classes)
    test, pool, audit = layout.part("test"), layout.part("pool"), layout.part("audit")
    store = shared()
    # an encoder that training moved is another for each seed, and asked for once
    opened = Images if settings.moves_encoder else partial(Stored, store=store)
    in_half = half(parameters.compute, device)
    images, database, audited = (
        opened(part.packed, part.indices, device, half=in_half) for part in (test, pool, audit)
    )
    seeds: list[dict[str, Any]] = []
    guesses: list[np.ndarray] = []
    shown: torch.Tensor | None = None
    for seed in parameters.seeds:
        folder = layout.seed_folder(layout.MODELS / name, seed)
        encoder, head = saved.load(folder, len(classes))
        encoder.to(device), head.to(device)
        history = kept.table(folder / "history.csv", "epoch", "labels_told")
        figures = model.of_history(history)
        predicted = np.empty(0, np.int64)
        if len(images):
            embedding = images.vectors(encoder)
            predicted = measure.classify(head, embedding)
            shown = embedding if shown is None else shown
            reference = database.vectors(encoder)
            figures |= model.of_embedding(
                embedding, test.labels, reference, pool.labels, len(classes), wanted.neighbours, seed
            )
        if len(audited):
            logits, others = (measure.logits(head, part.vectors(encoder)) for part in (audited, database))
            told = kept.array(folder / "told.npy", "i", 1)
            figures |= estimate(logits, np.delete(others, told, axis=0), audit.labels)
        figures["accuracy"] = predictions.accuracy(test.labels, predicted)
        figures["balanced_accuracy"] = predictions.balanced_accuracy(test.labels, predicted)
        figures["macro_f1"] = predictions.macro_f1(test.labels, predicted)
        for subset, ids in wanted.class_ids(classes).items():
            figures[f"accuracy/{subset}"] = predictions.subset_accuracy(test.labels, predicted, ids)
        introduced = kept.read_json(folder / "introduced.json", *classes)
        through = model.by_class(history, classes)
        figures["validation_balanced_accuracy_last"] = model.balanced(through)
        figures |= novelty.summary(through, introduced)
        each = model.of_classes(through, introduced, test.labels, predicted)
        seeds.append({"seed": seed, "scores": figures, "per_class": each})
        guesses.append(predicted)

    store.report()
    unknown = int((test.labels < 0).sum())
    notes = [f"{unknown} test images without a label are left out"] if unknown else []
    if missing := int((audit.labels < 0).sum()):
        notes.append(f"{missing} of {len(audit.labels)} audited images have no label, and are left out")
    if not (test.labels >= 0).any():
        notes.append("no test image has a label: what needs one is left out")
    if all(one["scores"]["validation_accuracy_last"] is None for one in seeds):
        notes.append("no image is held out for validation: there is no accuracy by epoch")
    truth = np.tile(test.labels, len(guesses))
    counts = predictions.confusion(truth, np.concatenate(guesses), len(classes))
    with whole_folder(layout.EVALUATION / name) as folder:
        content = {"model": name, "regime": settings.regime, "seeds": seeds, "notes": notes}
        layout.write_json(folder / "scores.json", content)
        pd.DataFrame(counts, index=classes, columns=classes).to_csv(folder / "confusion.csv", lineterminator="\n")
        np.save(folder / "predicted.npy", np.stack(guesses))
        # a sample, as a folder's images lie class by class
        order = draws.rng(0, "evaluate.shown").permutation(len(test.labels))[: wanted.map_images]
        points = np.empty((0, 2), np.float32) if shown is None else shown.cpu().numpy()
        np.savez(folder / "embedding.npz", embedding=points[order], labels=test.labels[order])
    measured = [one["scores"]["accuracy"] for one in seeds if one["scores"]["accuracy"] is not None]
    print(f"{name}: test accuracy {', '.join(f'{accuracy:.2%}' for accuracy in measured) or 'not measured'}")
    for figures in (one["scores"] for one in seeds):
        if figures.get("audit_accuracy") is not None:
            found, low, high = (figures[f"audit_accuracy{end}"] for end in ("", "_low", "_high"))
            print(f"  estimated from {figures['audit_labels']} audited: {found:.1%} (95 %: {low:.1%} to {high:.1%})")


if __name__ == "__main__":
    run(main)

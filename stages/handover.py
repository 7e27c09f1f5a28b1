"""Hands over what one came for: the labelled set, and a trained model that runs without this project.

`python -m stages.handover MODEL FOLDER [--images copy|link|none]` writes the folder: labels.csv and labels.parquet, the
images by part and class, model.onnx with model.json and predict.py, and README.md, a card of it all. It takes what
`predict` says of the pool, and the model of the first seed.
A tool, no part of the pipeline: it writes nothing that DVC keeps.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.base.git import git
from stages.calibration.trust import Trust
from stages.delivery import SCRIPT, labelled, network
from stages.delivery.card import Origin, card
from stages.project import kept, layout, params
from stages.project.originals import files
from stages.project.params import Params
from stages.training import saved

if TYPE_CHECKING:
    import pandas

TRIED = 16  # images on which the file is held against the model
_PACKAGES = ("torch", "onnx", "onnxruntime", "numpy", "pillow")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.handover", description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="MODEL", help="one of predict.models")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what to write; it must not be there")
    parser.add_argument("--images", choices=("copy", "link", "none"), default="copy", help="the files of the images")
    arguments = parser.parse_args()
    parameters = params.read()
    hand_over(parameters, parameters.models.named([arguments.model]), arguments.folder, arguments.images)


def hand_over(parameters: Params, name: str, folder: Path, images: str) -> None:
    """Writes the folder whole. Raises UserError for one that is there, a model that predicted nothing yet or something
    else, and for links to data that are no folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder}: it is there already; give a new folder")
    predicted = _predicted(parameters, name)
    data, source, given = files(parameters.data.max_pixels)
    if images == "link" and not (given and source and Path(source).is_dir()):
        raise UserError(f"--images link: {data} is no folder, to whose files links could be made; take copy")
    scores = kept.read_json(layout.EVALUATION / name / "scores.json", "seeds")["seeds"]
    pool, audit = layout.part("pool"), layout.part("audit")
    names, rows = _images(pool, audit)
    if predicted.table["image"].tolist() != names:
        raise UserError(f"{predicted.folder}: of other images than there are now; run `dvc repro predict@{name}`")
    found = labelled.table(predicted.table, np.arange(len(names)) >= len(pool.names), drawn=given is None)
    lines = []
    with whole_folder(folder.resolve()) as room:
        origin = _model(room, parameters, name, predicted, pool, data)
        if images != "none":
            packed = {image: pool.packed[rows[image]] for image in found["image"]}
            linked = Path(source) if images == "link" and source else None
            found, drawn = labelled.write(room, found, packed, given(packed) if given else (), linked)
            if given and drawn:
                lines.append(f"{len(drawn):,} of them ({drawn[0]} ...) as PNG of {predicted.size} px: {_GONE}")
        else:
            found = found.drop(columns="file_name")
        labelled.write_tables(room, found)
        text = card(origin, found, predicted.classes, len(names), scores[0]["scores"], predicted.trust)
        (room / "README.md").write_text(text, encoding="utf-8")
    counts = ", ".join(f"{count:,} {part}" for part, count in labelled.counts(found).items())
    print("\n".join([f"{folder}: {len(found):,} of {len(names):,} images have a class ({counts})", *lines]))


_GONE = "their files are not in data.source now, can't be read, or changed since the download"


@dataclass(frozen=True)
class Predicted:
    """What `predict` wrote."""

    folder: Path
    seed: int
    classes: list[str]
    size: int
    trust: Trust
    table: pandas.DataFrame


def _predicted(parameters: Params, name: str) -> Predicted:
    import pandas as pd

    folder, way = layout.PREDICTIONS / name, f"run `dvc repro predict@{name}`"
    if not folder.exists():
        way = way if name in parameters.predict.models else f"add {name} to predict.models, and {way}"
        raise UserError(f"{folder} is missing: {name} has predicted nothing yet; {way}")
    facts = kept.read_json(folder / "calibration.json", "seed", "classes", "size", "trust")
    table = kept.needed(folder / "predictions.parquet")
    with kept.intact(table):
        found = pd.read_parquet(table)
    with kept.intact(folder / "calibration.json"):
        trust = Trust(**facts["trust"])
        return Predicted(folder, int(facts["seed"]), list(facts["classes"]), int(facts["size"]), trust, found)


def _images(pool: layout.Part, audit: layout.Part) -> tuple[list[str], dict[str, int]]:
    """The names of all images that are predicted, and of each its row among those packed."""
    names = [*pool.names.tolist(), *audit.names.tolist()]
    return names, dict(zip(names, [*pool.indices.tolist(), *audit.indices.tolist()], strict=True))


def _model(room: Path, parameters: Params, name: str, predicted: Predicted, pool: layout.Part, data: str) -> Origin:
    """Writes the network, held against the model on images of the pool, and what goes with it."""
    encoder, head = saved.load(layout.seed_folder(layout.MODELS / name, predicted.seed), len(predicted.classes))
    classifier = network.Classifier(encoder, head, predicted.trust.temperature)
    network.write(classifier, predicted.size, {"classes": json.dumps(predicted.classes)}, room / "model.onnx")
    apart = network.furthest(room / "model.onnx", classifier, pool.images(slice(TRIED)))
    if apart > network.SAME:
        raise UserError(f"{name}: its probabilities by ONNX are {apart:.2g} off; take a model with another encoder")
    about = {"model": name, "size": predicted.size, "classes": predicted.classes}
    layout.write_json(
        room / "model.json", about | {"accept_from": predicted.trust.least, "temperature": predicted.trust.temperature}
    )
    shutil.copyfile(SCRIPT, room / "predict.py")
    labels, versions = parameters.labels, {package: version(package) for package in _PACKAGES}
    regime = parameters.models[name].regime
    return Origin(
        name, predicted.seed, data, regime, encoder.name, labels.strategy, str(labels.budget), _commit(), versions
    )


def _commit() -> str | None:
    """The commit at work here, marked where files that git keeps differ from it."""
    found = git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    return found.strip() if found else None


if __name__ == "__main__":
    run(main)

"""Hands the images to people that a finished selection chose, or a model asks about, and nobody has labelled yet.

`python -m stages.export STRATEGY FOLDER [--model M] [--images PREFIX] [--seed N]` writes the folder: a contact sheet, a
page and a table to label in, and Label Studio's tasks.
A tool, no part of the pipeline: it writes nothing that DVC keeps, so that a change here runs no stage again.
"""

from __future__ import annotations

import argparse
import csv
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from stages import handout
from stages.base import families
from stages.base.errors import UserError, run
from stages.handout import Origin
from stages.handout.trained import Trained
from stages.project import layout, params
from stages.project.params import Params
from stages.training import saved
from stages.training.device import half, pick

MOST = 2000  # images at once: a page that a browser still scrolls, and more than people label before the next choice
SIDE = 384  # px, the longer side of what people see
FULL = 1200  # images at that side; of more the pictures are smaller, so that a page of photos stays near 47 MB


def main() -> None:
    arguments = parser().parse_args()
    parameters = params.read()
    name = parameters.strategies.named([arguments.strategy])
    export(parameters, name, arguments.folder, arguments.seed, arguments.model, arguments.images)


def export(
    parameters: Params, strategy: str, folder: Path, seed: int | None, model: str | None, prefix: str | None
) -> None:
    """Writes the folder: of the ranking of one seed (null: the first) what nobody has labelled, as far as labels.budget
    goes. model: null, or whose guesses go with it, and which chooses in place of the ranking if its acquisition is
    another; prefix: as handout.write wants it.

    Raises UserError for a selection or model that is missing or out of date, and for a folder that must not be
    replaced.
    """
    handout.check(folder)
    seed = parameters.seeds[0] if seed is None else seed
    pool, classes = layout.part("pool"), layout.description()["classes"]
    names = np.load(layout.needed(layout.RAW / "train" / "names.npy"))[pool.indices].tolist()
    budget = parameters.labels.count(len(names), len(classes))
    rows, clusters, ranking = _chosen(strategy, seed, budget, len(names))
    labelled, left = _seen(parameters.labels.answers, names, pool.labels)
    if len(labelled) >= budget:
        more = f"raise it, to {2 * len(labelled)} say, run `dvc repro select@{strategy}`, and export again"
        raise UserError(
            f"labels.budget={parameters.labels.budget}: {len(labelled)} images have a label already; {more}"
        )
    done = labelled | left
    ranked = np.array([place for place in ranking if names[place] not in done], dtype=np.int64)
    if not len(ranked):
        counts = f"{len(labelled)} of {len(names)} have a label, {len(left)} were left without one"
        raise UserError(f"labels.budget={parameters.labels.budget}: no image to ask about: {counts}")
    wanted = min(budget - len(labelled), len(ranked))
    count = min(wanted, MOST)
    places = {image: place for place, image in enumerate(names)}
    cluster_of = dict(zip(names, clusters.tolist(), strict=True))
    trained = None if model is None else _trained(parameters, model, seed, classes)
    if trained is not None and trained.asks:
        known = np.array(sorted(places[image] for image in labelled), dtype=np.int64)
        rows = _wanted(trained, pool, names, ranked, known, count, seed)
    else:
        # in place of what was left without a label, others from further down
        ranks = range(len(rows) + 1, len(names) + 1)
        further = [{"image": names[ranking[rank - 1]], "rank": str(rank)} for rank in ranks]
        rows = [*handout.beside(rows, cluster_of, labelled), *further]
    tasks = handout.arrange(rows, cluster_of, done, count)
    packed = pool.packed[pool.indices[[places[one.image] for one in tasks]]]
    if trained is not None:
        tasks = trained.guess(tasks, packed, classes)
    facts = layout.read_json(layout.RAW / "description.json")
    data = Path(facts["source"]).name if facts["name"] == "folder" else facts["name"]
    origin = Origin(data, strategy, seed, classes, model, trained.asks if trained else None)
    pictures, lacking = _pictures(facts, [one.image for one in tasks], packed)
    handout.write(folder, handout.Handout(origin, tasks, pictures), prefix)
    rest = f" (of {wanted:,}; export again when they are labelled)" if wanted > MOST else ""
    again = f" {len(left):,} images that were left without a label are not among them." if left else ""
    print(
        f"{folder}: {len(tasks):,} images{rest}.{again} Label them in index.html, in labels.csv, or in Label Studio "
        "(tasks.json, config.xml); then set labels.file"
    )
    if lacking:
        print(lacking)


def _chosen(strategy: str, seed: int, budget: int, images: int) -> tuple[list[dict[str, str]], np.ndarray, np.ndarray]:
    """The lines of chosen.csv of that seed, and of the pool the cluster of each image and the ranking, int64
    [images]."""
    folder, again = layout.SELECTION / strategy, f"run `dvc repro select@{strategy}`"
    if not (folder / "quality.json").exists():
        raise UserError(f"{folder} is missing; {again}")
    quality = layout.read_json(folder / "quality.json")
    seeds = [one["seed"] for one in quality["seeds"]]
    if seed not in seeds:
        raise UserError(f"seed {seed}: {folder} was made with seeds {seeds}; give one of them by --seed, or {again}")
    clusters, ranking = (np.load(folder / f"{name}.npy")[seeds.index(seed)] for name in ("clusters", "ranking"))
    if (quality["budget"], len(clusters)) != (budget, images):
        made = f"{quality['budget']} of {len(clusters)} images"
        raise UserError(f"{folder}: chose {made}, where it should now be {budget} of {images}; {again}")
    with (folder / "chosen.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["seed"] == str(seed)], clusters, ranking


def _seen(answers: Path | None, names: list[str], labels: np.ndarray) -> tuple[set[str], set[str]]:
    """The images of the pool that need no label, and those that people left without one. Where the data set has a label
    for each, none of these counts: it is a rehearsal."""
    labelled, left = handout.seen(answers, names)
    if (labels < 0).any():
        labelled |= {names[place] for place in np.flatnonzero(labels >= 0)}
    return labelled, left - labelled


def _pictures(facts: dict[str, Any], names: list[str], packed: np.ndarray) -> tuple[list[handout.Picture], str | None]:
    """What people see: the originals, whole; where one is not at hand, what was packed of it, uint8 [n, S, S, 3], and a
    line that says so."""
    found: dict[str, handout.Picture] = {}
    side = round(SIDE * min(1, FULL / len(names)) ** 0.5)
    seen, why = "picture", f"data.name={facts['name']} has no other"
    originals = getattr(families.load("datasets", facts["name"]), "originals", None)
    if originals is not None:
        seen, why = "crop", "not in data.source now, not to be read, or changed since the download"
        try:
            for name, pixels in originals(facts["source"], dict(zip(names, packed, strict=True)), side):
                if pixels is not None:
                    found[name] = handout.picture(pixels)
        except UserError as error:
            why = str(error)
    lacking = [name for name in names if name not in found]
    pictures = [found.get(name) or handout.picture(pixels) for name, pixels in zip(names, packed, strict=True)]
    if not lacking:
        return pictures, None
    which = f"{len(lacking):,} of {len(names):,} images ({lacking[0]} ...)" if found else "each image"
    return pictures, f"People see the {packed.shape[1]} px {seen} of {which} that the network sees: {why}"


def _wanted(
    trained: Trained,
    pool: layout.Part,
    names: list[str],
    ranked: np.ndarray,
    known: np.ndarray,
    count: int,
    seed: int,
) -> list[dict[str, str]]:
    """Lines as of chosen.csv, of the images that the model asks about, with its score."""
    found, scores = trained.wanted(pool.packed, pool.indices, ranked, known, count, seed)
    rows = [{"image": names[place], "rank": str(rank)} for rank, place in enumerate(found, 1)]
    if scores is None:
        return rows
    return [row | {str(trained.asks): f"{score:.6g}"} for row, score in zip(rows, scores, strict=True)]


def _trained(parameters: Params, model: str, seed: int, classes: list[str]) -> Trained:
    settings = parameters.models[model]
    folder, again = layout.seed_folder(layout.MODELS / model, seed), f"run `dvc repro train@{model}`"
    if not folder.exists():
        raise UserError(f"--model {model}: {folder} is missing; {again}")
    encoder, head = saved.load(folder)
    if list(layout.read_json(folder / "introduced.json")) != classes:
        raise UserError(f"--model {model}: it was trained for other classes than the data have now; {again}")
    device = pick(parameters.compute)
    return Trained(encoder, head, settings.acquisition, device, half(parameters.compute, device))


def refuse_options(arguments: Sequence[str]) -> NoReturn:
    """Answers the options by which `stages.select` once handed out images: UserError with today's command."""
    parser = argparse.ArgumentParser(prog="python -m stages.select", description="Ranks the pool by one strategy.")
    parser.add_argument("strategy", help="the name of a strategy in params.yaml")
    options = ("model", "images", "seed")
    for option in ("export", *options):
        parser.add_argument(f"--{option}", help=argparse.SUPPRESS)
    old = parser.parse_args(arguments)
    if old.export is None:
        parser.error("--model, --images and --seed are options of python -m stages.export")
    rest = [word for option in options if (value := getattr(old, option)) for word in (f"--{option}", value)]
    command = shlex.join(["python", "-m", "stages.export", old.strategy, old.export, *rest])
    raise UserError(f"stages.select --export is now: {command}")


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.export", description="Hands out what a selection chose.")
    parser.add_argument("strategy", metavar="STRATEGY", help="the name of a strategy in params.yaml")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="what to write; it must hold no labels")
    parser.add_argument("--seed", type=int, help="whose choice (default: the first of seeds)")
    parser.add_argument(
        "--model", metavar="NAME", help="a trained model, whose guesses go with the images, or which chooses them"
    )
    parser.add_argument("--images", metavar="PREFIX", help="Label Studio finds an image by PREFIX and its path")
    return parser


if __name__ == "__main__":
    run(main)

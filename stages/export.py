"""Hands the images to people that a finished selection chose, or a model asks about, and nobody has labelled yet.

`python -m stages.export STRATEGY FOLDER [--model M] [--images PREFIX] [--seed N]` writes the folder: a contact sheet, a
page and a table to label in, and Label Studio's tasks. With a model go its guesses and, if it asks, the score of its
acquisition under that name (margin: p1 - p2, small: unsure). With `--push URL` it becomes a project of a Label Studio
server.
A tool, no part of the pipeline: it writes nothing that DVC keeps, so that a change here runs no stage again.
"""

from __future__ import annotations

import argparse
import csv
import shlex
from functools import partial
from pathlib import Path

from stages import answers, handout
from stages.answers.server import Server
from stages.base.cells import unguarded
from stages.base.errors import UserError, run
from stages.embedding.store import shared
from stages.embedding.stored import Stored
from stages.handout import Handout, Origin, batch
from stages.handout.batch import Answered, Choice, Pool
from stages.handout.push import push
from stages.handout.trained import Trained
from stages.project import kept, layout, params
from stages.project.originals import originals
from stages.project.params import Params
from stages.training import saved
from stages.training.device import half, pick
from stages.training.images import Images

MOST = 2000  # images at once: a page that a browser still scrolls, and more than people label before the next choice


def main() -> None:
    arguments = parser().parse_args()
    parameters = params.read()
    strategy = parameters.strategies.named([arguments.strategy])
    # before the work: its address or token may be wrong
    server = Server(arguments.push) if arguments.push else None
    export(parameters, strategy, arguments.folder, seed=arguments.seed, model=arguments.model, prefix=arguments.images)
    if server:
        project, new = push(server, arguments.folder)
        print(f"{server.url}/projects/{project}: {new:,} tasks are new. To fetch what is labelled:")
        print(shlex.join(["python", "-m", "stages.pull", server.url, str(project), str(arguments.folder)]))


def export(
    parameters: Params,
    strategy: str,
    folder: Path,
    *,
    seed: int | None = None,
    model: str | None = None,
    prefix: str | None = None,
) -> None:
    """Writes the folder: of the ranking of one seed (null: the first) what nobody has labelled, as far as labels.budget
    goes. model: null, or whose guesses go with it, and which chooses in place of the ranking if its acquisition is
    another; prefix: as handout.write wants it.

    Raises UserError for a selection or model that is missing or out of date, and for a folder that must not be
    replaced.
    """
    handout.check(folder)
    seed = parameters.seeds[0] if seed is None else seed
    pool, audit = _images("pool"), _images("audit")
    classes, path = layout.description()["classes"], parameters.labels.answers
    budget = parameters.labels.count(len(pool.names), len(classes))
    choice = _choice(strategy, seed, budget, len(pool.names))
    returned = answers.read_all(path) if path else answers.Returned([], [])
    done = batch.answered(returned.answers, pool)
    judging = batch.unjudged(audit, batch.answered(returned.answers, audit))
    # with images to audit alone there is something to hand out
    wanted = 0
    if not len(judging) or (len(done.labelled) < budget and len(batch.unanswered(pool, choice, done))):
        wanted = min(_left(parameters, strategy, budget, done), _open(parameters, pool, choice, done))
    trained = None if model is None else _trained(parameters, model, seed, classes)
    data, read = originals(parameters.data.max_pixels)
    origin = Origin(data, strategy, seed, classes, model, trained.asks if trained else None)
    handed = batch.hand_out(origin, pool, choice, done, min(wanted, MOST), trained, read, (audit, judging))
    handout.write(folder, handed, prefix)
    print("\n".join([_said(folder, handed, wanted, done), *returned.notes]))


def _images(name: str) -> Pool:
    part = layout.part(name)
    return Pool(part.names.tolist(), part.packed, part.indices, part.labels, part.first)


def _choice(strategy: str, seed: int, budget: int, pool_size: int) -> Choice:
    """What the selection chose by that seed. Raises UserError for one of another seed, budget or pool."""
    folder, again = layout.SELECTION / strategy, f"run `dvc repro select@{strategy}`"
    if not (folder / "quality.json").exists():
        raise UserError(f"{folder} is missing; {again}")
    quality = kept.read_json(folder / "quality.json", "budget", "seeds")
    with kept.intact(folder / "quality.json"):
        seeds = [one["seed"] for one in quality["seeds"]]
    if seed not in seeds:
        raise UserError(f"seed {seed}: {folder} was made with seeds {seeds}; give one of them by --seed, or {again}")
    clusters, ranking = (
        kept.array(folder / f"{name}.npy", "i", 2)[seeds.index(seed)] for name in ("clusters", "ranking")
    )
    if (quality["budget"], len(clusters)) != (budget, pool_size):
        made = f"{quality['budget']} of {len(clusters)} images"
        raise UserError(f"{folder}: chose {made}, where it should now be {budget} of {pool_size}; {again}")
    chosen = kept.needed(folder / "chosen.csv")
    with kept.intact(chosen), chosen.open(newline="", encoding="utf-8") as file:
        lines = [row for row in csv.DictReader(file) if row["seed"] == str(seed)]
    rows = [row | {"image": unguarded(row["image"])} for row in lines]
    return Choice(rows, clusters, ranking)


def _left(parameters: Params, strategy: str, budget: int, done: Answered) -> int:
    """How many labels the budget still buys. Raises UserError where it is spent."""
    labelled = len(done.labelled)
    if labelled >= budget:
        more = f"raise it, to {2 * labelled} say, run `dvc repro select@{strategy}`, and export again"
        raise UserError(f"labels.budget={parameters.labels.budget}: {labelled} images have a label already; {more}")
    return budget - labelled


def _open(parameters: Params, pool: Pool, choice: Choice, done: Answered) -> int:
    """How many images are without an answer. Raises UserError where none is."""
    images = len(batch.unanswered(pool, choice, done))
    if not images:
        counts = f"{len(done.labelled)} of {len(pool.names)} have a label, {len(done.skipped)} were left without one"
        raise UserError(f"labels.budget={parameters.labels.budget}: no image to ask about: {counts}")
    return images


def _trained(parameters: Params, model: str, seed: int, classes: list[str]) -> Trained:
    """The model of that seed. Raises UserError for one that is missing or was trained for other classes."""
    settings = parameters.models[model]
    folder, again = layout.seed_folder(layout.MODELS / model, seed), f"run `dvc repro train@{model}`"
    if not folder.exists():
        raise UserError(f"--model {model}: {folder} is missing; {again}")
    encoder, head = saved.load(folder)
    if list(kept.read_json(folder / "introduced.json")) != classes:
        raise UserError(f"--model {model}: it was trained for other classes than the data have now; {again}")
    device = pick(parameters.compute)
    kind = Images if settings.moves_encoder else partial(Stored, store=shared())
    opened = partial(kind, device=device, half=half(parameters.compute, device))
    return Trained(encoder, head, settings.acquisition, device, opened)


def _said(folder: Path, handed: Handout, wanted: int, done: Answered) -> str:
    rest = f" (of {wanted:,}; export again when they are labelled)" if wanted > MOST else ""
    skipped = (
        f" {len(done.skipped):,} images that were left without a label are not among them." if done.skipped else ""
    )
    said = (
        f"{folder}: {len(handed.tasks):,} images{rest}.{skipped} Label them in index.html, in labels.csv, or in Label "
        "Studio (tasks.json, config.xml); then set labels.file"
    )
    return f"{said}\n{handed.note}" if handed.note else said


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
    parser.add_argument("--push", metavar="URL", help="a Label Studio server, to make a project there")
    return parser


if __name__ == "__main__":
    run(main)

"""Compares all models, strategies and extractors of the parameters, or one figure across revisions.

`python -m stages.compare` reads data/evaluation, the histories in data/models, and the qualities in data/selection and
data/features; writes metrics/ (metrics.json, compare.csv, compare.md) and plots/ (PNG, history.csv, index.html).
`python -m stages.compare --revisions main other [--metric accuracy] [--csv FILE]` prints a model x revision table with
the differences to the first; a revision is a branch, tag, commit, DVC experiment, or "workspace".
`python -m stages.compare --pairs MODEL [--metric accuracy] [--csv FILE]` prints the differences of all models to that
one, in pairs over seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import comparison, drawing, layout, pairs, report, revisions
from stages.errors import UserError, run
from stages.files import whole_file

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Names:
    """What is compared: the names come from the parameters, so that a stale folder changes nothing."""

    data: str
    seeds: Sequence[int]
    models: Sequence[str]
    strategies: Sequence[str]
    extractors: Sequence[str]


def main() -> None:
    arguments = _arguments()
    if arguments.revisions:
        across(arguments.revisions, arguments.metric, arguments.csv)
        return
    from stages import params

    parameters = params.read()
    if arguments.pairs:
        in_pairs(list(parameters.models), parameters.seeds, arguments.pairs, arguments.metric, arguments.csv)
        return
    names = Names(
        parameters.data.name,
        parameters.seeds,
        list(parameters.models),
        list(parameters.strategies),
        list(parameters.extractors),
    )
    compare(names, umap=parameters.evaluation.umap)


def compare(names: Names, *, umap: bool) -> None:
    """Reads every result named, and writes metrics/ and plots/. Raises UserError for a result that is missing."""
    results = gather(names)
    table = comparison.summary(results.scores)
    with whole_file(layout.METRICS / "metrics.json") as path:
        layout.write_json(path, comparison.nested(table))
    with whole_file(layout.METRICS / "compare.csv") as path:
        comparison.wide(table).to_csv(path, index=False, lineterminator="\n")
    with whole_file(layout.PLOTS / "history.csv") as path:
        results.curves.to_csv(path, index=False, lineterminator="\n")
    text = report.text(results)
    with whole_file(layout.METRICS / "compare.md") as path:
        path.write_text(text, encoding="utf-8")
    pictures = drawing.draw(results, layout.PLOTS, umap=umap)
    with whole_file(layout.PLOTS / "index.html") as path:
        path.write_text(report.page(results, pictures), encoding="utf-8")
    print(f"{text}\nThe page with the pictures: {layout.PLOTS / 'index.html'}")


def gather(names: Names) -> comparison.Results:
    """Everything that is compared, from the files that the stages before this one wrote."""
    evaluations = _results(layout.EVALUATION, "scores.json", names.models, names.seeds)
    qualities = _results(layout.SELECTION, "quality.json", names.strategies, names.seeds)
    extractors = {name: _extractor(name) for name in names.extractors}
    notes = [
        f"{name}: {note}"
        for one in (evaluations, qualities, extractors)
        for name, found in one.items()
        for note in found.get("notes", [])
    ]
    return comparison.Results(
        data=names.data,
        seeds=list(names.seeds),
        classes=list(layout.description()["classes"]),
        scores={name: [seed["scores"] for seed in one["seeds"]] for name, one in evaluations.items()},
        per_class={name: [seed["per_class"] for seed in one["seeds"]] for name, one in evaluations.items()},
        curves=comparison.curves({(name, seed): _history(name, seed) for name in names.models for seed in names.seeds}),
        confusions={name: _confusion(name) for name in names.models},
        embeddings={name: _embedding(name) for name in names.models},
        strategies={name: one["seeds"] for name, one in qualities.items()},
        extractors={name: [one] for name, one in extractors.items()},
        read_off={
            name: layout.read_json(path)
            for name in names.strategies
            if (path := layout.SELECTION / name / "curve.json").exists()
        },
        notes=list(dict.fromkeys(notes)),
    )


def across(names: Sequence[str], metric: str, csv: Path | None) -> None:
    """Prints one figure of all models at the revisions, in Markdown, and writes it to a CSV file."""
    names = list(dict.fromkeys(names))
    lines = revisions.table({name: revisions.read(name, layout.METRICS / "metrics.json") for name in names}, metric)
    _give_out(revisions.written(lines, metric), lines, csv)


def in_pairs(models: Sequence[str], seeds: Sequence[int], base: str, metric: str, csv: Path | None) -> None:
    """Prints what each model has more of a figure than the model `base`, over seeds, and writes it to a CSV file."""
    evaluations = _results(layout.EVALUATION, "scores.json", models, seeds)
    scores = {name: [seed["scores"] for seed in one["seeds"]] for name, one in evaluations.items()}
    rows = pairs.differences(scores, base, metric)
    _give_out(pairs.written(rows, base, metric), rows, csv)


def _give_out(shown: list[list[str]], rows: list[dict[str, Any]], csv: Path | None) -> None:
    """Prints a table for people, in Markdown, and writes its rows to a CSV file if one is named."""
    print(comparison.markdown(shown))
    if csv:
        with whole_file(csv) as path:
            layout.write_table(path, rows)


def _results(folder: Path, file: str, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """That file of each instance, which must be of these seeds."""
    found = {name: layout.read_json(folder / name / file) for name in names}
    for name, one in found.items():
        _same_seeds(one, seeds, folder / name / file)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description="Compares models, or revisions.")
    parser.add_argument("--revisions", nargs="+", metavar="REVISION", help="branches, tags, experiments, workspace")
    parser.add_argument("--pairs", metavar="MODEL", help="the model to hold all others against, seed by seed")
    parser.add_argument("--metric", default="accuracy", help="the figure to compare (default: accuracy)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table there")
    arguments = parser.parse_args()
    if arguments.revisions and arguments.pairs:
        parser.error("--revisions and --pairs don't go together")
    if not (arguments.revisions or arguments.pairs) and (arguments.csv or arguments.metric != "accuracy"):
        parser.error("--metric and --csv go with --revisions or --pairs")
    return arguments


def _same_seeds(found: dict[str, Any], wanted: Sequence[int], path: Path) -> None:
    seeds = [one["seed"] for one in found["seeds"]]
    if seeds != list(wanted):
        raise UserError(f"{path}: made with seeds {seeds}, params.yaml has {list(wanted)}; run `dvc repro`")


def _history(model: str, seed: int) -> pandas.DataFrame:
    import pandas as pd

    return pd.read_csv(layout.needed(layout.seed_folder(layout.MODELS / model, seed) / "history.csv"))


def _confusion(model: str) -> np.ndarray:
    import pandas as pd

    return pd.read_csv(layout.needed(layout.EVALUATION / model / "confusion.csv"), index_col=0).to_numpy()


def _embedding(model: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(layout.needed(layout.EVALUATION / model / "embedding.npz")) as arrays:
        return arrays["embedding"], arrays["labels"]


def _extractor(name: str) -> dict[str, Any]:
    """The quality and, kept apart from it since it differs between runs, the speed."""
    quality: dict[str, Any] = layout.read_json(layout.FEATURES / name / "quality.json")
    return {**quality, **layout.read_json(layout.FEATURES / name / "speed.json")}


if __name__ == "__main__":
    run(main)

"""Compares all models, strategies and extractors of the parameters, or one figure across revisions.

`python -m stages.compare` reads data/evaluation, the histories in data/models, and the qualities in data/selection and
data/features; writes metrics/ (metrics.json, compare.csv, selection.csv, compare.md) and plots/ (PNG, history.csv,
index.html).
`python -m stages.compare --revisions main other [--metric accuracy] [--csv FILE]` prints a model x revision table with
the differences to the first; a revision is a branch, tag, commit, DVC experiment, or "workspace".
`python -m stages.compare --pairs MODEL [--metric accuracy] [--csv FILE]` prints the differences of all models to that
one, in pairs over seeds.
`python -m stages.compare --advice [MODEL ...] [--revisions ...] [--metric accuracy] [--csv FILE]` prints how many more
labels the next points of accuracy would take: by the rounds of a training, or by revisions of different budgets.
`python -m stages.compare --table features [--csv FILE]` (or `selection`) prints that table alone, of what is there: it
needs no model.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages import advice, budgets, comparison, drawing, layout, pairs, report, revisions, tenants
from stages.errors import UserError, run
from stages.files import whole_file
from stages.forecast import Points

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
    metric = arguments.metric or "accuracy"
    if arguments.revisions and arguments.advice is not None:
        advise_across(arguments.advice, arguments.revisions, metric, arguments.csv)
        return
    if arguments.revisions:
        across(arguments.revisions, metric, arguments.csv)
        return
    from stages import params

    parameters = params.read()
    if arguments.pairs:
        in_pairs(list(parameters.models), parameters.seeds, arguments.pairs, metric, arguments.csv)
        return
    if arguments.advice is not None:
        advise(list(parameters.models), parameters.seeds, arguments.advice, arguments.csv)
        return
    if arguments.table:
        blocks = parameters.extractors if arguments.table == "features" else parameters.strategies
        one_table(arguments.table, list(blocks), parameters.seeds, arguments.csv)
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
        comparison.wide(table, "model").to_csv(path, index=False, lineterminator="\n")
    with whole_file(layout.METRICS / "selection.csv") as path:
        strategies = comparison.wide(comparison.summary(results.strategies), "strategy")
        strategies.to_csv(path, index=False, lineterminator="\n")
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
    histories = {(name, seed): _history(name, seed) for name in names.models for seed in names.seeds}
    description = layout.description()
    notes = [note for one in (evaluations, qualities, extractors) for note in _notes(one)]
    return comparison.Results(
        data=names.data,
        seeds=list(names.seeds),
        classes=list(description["classes"]),
        scores={name: [seed["scores"] for seed in one["seeds"]] for name, one in evaluations.items()},
        per_class={name: [seed["per_class"] for seed in one["seeds"]] for name, one in evaluations.items()},
        curves=comparison.curves(histories),
        confusions={name: _confusion(name) for name in names.models},
        embeddings={name: _embedding(name) for name in names.models},
        strategies=_figures(qualities),
        extractors={name: [one] for name, one in extractors.items()},
        read_off={
            name: layout.read_json(path)
            for name in names.strategies
            if (path := layout.SELECTION / name / "curve.json").exists()
        },
        counts=description["counts"],
        forecasts=advice.forecasts(budgets.by_round(histories)),
        notes=notes,
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


def advise(models: Sequence[str], seeds: Sequence[int], wanted: Sequence[str], csv: Path | None) -> None:
    """Prints the labels to add for more validation accuracy, by the rounds of the models wanted (none: of all that
    have rounds), and writes them to a CSV file."""
    for name in wanted:
        if name not in models:
            raise UserError(f"--advice {name}: no model of params.yaml; {tenants.choices(name, models)}")
    histories = {(name, seed): _history(name, seed) for name in wanted or models for seed in seeds}
    _advise("Validation accuracy after each round.", budgets.by_round(histories), wanted, csv)


def advise_across(wanted: Sequence[str], names: Sequence[str], metric: str, csv: Path | None) -> None:
    """Prints the labels to add for more of an accuracy, by revisions whose budgets differ, and nothing else should;
    and writes them to a CSV file."""
    names = list(dict.fromkeys(names))
    metrics = {name: revisions.read(name, layout.METRICS / "metrics.json") for name in names}
    revisions.check(metrics, metric)
    if not comparison.is_share(metric) or metric.endswith("_std"):
        raise UserError(f"--metric {metric}: advice is on accuracies and macro_f1; name one of them")
    points = budgets.by_revision(metrics.values(), metric)
    for name in wanted:
        if name not in points:
            raise UserError(f"--advice {name}: no revision has its {metric}; {tenants.choices(name, points)}")
    _advise(f"{metric} at {', '.join(names)}.", points, wanted, csv)


def _advise(of: str, points: Mapping[str, Points], wanted: Sequence[str], csv: Path | None) -> None:
    names = list(wanted or points)
    found = advice.forecasts({name: points[name] for name in names if name in points})
    refused = {name: advice.refusal(name, points.get(name)) for name in names if name not in found}
    if not found:
        raise UserError(next(iter(refused.values()), advice.refusal("--advice", None)))
    lines = [refused[name] if name in refused else advice.sentence(name, found[name]) for name in names]
    print("\n".join([of, advice.MEANING, "", *lines, ""]))
    _give_out(advice.written(found), advice.rows(found), csv)


def one_table(kind: str, names: Sequence[str], seeds: Sequence[int], csv: Path | None) -> None:
    """Prints the table "features" or "selection", of those named that are there; writes its figures to a CSV file."""
    folder = layout.FEATURES if kind == "features" else layout.SELECTION
    there = [name for name in names if (folder / name / "quality.json").exists()] or names[:1]  # which is refused
    figures: dict[str, list[dict[str, Any]]]
    if kind == "features":
        figures = {name: [_extractor(name)] for name in there}
    else:
        figures = _figures(_results(folder, "quality.json", there, seeds))
    table = comparison.summary(figures)
    wide = comparison.wide(table, "extractor" if kind == "features" else "strategy")
    rows = [{str(key): value for key, value in row.items()} for row in wide.to_dict("records")]
    _give_out(report.part(kind, table), rows, csv)
    if missing := [name for name in names if name not in there]:
        print(f"\nNot there yet: {', '.join(missing)}")


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


def _figures(qualities: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Of each strategy its figures, a dictionary for each seed."""
    return {
        name: [{figure: value for figure, value in seed.items() if figure != "seed"} for seed in one["seeds"]]
        for name, one in qualities.items()
    }


def _notes(results: dict[str, Any]) -> list[str]:
    """What the results of one kind say, each thing once, with the names of those that say it."""
    names: dict[str, list[str]] = {}
    for name, found in results.items():
        for note in found.get("notes", []):
            names.setdefault(note, []).append(name)
    return [f"{', '.join(several)}: {note}" for note, several in names.items()]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description="Compares models, or revisions.")
    parser.add_argument("--revisions", nargs="+", metavar="REVISION", help="branches, tags, experiments, workspace")
    parser.add_argument("--advice", nargs="*", metavar="MODEL", help="how many labels more accuracy would take")
    parser.add_argument("--pairs", metavar="MODEL", help="the model to hold all others against, seed by seed")
    parser.add_argument("--table", choices=["features", "selection"], help="this table alone, of what is there")
    parser.add_argument("--metric", help="the figure to compare (default: accuracy)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table there")
    arguments = parser.parse_args()
    asked = (bool(arguments.revisions) or arguments.advice is not None, bool(arguments.pairs), bool(arguments.table))
    if sum(asked) > 1:
        parser.error("--revisions and --advice, --pairs, --table: one at a time")
    if arguments.metric and not (arguments.revisions or arguments.pairs):
        parser.error("--metric goes with --revisions or --pairs; of rounds only the validation accuracy is known")
    if arguments.csv and not any(asked):
        parser.error("--csv goes with --revisions, --advice, --pairs or --table")
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

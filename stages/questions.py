"""What `python -m stages.compare` answers on demand: tables of revisions, of pairs, of advice, or one table alone.

A tool, no part of the pipeline: it writes nothing that DVC keeps.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.advice import points, words
from stages.advice.forecast import Points
from stages.base import families
from stages.base.errors import UserError
from stages.base.files import whole_file
from stages.project import layout, params, results
from stages.reporting import pairs, revisions, sections, tables


def answer(question: Namespace) -> None:
    """Prints the table that the command line of compare asks for."""
    metric, csv = question.metric or "accuracy", question.csv
    if question.revisions:
        if question.advice is None:
            across(question.revisions, metric, csv)
        else:
            advise_across(question.advice, question.revisions, metric, csv)
        return
    parameters = params.read()
    if question.pairs:
        in_pairs(list(parameters.models), parameters.seeds, question.pairs, metric, csv)
    elif question.advice is not None:
        advise(list(parameters.models), parameters.seeds, question.advice, csv)
    else:
        blocks = parameters.extractors if question.table == "features" else parameters.strategies
        one_table(question.table, list(blocks), parameters.seeds, csv)


def across(names: Sequence[str], metric: str, csv: Path | None) -> None:
    """Prints one figure of all models at the revisions, in Markdown, and writes it to a CSV file."""
    names = list(dict.fromkeys(names))
    lines = revisions.table({name: revisions.read(name, layout.METRICS / "metrics.json") for name in names}, metric)
    _give_out(revisions.written(lines, metric), lines, csv)


def in_pairs(models: Sequence[str], seeds: Sequence[int], base: str, metric: str, csv: Path | None) -> None:
    """Prints what each model has more of a figure than the model `base`, over seeds, and writes it to a CSV file."""
    evaluations = results.of_seeds(layout.EVALUATION, "scores.json", models, seeds)
    scores = {name: [seed["scores"] for seed in one["seeds"]] for name, one in evaluations.items()}
    rows = pairs.differences(scores, base, metric)
    _give_out(pairs.written(rows, base, metric), rows, csv)


def advise(models: Sequence[str], seeds: Sequence[int], wanted: Sequence[str], csv: Path | None) -> None:
    """Prints the labels to add for more validation accuracy, by the rounds of the models wanted (none: of all that
    have rounds), and writes them to a CSV file."""
    for name in wanted:
        if name not in models:
            raise UserError(f"--advice {name}: no model of params.yaml; {families.choices(name, models)}")
    histories = {(name, seed): results.history(name, seed) for name in wanted or models for seed in seeds}
    curves = points.by_round(tables.curves(histories))
    _advise("Validation accuracy after each round.", curves, wanted, csv)


def advise_across(wanted: Sequence[str], names: Sequence[str], metric: str, csv: Path | None) -> None:
    """Prints the labels to add for more of an accuracy, by revisions whose budgets differ, and nothing else should;
    and writes them to a CSV file."""
    names = list(dict.fromkeys(names))
    metrics = {name: revisions.read(name, layout.METRICS / "metrics.json") for name in names}
    revisions.check(metrics, metric)
    if not tables.is_accuracy(metric) or metric.endswith("_std"):
        raise UserError(f"--metric {metric}: advice is on accuracies and macro_f1; name one of them")
    curves = points.by_revision(metrics.values(), metric)
    for name in wanted:
        if name not in curves:
            raise UserError(f"--advice {name}: no revision has its {metric}; {families.choices(name, curves)}")
    _advise(f"{metric} at {', '.join(names)}.", curves, wanted, csv)


def _advise(of: str, curves: Mapping[str, Points], wanted: Sequence[str], csv: Path | None) -> None:
    names = list(wanted or curves)
    found = words.forecasts({name: curves[name] for name in names if name in curves})
    refused = {name: words.refusal(name, curves.get(name)) for name in names if name not in found}
    if not found:
        raise UserError(next(iter(refused.values()), words.refusal("--advice", None)))
    lines = [refused[name] if name in refused else words.sentence(name, found[name]) for name in names]
    print("\n".join([of, words.MEANING, "", *lines, ""]))
    _give_out(words.written(found), words.rows(found), csv)


def one_table(kind: str, names: Sequence[str], seeds: Sequence[int], csv: Path | None) -> None:
    """Prints the table "features" or "selection", of those named that are there; writes its figures to a CSV file."""
    folder = layout.FEATURES if kind == "features" else layout.SELECTION
    there = [name for name in names if (folder / name / "quality.json").exists()] or names[:1]  # which is refused
    figures: dict[str, list[dict[str, Any]]]
    if kind == "features":
        figures = {name: [results.extractor(name)] for name in there}
    else:
        figures = results.figures(results.of_seeds(folder, "quality.json", there, seeds))
    table = tables.summary(figures)
    wide = tables.wide(table, "extractor" if kind == "features" else "strategy")
    rows = [{str(key): value for key, value in row.items()} for row in wide.to_dict("records")]
    _give_out(sections.part(kind, table), rows, csv)
    if missing := [name for name in names if name not in there]:
        print(f"\nNot there yet: {', '.join(missing)}")


def _give_out(shown: list[list[str]], rows: list[dict[str, Any]], csv: Path | None) -> None:
    """Prints a table for people, in Markdown, and writes its rows to a CSV file if one is named."""
    print(tables.markdown(shown))
    if csv:
        with whole_file(csv) as path:
            layout.write_table(path, rows)

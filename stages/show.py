"""Answers a question about results: `python -m stages.show pairs|advice|revisions|table|health ...` prints a table.

`show pairs MODEL [--metric accuracy] [--csv FILE]`: the differences of all models to that one, in pairs over seeds.
`show advice [MODEL ...] [--revisions A B ...] [--metric accuracy] [--csv FILE]`: how many more labels the next points
of accuracy would take, by the rounds of a training, or by revisions of different budgets.
`show revisions A B ... [--metric accuracy] [--csv FILE]`: models x revisions, with the differences to the first; a
revision is a branch, tag, commit, DVC experiment, or "workspace".
`show table features|selection [--csv FILE]`: that table alone, of what is there; it needs no model.
`show health [--features EXTRACTOR] [--csv FILE] [--suspects FOLDER] [--disagreements FOLDER]`: what is wrong with the
data; it needs the split, and features for some of it. The folders: labels that are probably wrong, and those that
people differ about, handed out to be looked at again.
A tool, no part of the pipeline: it writes nothing that DVC keeps.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.advice import points, words
from stages.advice.forecast import Points
from stages.base import families
from stages.base.errors import UserError, run
from stages.base.files import whole_file
from stages.project import layout, params, results
from stages.reporting import pairs, revisions, sections, tables

MOST = 2000  # labels to look at again at once, as stages.export
_CSV = "also write the table there"


def main() -> None:
    asked = question()
    kind, csv = asked.kind, asked.csv
    if kind == "revisions":
        across(asked.revisions, asked.metric, csv)
        return
    if kind == "advice" and asked.revisions:
        advise_across(asked.models, asked.revisions, asked.metric, csv)
        return
    parameters = params.read()
    models, seeds = list(parameters.models), parameters.seeds
    if kind == "pairs":
        in_pairs(models, seeds, asked.model, asked.metric, csv)
    elif kind == "advice":
        advise(models, seeds, asked.models, csv)
    elif kind == "health":
        health(parameters, asked.features, csv, asked.suspects, asked.disagreements)
    else:
        blocks = parameters.extractors if asked.table == "features" else parameters.strategies
        one_table(asked.table, list(blocks), seeds, csv)


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
            raise UserError(f"advice {name}: no model of params.yaml; {families.choices(name, models)}")
    histories = {(name, seed): results.history(name, seed) for name in wanted or models for seed in seeds}
    curves = points.by_round(tables.curves(histories))
    _advise("Validation accuracy after each round.", curves, wanted, csv)


def advise_across(wanted: Sequence[str], names: Sequence[str], metric: str | None, csv: Path | None) -> None:
    """Prints the labels to add for more of an accuracy, by revisions whose budgets differ, and nothing else should;
    and writes them to a CSV file. metric: null, or which: the test's, or, where no test image has a label, the
    audit's."""
    names = list(dict.fromkeys(names))
    metrics = {name: revisions.read(name, layout.METRICS / "metrics.json") for name in names}
    if metric is None:
        tested = any("accuracy" in one for models in metrics.values() for one in models.values())
        audited = any("audit_accuracy" in one for models in metrics.values() for one in models.values())
        metric = "audit_accuracy" if audited and not tested else "accuracy"
    revisions.check(metrics, metric)
    if not tables.is_accuracy(metric) or metric.endswith("_std"):
        raise UserError(f"--metric {metric}: advice is on accuracies and macro_f1; name one of them")
    curves = points.by_revision(metrics.values(), metric)
    for name in wanted:
        if name not in curves:
            raise UserError(f"advice {name}: no revision has its {metric}; {families.choices(name, curves)}")
    _advise(f"{metric} at {', '.join(names)}.", curves, wanted, csv)


def _advise(of: str, curves: Mapping[str, Points], wanted: Sequence[str], csv: Path | None) -> None:
    names = list(wanted or curves)
    found = words.forecasts({name: curves[name] for name in names if name in curves})
    refused = {name: words.refusal(name, curves.get(name)) for name in names if name not in found}
    if not found:
        raise UserError(next(iter(refused.values()), words.refusal("advice", None)))
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


def health(
    parameters: params.Params, extractor: str | None, csv: Path | None, suspects: Path | None, disputes: Path | None
) -> None:
    """Prints what is wrong with the data, by the features of that extractor (none: those of the strategy that training
    follows), writes each finding to a CSV file, and to folders, as batches to look at again, the suspect labels and
    those that people differ about."""
    from stages import handout
    from stages.handout.again import again, disputed
    from stages.project import examined, originals
    from stages.reporting import agreement
    from stages.reporting import health as told

    for folder in (suspects, disputes):
        if folder:
            handout.check(folder)
    if extractor is None:
        extractor = parameters.strategies.raw[parameters.labels.strategy]["extractor"]
    elif extractor not in parameters.extractors:
        raise UserError(f"--features {extractor}: {families.choices(extractor, parameters.extractors)}")
    report = examined.examined(extractor, parameters.seeds[0])
    section = told.section(report, examined.accuracies(report, list(parameters.models)), extractor)
    print("\n".join([section.caption, *(f"- {point}" for point in section.points), *told.worst(report), ""]))
    _give_out(told.table(report), report.rows(), csv)
    if report.agreement:
        print(f"\n{agreement.TITLE}. {agreement.MEANING}\n\n{tables.markdown(agreement.table(report.agreement))}")
    if suspects and not report.findings["suspect label"]:
        raise UserError(f"--suspects {suspects}: no label is suspect; there is nothing to hand out")
    if disputes and not (report.agreement and report.agreement.disputes):
        raise UserError(f"--disagreements {disputes}: people differ on no image; there is nothing to hand out")
    data, read = originals.originals(parameters.data.max_pixels) if suspects or disputes else ("", None)
    for folder, make, what in ((suspects, again, "labels to look at again"), (disputes, disputed, "images to settle")):
        if folder:
            handed = make(report, data, extractor, parameters.seeds[0], MOST, read)
            handout.write(folder, handed, None)
            print(f"{folder}: {len(handed.tasks):,} {what}; keep the folder where labels.file looks")


def _give_out(shown: list[list[str]], rows: list[dict[str, Any]], csv: Path | None) -> None:
    """Prints a table for people, in Markdown, and writes its rows to a CSV file if one is named."""
    print(tables.markdown(shown))
    if csv:
        with whole_file(csv) as path:
            layout.write_table(path, rows)


def question() -> argparse.Namespace:
    """What the command line asks: `kind`, and what goes with it."""
    parser = argparse.ArgumentParser(prog="python -m stages.show", description="Answers a question about results.")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="QUESTION")
    one = kinds.add_parser("pairs", help="what each model has more than one of them, seed by seed")
    one.add_argument("model", metavar="MODEL", help="the model to hold all others against")
    _add_options(one, metric="accuracy")
    one = advice = kinds.add_parser("advice", help="how many labels more accuracy would take")
    one.add_argument("models", nargs="*", metavar="MODEL", help="(default: all that can be advised on)")
    one.add_argument("--revisions", nargs="+", metavar="REVISION", help="of different budgets, in place of rounds")
    _add_options(one)
    one = kinds.add_parser("revisions", help="one figure of all models at several revisions")
    one.add_argument("revisions", nargs="+", metavar="REVISION", help="branches, tags, experiments, workspace")
    _add_options(one, metric="accuracy")
    one = kinds.add_parser("table", help="one table alone, of what is there")
    one.add_argument("table", choices=["features", "selection"])
    one.add_argument("--csv", type=Path, metavar="FILE", help=_CSV)
    one = kinds.add_parser("health", help="what is wrong with the data: repeated pictures, odd ones, suspect labels")
    one.add_argument("--features", metavar="EXTRACTOR", help="(default: those of the strategy that training follows)")
    one.add_argument("--csv", type=Path, metavar="FILE", help="also write each finding there")
    one.add_argument("--suspects", type=Path, metavar="FOLDER", help="hand out the suspect labels there")
    one.add_argument("--disagreements", type=Path, metavar="FOLDER", help="hand out what people differ about there")
    asked = parser.parse_args()
    if asked.kind == "advice" and asked.metric and not asked.revisions:
        advice.error("--metric goes with --revisions; of rounds only the validation accuracy is known")
    return asked


def _add_options(parser: argparse.ArgumentParser, metric: str | None = None) -> None:
    parser.add_argument("--metric", default=metric, help="the figure to compare (default: accuracy)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help=_CSV)


if __name__ == "__main__":
    run(main)

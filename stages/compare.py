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
from pathlib import Path

from stages.base.errors import run
from stages.base.files import whole_file
from stages.project import layout
from stages.project.results import Names, gather
from stages.reporting import pictures, sections, tables


def main() -> None:
    question = _question()
    if question is not None:
        from stages import questions

        questions.answer(question)
        return
    from stages.project import params

    parameters = params.read()
    names = Names(
        parameters.data.name,
        parameters.seeds,
        list(parameters.models),
        list(parameters.strategies),
        list(parameters.extractors),
        {name: block["acquisition"]["name"] for name, block in parameters.models.raw.items()},
    )
    compare(names, umap=parameters.evaluation.umap)


def compare(names: Names, *, umap: bool) -> None:
    """Reads every result named, and writes metrics/ and plots/. Raises UserError for a result that is missing."""
    results = gather(names)
    table = tables.summary(results.scores)
    with whole_file(layout.METRICS / "metrics.json") as path:
        layout.write_json(path, tables.nested(table))
    with whole_file(layout.METRICS / "compare.csv") as path:
        tables.wide(table, "model").to_csv(path, index=False, lineterminator="\n")
    with whole_file(layout.METRICS / "selection.csv") as path:
        strategies = tables.wide(tables.summary(results.strategies), "strategy")
        strategies.to_csv(path, index=False, lineterminator="\n")
    with whole_file(layout.PLOTS / "history.csv") as path:
        results.curves.to_csv(path, index=False, lineterminator="\n")
    text = sections.text(results)
    with whole_file(layout.METRICS / "compare.md") as path:
        path.write_text(text, encoding="utf-8")
    drawn = pictures.draw(results, layout.PLOTS, umap=umap)
    with whole_file(layout.PLOTS / "index.html") as path:
        path.write_text(sections.page(results, drawn), encoding="utf-8")
    print(f"{text}\nThe page with the pictures: {layout.PLOTS / 'index.html'}")


def _question() -> argparse.Namespace | None:
    """What is asked on the command line, or None for the comparison itself."""
    parser = argparse.ArgumentParser(prog="python -m stages.compare", description="Compares models, or revisions.")
    parser.add_argument("--revisions", nargs="+", metavar="REVISION", help="branches, tags, experiments, workspace")
    parser.add_argument("--advice", nargs="*", metavar="MODEL", help="how many labels more accuracy would take")
    parser.add_argument("--pairs", metavar="MODEL", help="the model to hold all others against, seed by seed")
    parser.add_argument("--table", choices=["features", "selection"], help="this table alone, of what is there")
    parser.add_argument("--metric", help="the figure to compare (default: accuracy)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table there")
    arguments = parser.parse_args()
    # advice may be of revisions
    questions = (
        bool(arguments.revisions) or arguments.advice is not None,
        bool(arguments.pairs),
        bool(arguments.table),
    )
    if sum(questions) > 1:
        parser.error("--revisions and --advice, --pairs, --table: one at a time")
    if arguments.metric and not (arguments.revisions or arguments.pairs):
        parser.error("--metric goes with --revisions or --pairs; of rounds only the validation accuracy is known")
    if arguments.csv and not any(questions):
        parser.error("--csv goes with --revisions, --advice, --pairs or --table")
    return arguments if any(questions) else None


if __name__ == "__main__":
    run(main)

"""Compares all models, strategies and extractors of the parameters.

`python -m stages.compare` reads data/evaluation, the histories in data/models, the qualities in data/selection and
data/features, and, for what is wrong with the data, images and features; writes metrics/ (metrics.json, compare.csv,
selection.csv, compare.md) and plots/ (PNG, history.csv, index.html).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

from stages.base.errors import run
from stages.base.files import whole_file
from stages.project import examined, former, layout, params
from stages.project.results import Names, gather
from stages.reporting import health, pictures, sections, tables
from stages.reporting.page import Section


def main() -> None:
    if len(sys.argv) > 1:
        former.of_compare(sys.argv[1:])
    parameters = params.read()
    names = Names(
        parameters.data.name,
        parameters.seeds,
        list(parameters.models),
        list(parameters.strategies),
        list(parameters.extractors),
        {name: block["acquisition"]["name"] for name, block in parameters.models.raw.items()},
    )
    extractor = parameters.strategies.raw[parameters.labels.strategy]["extractor"]
    report = examined.examined(extractor, names.seeds[0])
    section = health.section(report, examined.accuracies(report, names.models), extractor)
    compare(names, umap=parameters.evaluation.umap, more=[section])


def compare(names: Names, *, umap: bool, more: Sequence[Section] = ()) -> None:
    """Reads every result named, and writes metrics/ and plots/, with `more` sections before the notes. Raises UserError
    for a result that is missing."""
    results = gather(names)
    results = replace(results, notes=[*results.notes, *pictures.unreadable(results)])
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
    text = sections.text(results, more)
    with whole_file(layout.METRICS / "compare.md") as path:
        path.write_text(text, encoding="utf-8")
    drawn = pictures.draw(results, layout.PLOTS, umap=umap)
    with whole_file(layout.PLOTS / "index.html") as path:
        path.write_text(sections.page(results, drawn, more), encoding="utf-8")
    print(f"{text}\nThe page with the pictures: {layout.PLOTS / 'index.html'}")


if __name__ == "__main__":
    run(main)

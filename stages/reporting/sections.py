"""What is told of a comparison: the text and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stages.advice import words
from stages.reporting import tables
from stages.reporting.page import Section, html
from stages.reporting.tables import DASH, Column, Results

if TYPE_CHECKING:
    import pandas

SELECTION = [
    Column("balance", "class balance", digits=3),
    Column("smallest_share", "smallest class (%)"),
    Column("one_nn", "1-NN (%)"),
    Column("linear_probe", "linear probe (%)"),
    Column("coverage", "coverage (%)"),
    Column("mean_distance", "mean distance", digits=3),
    Column("largest_distance", "largest distance", digits=3),
    Column("clusters", "clusters", digits=0),
    Column("noise", "noise", digits=0),
    Column("nmi", "NMI", digits=3),
    Column("ari", "ARI", digits=3),
]
EXTRACTORS = [
    Column("knn_euclidean", "10-NN, Euclidean (%)"),
    Column("knn_cosine", "10-NN, cosine (%)"),
    Column("linear_probe", "linear probe (%)"),
    Column("kmeans_accuracy", "k-means ACC (%)"),
    Column("kmeans_nmi", "k-means NMI", digits=3),
    Column("kmeans_ari", "k-means ARI", digits=3),
    Column("dimensions", "dimensions", digits=0),
    Column("images_per_second", "images/s", digits=0),
]
LATE = [
    Column("late_classes", "late classes", digits=0),
    Column("late_classes_learnt", "learnt", digits=1),
    Column("epochs_to_50", "epochs to 50 % of last", digits=1),
    Column("epochs_to_90", "epochs to 90 % of last", digits=1),
    Column("known_kept", "known before: last over then (%)"),
]
CLASSES = [
    Column("test_accuracy", "test (%)"),
    Column("introduced_epoch", "first seen in epoch", digits=0),
    Column("best_validation", "validation, best epoch (%)"),
    Column("last_validation", "validation, last epoch (%)"),
    Column("forgetting", "forgotten (points)"),
    Column("epochs_to_50", "epochs to 50 % of last", digits=1),
    Column("epochs_to_90", "epochs to 90 % of last", digits=1),
    Column("known_kept", "known before: last over then (%)"),
]

UNEQUAL = 1.5  # largest class over smallest


def text(results: Results, more: Sequence[Section] = ()) -> str:
    """The tables in Markdown, those of `more` sections before the notes."""
    parts = []
    for one in _sections(results, {}, more):
        points = "\n".join(f"- {point}" for point in one.points)
        table = tables.markdown(one.table) if one.table else ""
        parts += [f"## {one.title}", one.caption, points, table] if points or table else []
    return "\n\n".join(filter(None, parts)) + "\n"


def page(results: Results, pictures: Mapping[str, Path], more: Sequence[Section] = ()) -> str:
    """The page, with the pictures that `draw` made, and `more` sections before the notes."""
    sections = _sections(results, pictures, more)
    shown = [one for one in sections if one.points or one.table or one.pictures or one.folded]
    return html(f"Little label learners: {results.data}", shown)


def part(kind: str, table: pandas.DataFrame) -> list[list[str]]:
    """The rows of the table "features" or "selection", from the summary of their figures."""
    columns, head = (EXTRACTORS, "extractor") if kind == "features" else (SELECTION, "strategy")
    return tables.rows(table, columns, head)


def _sections(results: Results, pictures: Mapping[str, Path], more: Sequence[Section]) -> list[Section]:
    """All there may be to tell, and the pictures of it; what was not measured leaves sections empty."""

    def shown(name: str, shows: str) -> list[tuple[Path, str]]:
        return [(pictures[name], shows)] if name in pictures else []

    seeds = _seeds(results)
    mean, bands, bars = seeds, seeds, seeds
    if len(results.seeds) > 1:
        mean = f"mean over {seeds}"
        bands, bars = (f"{marks}: one standard deviation over {seeds}" for marks in ("bands", _BARS))
    last, dots = (_LAST_ROUND, _DOTS) if results.rounds else ("", "")
    models, strategies, extractors = map(tables.summary, (results.scores, results.strategies, results.extractors))
    return [
        Section(
            "Models", _spread(results), table=_models(results, models), pictures=shown("accuracy", "Test accuracy")
        ),
        Section(
            "Learning curves",
            f"Accuracy on the validation images after each epoch{last}; {bands}.",
            pictures=shown("learning_curves", "Validation accuracy by epoch"),
        ),
        Section(
            "Accuracy against labels",
            f"Accuracy on the validation images against the labels told so far; the mark is the last epoch{dots}. "
            f"{bars[0].upper() + bars[1:]}.",
            pictures=shown("accuracy_by_labels", "Validation accuracy by labels told"),
        ),
        Section(
            "Budget advice",
            f"Accuracy on the validation images after each round; {mean}. {words.MEANING}",
            [words.sentence(model, one) for model, one in results.forecasts.items()],
            words.written(results.forecasts) if results.forecasts else [],
            _ADVICE,
            shown("advice", "Validation accuracy by labels told, with its forecast"),
        ),
        Section(
            "Classes",
            f"Accuracy on the test images of each class, last epoch; {mean}.",
            pictures=shown("per_class", "Test accuracy by model and class"),
        ),
        _late(models),
        _each_model(results, pictures, mean),
        Section(
            "Selection",
            f"The images each strategy chose to label; {mean}. {_about(_SELECTION, strategies)}".strip(),
            table=part("selection", strategies),
            pictures=[
                *shown("selection", "1-NN and linear-probe accuracy of what each strategy chose, as dots"),
                *(
                    one
                    for strategy in results.read_off
                    for one in shown(f"curve-{strategy}", f"{strategy}: what radius or eps was read off, first seed")
                ),
            ],
        ),
        Section(
            "Features",
            f"Each extractor; one seed ({results.seeds[0]}). {_about(_FEATURES, extractors)}".strip(),
            table=part("features", extractors),
            pictures=shown("features", "10-NN and linear-probe accuracy of each extractor, as dots"),
        ),
        *more,
        Section("Notes", "", results.notes),  # what was not measured, and why
    ]


_BARS = "error bars and, of a few lines, bands"
_LAST_ROUND = ", of models in rounds in the last round"
_DOTS = ", dots are the last epochs of rounds"
_ADVICE = (
    "The law is dashed ahead of what was measured. The interval of the labels for the next point is drawn as far as "
    "the law is trusted, with an arrow if it goes on."
)
# what is said of figures, where they were measured
_SELECTION = {
    "balance": "Class balance is the normalised entropy of the classes (1: equal shares).",
    "one_nn": "1-NN and linear probe are accuracies on validation images, from the labels of the chosen alone.",
    "coverage": "Coverage and distances are those of the pool to the nearest chosen image.",
}
_FEATURES = {
    "knn_cosine": "10-NN and linear probe: accuracy on the validation images.",
    "kmeans_accuracy": "k-means: on the whole pool, held against the labels that are known.",
}
_LATE = {
    "late_classes": "how many do",
    "late_classes_learnt": "how many of these are learnt, so that some validation image of it is right in the end",
    "epochs_to_50": "over those learnt, the epochs from the first sight of the class to half and nine tenths of its "
    "last validation accuracy",
    "known_kept": "the validation accuracy on the classes known before, in the last epoch over that just before each "
    "class came (above 100: it rose)",
}


def _about(sayings: Mapping[str, str], table: pandas.DataFrame, between: str = " ") -> str:
    measured = set(table.dropna(subset=["mean"])["figure"])
    return between.join(said for figure, said in sayings.items() if figure in measured)


def _models(results: Results, table: pandas.DataFrame) -> list[list[str]]:
    subsets = [one for one in dict.fromkeys(table["figure"]) if one.startswith("accuracy/")]
    columns = [
        Column("accuracy", "test (%)"),
        Column("audit_accuracy", "audit (%)"),
        Column("audit_accuracy_low", "audit, from (%)"),
        Column("audit_accuracy_high", "to (%)"),
        Column("audit_labels", "audited", digits=0),
        *_beside_accuracy(results),
        *(Column(one, f"test, {one.removeprefix('accuracy/')} (%)") for one in subsets),
        Column("validation_accuracy_last", "validation (%)"),
        Column("validation_accuracy_best", "best validation (%)"),
        Column("knn_accuracy", "k-NN (%)"),
        Column("ari", "ARI", digits=3),
        Column("nmi", "NMI", digits=3),
        Column("labels_told", "labels told", digits=0),
        Column("epochs", "epochs", digits=0),
    ]
    head, *lines = tables.rows(table, columns, "model")
    if not results.rounds:
        return [head, *lines]
    told = {model: [str(count), acquisition] for model, (count, acquisition) in results.rounds.items()}
    return [[*head, "rounds", "acquisition"], *([*line, *told.get(line[0], [DASH, DASH])] for line in lines)]


def _late(table: pandas.DataFrame) -> Section:
    """The models with late classes; empty if nothing was measured of these."""
    late = table[table["figure"].isin([column.figure for column in LATE])].dropna(subset=["mean"])
    caption = f"Of models whose classes appear after the first epoch: {_about(_LATE, late, '; ')}."
    rows = tables.rows(late, LATE, "model")
    return Section("Late classes", caption, table=rows if len(rows[0]) > 2 else [])


def _each_model(results: Results, pictures: Mapping[str, Path], mean: str) -> Section:
    folded = [_model(results, model, pictures) for model in results.scores]
    folded = [one for one in folded if one.table or one.pictures]
    said = []
    if any(one.table for one in folded):
        said.append(f"Tables: by class, in the last epoch unless a column says otherwise; {mean}.")
    if any(name.startswith("map-") for name in pictures):
        said.append(f"Maps: the embedding of the test images, last epoch of seed {results.seeds[0]}.")
    if any(name.startswith("confusion-") for name in pictures):
        said.append("Confusion matrices: the test images, last epoch, all seeds together.")
    return Section("Each model", " ".join(said), folded=folded)


def _model(results: Results, model: str, pictures: Mapping[str, Path]) -> Section:
    seeds = results.per_class[model]
    table = tables.summary({name: [seed[name] for seed in seeds if name in seed] for name in results.classes})
    measured = table.dropna(subset=["mean"])
    told = measured[(measured["figure"] != "introduced_epoch") | (measured["mean"] > 1)]
    wanted = {f"map-{model}": "map of the embedding", f"confusion-{model}": "confusion matrix"}
    shown = [(pictures[name], f"{model}: {shows}") for name, shows in wanted.items() if name in pictures]
    return Section(model, "", table=tables.rows(table, CLASSES, "class") if len(told) else [], pictures=shown)


def _beside_accuracy(results: Results) -> list[Column]:
    """What accuracy hides where classes are unequal. In a test part of equal classes balanced accuracy is accuracy."""
    test, pool = (_unequal(results.counts[part]) for part in ("test", "pool"))
    balanced = Column("balanced_accuracy", "balanced (%)")
    macro_f1 = Column("macro_f1", "macro-F1 (%)")
    return [*([balanced] if test else []), *([macro_f1] if test or pool else [])]


def _unequal(counts: Mapping[str, int]) -> bool:
    """Whether the classes that have images have clearly different numbers of them."""
    known = [count for name, count in counts.items() if name != "unknown" and count]
    return bool(known) and max(known) >= UNEQUAL * min(known)


def _spread(results: Results) -> str:
    """What the figures of the models are: of which epoch, of which data, over how many seeds."""
    over = (
        f"mean ± standard deviation over {_seeds(results)}"
        if len(results.seeds) > 1
        else f"one seed ({results.seeds[0]}), so no spread"
    )
    return f"Data: {results.data}, {len(results.classes)} classes. Last epoch unless a column says otherwise; {over}."


def _seeds(results: Results) -> str:
    named = ", ".join(map(str, results.seeds))
    return f"{len(results.seeds)} seeds ({named})" if len(results.seeds) > 1 else f"one seed ({named})"

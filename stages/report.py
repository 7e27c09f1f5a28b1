"""What is told of a comparison: the text and the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stages import advice, comparison
from stages.comparison import Column, Results
from stages.page import Section, html

if TYPE_CHECKING:
    import pandas

SELECTION = [
    Column("balance", "class balance", digits=3),
    Column("smallest_share", "smallest class (%)", share=True),
    Column("one_nn", "1-NN (%)", share=True),
    Column("linear_probe", "linear probe (%)", share=True),
    Column("coverage", "coverage (%)", share=True),
    Column("mean_distance", "mean distance", digits=3),
    Column("largest_distance", "largest distance", digits=3),
    Column("clusters", "clusters", digits=0),
    Column("noise", "noise", digits=0),
    Column("nmi", "NMI", digits=3),
    Column("ari", "ARI", digits=3),
]
EXTRACTORS = [
    Column("knn_euclidean", "10-NN, Euclidean (%)", share=True),
    Column("knn_cosine", "10-NN, cosine (%)", share=True),
    Column("linear_probe", "linear probe (%)", share=True),
    Column("kmeans_accuracy", "k-means ACC (%)", share=True),
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
    Column("known_kept", "known before: last over then (%)", share=True),
]
CLASSES = [
    Column("test_accuracy", "test (%)", share=True),
    Column("introduced_epoch", "first seen in epoch", digits=0),
    Column("best_validation", "validation, best epoch (%)", share=True),
    Column("last_validation", "validation, last epoch (%)", share=True),
    Column("forgetting", "forgotten (points)", share=True),
    Column("epochs_to_50", "epochs to 50 % of last", digits=1),
    Column("epochs_to_90", "epochs to 90 % of last", digits=1),
    Column("known_kept", "known before: last over then (%)", share=True),
]

UNEQUAL = 1.5  # largest class over smallest


def text(results: Results) -> str:
    """The tables in Markdown."""
    models, strategies, extractors = _tables(results)
    of, sentences = _advice(results)
    told = ["## Budget advice", of, "\n".join(f"- {one}" for one in sentences)]
    parts = [
        "## Models",
        _spread(results),
        comparison.markdown(models),
        *(["## Late classes", _LATE, comparison.markdown(late)] if (late := _late(results)) else []),
        *([*told, comparison.markdown(advice.written(results.forecasts))] if sentences else []),
        "## Selection",
        "The images each strategy chose to label.",
        comparison.markdown(strategies),
        "## Features",
        "Each extractor, on validation images; one seed.",
        comparison.markdown(extractors),
    ]
    if results.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in results.notes)]
    return "\n\n".join(parts) + "\n"


def part(kind: str, table: pandas.DataFrame) -> list[list[str]]:
    """The rows of the table "features" or "selection", from the summary of their figures."""
    columns, head = (EXTRACTORS, "extractor") if kind == "features" else (SELECTION, "strategy")
    return comparison.rows(table, columns, head)


def page(results: Results, pictures: Mapping[str, Path]) -> str:
    """The page, with the pictures that `draw` made."""
    models, strategies, extractors = _tables(results)
    spread = _spread(results)

    def shown(name: str, shows: str) -> list[tuple[Path, str]]:
        return [(pictures[name], shows)] if name in pictures else []

    of, sentences = _advice(results)
    told = Section(
        "Budget advice",
        "\n".join([of, *sentences, _ADVICE_PICTURE] if "advice" in pictures else [of, *sentences]),
        advice.written(results.forecasts),
        shown("advice", "Validation accuracy by labels told, with its forecast"),
    )
    band = f"band and bars: one standard deviation over {_seeds(results)}" if len(results.seeds) > 1 else "one seed"
    bars = f"{band}, without bands where there are many lines" if len(results.seeds) > 1 else band
    sections = [
        Section("Models", "", models, shown("accuracy", "Test accuracy of each model, as bars")),
        Section(
            "Learning curves",
            f"Accuracy on the validation images after each epoch; {band}.",
            pictures=shown("learning_curves", "Validation accuracy by epoch"),
        ),
        Section(
            "Accuracy against labels",
            "Accuracy on the validation images against the labels told so far; the mark is the last epoch, dots are "
            f"the last epochs of rounds; {bars}.",
            pictures=shown("accuracy_by_labels", "Validation accuracy by labels told"),
        ),
        *([told] if sentences else []),
        Section(
            "Classes",
            f"Accuracy on the test images of each class, last epoch, mean over {_seeds(results)}.",
            pictures=shown("per_class", "Test accuracy by model and class"),
        ),
        *([Section("Late classes", _LATE, late)] if (late := _late(results)) else []),
        Section(
            "Each model",
            f"Test images, last epoch. Tables: mean over {_seeds(results)}. "
            f"Maps: the embedding of seed {results.seeds[0]}.",
            folded=[_model(results, model, pictures) for model in results.scores],
        ),
        Section(
            "Selection",
            f"The images each strategy chose to label; mean over {_seeds(results)}. Balance is the normalised entropy "
            "of the classes (1: equal shares); 1-NN and linear probe are accuracies on validation images, from the "
            "labels of the chosen alone; coverage and distances are those of the pool to the nearest chosen image.",
            strategies,
            [
                *shown("balance", "Class balance of each strategy, as bars"),
                *(
                    one
                    for strategy in results.read_off
                    for one in shown(f"curve-{strategy}", f"{strategy}: what radius or eps was read off, first seed")
                ),
            ],
        ),
        Section(
            "Features",
            f"Each extractor, on validation images; one seed ({results.seeds[0]}).",
            extractors,
            shown("features", "10-NN and linear-probe accuracy of each extractor, as bars"),
        ),
    ]
    title = f"Little label learners: {results.data}"
    # the notes say what was not measured, and why
    return html(title, [spread, *results.notes], [one for one in sections if one.table or one.pictures or one.folded])


def _model(results: Results, model: str, pictures: Mapping[str, Path]) -> Section:
    seeds = results.per_class[model]
    classes = {name: [seed[name] for seed in seeds if name in seed] for name in results.classes}
    wanted = {f"map-{model}": "map of the embedding", f"confusion-{model}": "confusion matrix"}
    shown = [(pictures[name], f"{model}: {shows}") for name, shows in wanted.items() if name in pictures]
    return Section(model, "", comparison.rows(comparison.summary(classes), CLASSES, "class"), shown)


def _tables(results: Results) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    """Models, strategies and extractors."""
    table = comparison.summary(results.scores)
    subsets = [one for one in dict.fromkeys(table["figure"]) if one.startswith("accuracy/")]
    models = [
        Column("accuracy", "test (%)", share=True),
        *_beside_accuracy(results),
        *(Column(one, f"test, {one.removeprefix('accuracy/')} (%)", share=True) for one in subsets),
        Column("validation_accuracy_last", "validation (%)", share=True),
        Column("validation_accuracy_best", "best validation (%)", share=True),
        Column("knn_accuracy", "k-NN (%)", share=True),
        Column("ari", "ARI", digits=3),
        Column("nmi", "NMI", digits=3),
        Column("labels_used", "labels", digits=0),
        Column("epochs", "epochs", digits=0),
    ]
    return (
        comparison.rows(table, models, "model"),
        part("selection", comparison.summary(results.strategies)),
        part("features", comparison.summary(results.extractors)),
    )


def _beside_accuracy(results: Results) -> list[Column]:
    """What accuracy hides where classes are unequal. In a test part of equal classes balanced accuracy is accuracy."""
    test, pool = (_unequal(results.counts[part]) for part in ("test", "pool"))
    balanced = Column("balanced_accuracy", "balanced (%)", share=True)
    macro_f1 = Column("macro_f1", "macro-F1 (%)", share=True)
    return [*([balanced] if test else []), *([macro_f1] if test or pool else [])]


def _unequal(counts: Mapping[str, int]) -> bool:
    """Whether the classes that have images have clearly different numbers of them."""
    known = [count for name, count in counts.items() if name != "unknown" and count]
    return bool(known) and max(known) >= UNEQUAL * min(known)


def _advice(results: Results) -> tuple[str, list[str]]:
    """What the budget advice is of, and its sentence for each model that was told labels in rounds."""
    of = f"Accuracy on the validation images after the last epoch of each round, mean over {_seeds(results)}."
    return f"{of} {advice.MEANING}", [advice.sentence(model, one) for model, one in results.forecasts.items()]


_ADVICE_PICTURE = (
    "Points: mean and one standard deviation over seeds. Lines: the law, dashed ahead of what was measured; bands: its "
    "95 % interval. Stars: the next point, with the interval of its labels."
)
_LATE = (
    "Of models whose classes appear after the first epoch: how many do, and how many of these are learnt, so that some "
    "validation image of it is right in the end; over those learnt, the epochs from the first sight of the class to "
    "half and nine tenths of its last validation accuracy; and the validation accuracy on the classes known before, in "
    "the last epoch over that just before each class came (above 100: it rose)."
)


def _late(results: Results) -> list[list[str]]:
    """The models with late classes; nothing if there are none."""
    table = comparison.summary(results.scores)
    late = table[table["figure"].isin([column.figure for column in LATE])].dropna(subset=["mean"])
    return comparison.rows(late, LATE, "model") if len(late) else []


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

"""The card of what is handed over: what it is, how good, made from what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stages.calibration.trust import Trust
from stages.delivery.labelled import ACCEPTED, AUDIT, IMAGES, LABELLED, MODEL, PEOPLE, counts

if TYPE_CHECKING:
    import pandas

_MEANING = {
    LABELLED: "people said what it is",
    AUDIT: "people said what it is; drawn at random to judge models, and told to none: keep it apart",
    ACCEPTED: "nobody looked: the model's guess, from the probability on that is said below",
}


@dataclass(frozen=True)
class Origin:
    """What a model was made from: names as in params.yaml, `commit` of the project or None, the versions by package."""

    model: str
    seed: int
    data: str
    regime: str
    encoder: str
    strategy: str
    budget: str
    commit: str | None
    versions: Mapping[str, str]

    def lines(self) -> list[tuple[str, str]]:
        """Pairs of what and which."""
        return [
            ("data", self.data),
            ("labels chosen by", f"{self.strategy}, budget {self.budget}"),
            ("model", f"{self.model}: {self.regime} on {self.encoder}, seed {self.seed}"),
            ("commit", self.commit or "not known"),
            ("versions", ", ".join(f"{name} {version}" for name, version in self.versions.items())),
        ]


def card(
    origin: Origin,
    found: pandas.DataFrame,
    classes: Sequence[str],
    images: int,
    figures: Mapping[str, Any],
    trust: Trust,
) -> str:
    """In Markdown, with the head by which Hugging Face's `datasets` finds the parts. found: of `labelled.table`;
    images: how many there are in all; figures: of evaluate, by that seed."""
    parts, files = counts(found), "file_name" in found
    lines = [
        "---",
        "task_categories:",
        "- image-classification",
        *_configuration(list(parts) if files else []),
        "---",
        "",
        f"# {origin.data}, labelled, and {origin.model}, a model of it",
        "",
        f"{len(found):,} of {images:,} images have one of {len(classes):,} classes.",
        "",
        "| part | images | by | what it is |",
        "|---|---:|---|---|",
    ]
    for part, count in parts.items():
        lines.append(f"| {part} | {count:,} | {MODEL if part == ACCEPTED else PEOPLE} | {_MEANING[part]} |")
    lines += ["", "| class | labelled by people | accepted |", "|---|---:|---:|"]
    for name in classes:
        by = found.loc[found["label"] == name, "by"].value_counts()
        lines.append(f"| {_cell(name)} | {by.get(PEOPLE, 0):,} | {by.get(MODEL, 0):,} |")
    lines += ["", "## How good is the model", "", *(f"- {line}" for line in [*_judged(figures), *trust.lines()]), ""]
    lines += ["## Made from", "", "| | |", "|---|---|"]
    lines += [f"| {what} | {_cell(which)} |" for what, which in origin.lines()]
    return "\n".join([*lines, "", "## Use it", "", *_TABLES, *(_FILES if files else []), *_MODEL, ""])


def _configuration(parts: Sequence[str]) -> list[str]:
    # by pattern: a class named `test` would be taken for a part
    if not parts:
        return []
    files = [line for part in parts for line in (f"  - split: {part}", f"    path: {IMAGES}/{part}/*/*")]
    return ["configs:", "- config_name: default", "  data_files:", *files]


def _judged(figures: Mapping[str, Any]) -> list[str]:
    found = []
    if figures.get("audit_accuracy") is not None:
        share, low, high = (figures[f"audit_accuracy{end}"] for end in ("", "_low", "_high"))
        found.append(
            f"**Audit**: {share:.1%} (95 %: {low:.1%} to {high:.1%}) of the images that nobody labelled, by "
            f"{figures['audit_labels']} images drawn at random."
        )
    else:
        found.append("**Audit**: none. How good the model is on images that nobody labelled is not known without one.")
    if figures.get("accuracy") is not None:
        found.append(f"**Test**: {figures['accuracy']:.1%} on the labelled test images of the data.")
    found.append(f"**Labels told**: {figures['labels_told']:,}.")
    return found


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


_TABLES = ["- `labels.csv`, `labels.parquet`: a row for each image that has a class."]
_FILES = [
    f'- `{IMAGES}/<part>/<class>/`: the files. Hugging Face: `load_dataset("<this folder>")`; torchvision: '
    f'`ImageFolder("{IMAGES}/{LABELLED}")`.'
]
_MODEL = [
    "- `model.onnx` takes `images`, uint8 [n, size, size, 3], and gives `probabilities`, float32 [n, classes]; "
    "`model.json` has the size, the classes in their order, and the probability from which on a guess is accepted.",
    "- `predict.py` needs onnxruntime, numpy and Pillow alone: `python predict.py FOLDER > predictions.csv`. It "
    "cuts pictures to the largest square in the middle, upright, and resizes them by Pillow.",
]

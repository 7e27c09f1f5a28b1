"""What is told of what is wrong with the data: sentences, a table, and the pictures of the worst."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.health.report import KINDS, REPEATED, Finding, Report
from stages.reporting import agreement
from stages.reporting.page import Card, Section, uri

TITLE = "What is wrong with the data"
SHOWN = 12  # pictures of a kind on the page
LISTED = 5  # of a kind in the text
_OPEN = (*REPEATED, "two labels", "suspect label")


def section(report: Report, accuracies: Mapping[str, tuple[float, float]], extractor: str) -> Section:
    """The section of the page. accuracies: by model the test accuracy on all images, and on those that repeat none."""
    return Section(
        TITLE,
        _caption(report, extractor),
        [*sentences(report, accuracies), *report.notes],
        table(report),
        folded=[*_people(report), *(_shown(report, kind) for kind in KINDS if report.findings[kind])],
    )


def _people(report: Report) -> list[Section]:
    if report.agreement is None:
        return []
    return [Section(agreement.TITLE, agreement.MEANING, table=agreement.table(report.agreement), opened=True)]


def sentences(report: Report, accuracies: Mapping[str, tuple[float, float]]) -> list[str]:
    """What makes figures wrong, if anything does."""
    repeated = int(report.repeated().sum())
    said = []
    if repeated:
        equal = report.images(REPEATED[0])
        said.append(
            f"{repeated:,} of {len(report.test.names):,} test images repeat a training image, {equal:,} in every "
            "pixel; the others look so, and of small drawings may be others: look at them. Accuracy on repeats is of "
            "what was seen before"
        )
    said += [
        f"{model}: test accuracy {100 * all_of_them:.2f} %, without these {100 * rest:.2f} %"
        for model, (all_of_them, rest) in accuracies.items()
    ]
    if doubted := report.images("suspect label"):
        known = int((report.train.labels >= 0).sum())
        said.append(
            f"{doubted:,} of {known:,} labels are suspect: look at them again "
            "(python -m stages.show health --suspects FOLDER hands them out)"
        )
    if report.agreement is not None:
        said.append(agreement.sentence(report.agreement))
    return said


def table(report: Report) -> list[list[str]]:
    """Kinds of findings and how many there are; its head first."""
    head = ["finding", "images", "the worst"]
    lines = [head]
    for kind in KINDS:
        if report.findings[kind]:
            lines.append([kind, f"{report.images(kind):,}", _line(report, report.findings[kind][0])])
        else:
            lines.append([kind, "0", "–"])
    return lines


def worst(report: Report) -> list[str]:
    """The first few of each kind, in Markdown."""
    found = []
    for kind, means in KINDS.items():
        if few := report.findings[kind][:LISTED]:
            found += [f"\n{kind} ({means})", *(f"- {_line(report, one)}" for one in few)]
            if (more := len(report.findings[kind]) - len(few)) > 0:
                found.append(f"- and {more:,} more")
    return found


def _caption(report: Report, extractor: str) -> str:
    features = f" Distances are those of the features {extractor}." if extractor else ""
    return (
        f"Of {len(report.train.names):,} training images (pool and validation) and {len(report.test.names):,} test "
        f"images, by their pixels as they are packed.{features} All findings, as a table: "
        "python -m stages.show health --csv FILE."
    )


def _shown(report: Report, kind: str) -> Section:
    findings = report.findings[kind]
    few = findings[:SHOWN]
    of = f"the worst {len(few)} of {len(findings):,}" if len(few) < len(findings) else f"{len(findings):,}"
    cards = [_card(report, one) for one in few]
    title, caption = f"{kind.capitalize()}: {of}", f"{KINDS[kind][0].upper()}{KINDS[kind][1:]}."
    return Section(title, caption, cards=cards, opened=kind in _OPEN)


def _card(report: Report, one: Finding) -> Card:
    places = [one.image, *([one.other] if one.other else [])]
    lines = []
    for place in places:
        images, row = report.of(place)
        lines.append(f"{images.names[row]} {report.label(place)}".strip())
    lines.append(_score(one) + _guess(report, one))
    return Card([uri(_pixels(report, place)) for place in places], lines)


def _line(report: Report, one: Finding) -> str:
    """A finding in a line: names, labels, and the score."""
    names = []
    for place in (one.image, one.other):
        if place:
            images, row = report.of(place)
            label = report.label(place)
            names.append(f"{images.names[row]} ({label})" if label else images.names[row])
    return f"{' = '.join(names)}: {_score(one)}{_guess(report, one)}"


def _score(one: Finding) -> str:
    if one.other is None:
        return f"{100 * one.score:.1f} %" if one.guess else f"{one.score:.3g}"
    return f"{one.score:.0f} of 64 bits" if one.score else "0 bits"


def _guess(report: Report, one: Finding) -> str:
    return f", rather {report.classes[one.guess[0]]} ({100 * one.guess[1]:.0f} %)" if one.guess else ""


def _pixels(report: Report, place: tuple[bool, int]) -> np.ndarray:
    images, row = report.of(place)
    pixels: np.ndarray = images.packed[images.rows[row]]
    return pixels


def without_repeats(
    labels: np.ndarray, predicted: Mapping[str, np.ndarray], repeated: np.ndarray
) -> dict[str, tuple[float, float]]:
    """By model the accuracy, as a mean over seeds, on all labelled test images and on those that repeat none; empty
    where none does, or no label is left. labels: int64 [N]; predicted: int64 [seeds, N]; repeated: bool [N]."""
    known = labels >= 0
    left = known & ~repeated
    if not (known & repeated).any() or not left.any():
        return {}
    right = {model: one == labels for model, one in predicted.items() if one.shape[1:] == labels.shape}
    return {model: (float(one[:, known].mean()), float(one[:, left].mean())) for model, one in right.items()}

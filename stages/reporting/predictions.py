"""What a model predicts of many images: a table, and a page with pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.base.cells import guarded
from stages.base.files import whole_file
from stages.calibration.trust import Guesses, Trust
from stages.calibration.verdict import ACCEPT, ASK, REVIEW
from stages.reporting.figures.mosaic import Row, mosaic
from stages.reporting.page import Section, html

if TYPE_CHECKING:
    import pandas

EACH = 8  # pictures of the surest, and of the least sure, of a class
AT_ONCE = 20  # classes in a picture
LABELLED = "labelled"


def table(names: Sequence[str], labels: np.ndarray, guesses: Guesses, classes: Sequence[str]) -> pandas.DataFrame:
    """A row for each image: `image`; `label`, of people, or empty; `guess` of the model with its `probability`, the
    runner-up and its; `verdict`: labelled, accept, review or ask. labels: int64 [n], -1 for none."""
    import pandas as pd

    known = np.array([*classes, ""], dtype=object)
    return pd.DataFrame(
        {
            "image": list(names),
            "label": known[labels],
            "guess": known[guesses.first],
            "probability": guesses.probability,
            "second": known[guesses.second],
            "second_probability": guesses.second_probability,
            "verdict": np.where(labels >= 0, LABELLED, guesses.verdict),
        }
    )


def write(found: pandas.DataFrame, path: Path) -> None:
    """As CSV, for people: texts guarded, six digits; or as Parquet, by the file's ending."""
    from pandas.api.types import is_numeric_dtype

    with whole_file(path) as partial:
        if path.suffix == ".parquet":
            found.to_parquet(partial, index=False)
            return
        texts = [str(name) for name in found if not is_numeric_dtype(found[name])]
        safe = found.assign(**{name: found[name].map(guarded) for name in texts})
        safe.to_csv(partial, index=False, float_format="%.6g", lineterminator="\n")


def counts(found: pandas.DataFrame) -> dict[str, int]:
    """How many images of each verdict."""
    seen = Counter(found["verdict"])
    return {verdict: seen[verdict] for verdict in (LABELLED, ACCEPT, REVIEW, ASK) if seen[verdict]}


def said(found: pandas.DataFrame) -> str:
    """In a line: `3,000 images: 100 labelled, 1,200 accept, 900 review, 800 ask`."""
    return f"{len(found):,} images: {', '.join(f'{count:,} {verdict}' for verdict, count in counts(found).items())}"


def page(
    model: str,
    found: pandas.DataFrame,
    trust: Trust,
    classes: Sequence[str],
    images: Callable[[np.ndarray], np.ndarray],
    folder: Path,
) -> str:
    """The page, whose pictures are written into `folder`: for each class the surest and the least sure guesses about
    images without a label. images: gives uint8 [n, S, S, 3] of rows of the table, int64 [n]."""
    total = max(len(found), 1)
    lines = [["", "images", "share (%)", "what to do"]]
    for verdict, count in counts(found).items():
        lines.append([verdict, f"{count:,}", f"{100 * count / total:.1f}", _MEANING[verdict]])
    pictures = []
    given = [name for name in classes if (found.loc[found["verdict"] != LABELLED, "guess"] == name).any()]
    for start in range(0, len(given), AT_ONCE):
        path = folder / f"guesses-{start // AT_ONCE + 1}.png"
        mosaic([_row(found, name, images) for name in given[start : start + AT_ONCE]], ("surest", "least sure"), path)
        pictures.append((path, "The surest and the least sure guesses of each class, with their probabilities (%)"))
    legend = "Of each guessed class the surest images and the least sure, by calibrated probability (%)."
    sections = [
        Section("Predictions", f"By the model {model}.", trust.lines(), lines),
        Section("Guesses", "", legend=legend, pictures=pictures),
    ]
    return html(f"Predictions of {model}", sections)


_MEANING = {
    LABELLED: "people said what it is; the guess beside it is of a model that was not told",
    ACCEPT: "take the guess as it is",
    REVIEW: "look at it: the guess is more likely right than wrong",
    ASK: "ask what it is: the guess would mislead",
}


def _row(found: pandas.DataFrame, name: str, images: Callable[[np.ndarray], np.ndarray]) -> Row:
    mine = np.flatnonzero((found["guess"] == name) & (found["verdict"] != LABELLED))
    sure = found["probability"].to_numpy()
    order = mine[np.argsort(-sure[mine], kind="stable")]
    first = order[:EACH]
    last = order[len(first) :][::-1][:EACH]
    return Row(name, [(images(part), [f"{100 * one:.0f}" for one in sure[part]]) for part in (first, last)])

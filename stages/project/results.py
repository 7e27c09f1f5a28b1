"""The results of the stages before the comparison, read from their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.advice import points, words
from stages.base.errors import UserError
from stages.project import kept, layout
from stages.reporting import tables

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
    acquisitions: Mapping[str, str]  # of the models


def gather(names: Names) -> tables.Results:
    """Everything that is compared, from the files that the stages before this one wrote."""
    evaluations = of_seeds(layout.EVALUATION, "scores.json", names.models, names.seeds)
    qualities = of_seeds(layout.SELECTION, "quality.json", names.strategies, names.seeds)
    extractors = {name: extractor(name) for name in names.extractors}
    histories = {(name, seed): history(name, seed) for name in names.models for seed in names.seeds}
    curves = tables.curves(histories)
    description = layout.description("counts")
    notes = [note for one in (evaluations, qualities, extractors) for note in _notes(one)]
    notes += [
        f"{part} images: {number:,} are copies of some in the pool, so that accuracy on them is too good"
        for part, number in description["copies"].items()
        if part != "pool" and number
    ]
    return tables.Results(
        data=names.data,
        seeds=list(names.seeds),
        classes=list(description["classes"]),
        scores={name: [seed["scores"] for seed in one["seeds"]] for name, one in evaluations.items()},
        per_class={name: [seed["per_class"] for seed in one["seeds"]] for name, one in evaluations.items()},
        curves=curves,
        confusions={name: _confusion(name) for name in names.models},
        embeddings={name: _embedding(name) for name in names.models},
        strategies=figures(qualities),
        extractors={name: [one] for name, one in extractors.items()},
        read_off={
            name: kept.read_json(path, "x", "y")
            for name in names.strategies
            if (path := layout.SELECTION / name / "curve.json").exists()
        },
        counts=description["counts"],
        rounds={
            name: (histories[name, names.seeds[0]]["round"].nunique(), names.acquisitions[name])
            for name in names.models
            if "round" in histories[name, names.seeds[0]]
        },
        forecasts=words.forecasts(points.by_round(curves)),
        notes=notes,
    )


def of_seeds(folder: Path, file: str, names: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """That file of each instance, which must be of these seeds."""
    found = {name: kept.read_json(folder / name / file, "seeds") for name in names}
    for name, one in found.items():
        _same_seeds(one, seeds, folder / name / file, ["scores"] if file == "scores.json" else [])
    return found


def figures(qualities: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
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


def _same_seeds(found: dict[str, Any], wanted: Sequence[int], path: Path, keys: Sequence[str]) -> None:
    with kept.intact(path):
        seeds = [one["seed"] for one in found["seeds"]]
        if lacking := [key for key in keys for one in found["seeds"] if not isinstance(one[key], dict)]:
            raise ValueError(f"its {lacking[0]} are no object")
    if seeds != list(wanted):
        raise UserError(f"{path}: made with seeds {seeds}, params.yaml has {list(wanted)}; run `dvc repro`")


def history(model: str, seed: int) -> pandas.DataFrame:
    return kept.table(layout.seed_folder(layout.MODELS / model, seed) / "history.csv", "epoch", "labels_told")


def _confusion(model: str) -> np.ndarray:
    path = layout.EVALUATION / model / "confusion.csv"
    counts = kept.table(path, index=True).to_numpy()
    with kept.intact(path):
        if counts.shape[0] != counts.shape[1]:
            raise ValueError(f"its shape is {list(counts.shape)}")
    return counts


def _embedding(model: str) -> tuple[np.ndarray, np.ndarray]:
    found = kept.arrays(layout.EVALUATION / model / "embedding.npz", embedding=("f", 2), labels=("i", 1))
    return found["embedding"], found["labels"]


def extractor(name: str) -> dict[str, Any]:
    """The quality and, kept apart from it since it differs between runs, the speed."""
    quality: dict[str, Any] = kept.read_json(layout.FEATURES / name / "quality.json")
    return {**quality, **kept.read_json(layout.FEATURES / name / "speed.json", "images_per_second")}

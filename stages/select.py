"""A ranking of the pool by one strategy, for each seed, and how good the choice is.

`python -m stages.select <strategy>` reads the features that the strategy names; which images of the pool have a label
already, or were left without one, beside which the strategy chooses as many as labels.budget leaves; the labels of the
pool, and the validation images' features and labels, only for the quality, after the choice. Writes
data/selection/<strategy>/: ranking.npy int64 [seeds, n] (the labelled first, in the order in which the strategy would
have chosen them, then the chosen, then the others in random order), clusters.npy int64 [seeds, n] (-1 for noise, and
for a strategy without clusters), chosen.csv (the files to label, the first first, for each seed, each with its cluster
and why it was chosen), quality.json, and curve.json where the strategy read a parameter of its own off a curve.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import torch

from stages.base.errors import UserError, run
from stages.base.files import whole_folder
from stages.geometry.neighbours import nearest
from stages.measures.choice import quality
from stages.measures.worth import worth
from stages.project import former, kept, layout, params
from stages.selection import Selection, member, ranked
from stages.training.device import pick

AGREEMENT = ("homogeneity", "completeness", "v_measure", "ari", "ami", "nmi")  # of clusters with classes


def main() -> None:
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        former.of_select(sys.argv[1:])
    parameters = params.read()
    name = parameters.strategies.named(sys.argv[1:])
    settings = parameters.strategies[name]
    device = pick(parameters.compute)
    path = layout.FEATURES / settings.extractor / "pool.npy"
    features = kept.array(path, "f", 2)
    if not np.isfinite(features).all():
        bad = int((~np.isfinite(features).all(1)).sum())
        raise UserError(f"{path}: features of {bad} images are not finite; check extractors.{settings.extractor}")
    pool = layout.part("pool")
    names, classes = pool.names, layout.description()["classes"]
    if len(features) != len(pool.labels):
        raise UserError(f"{path}: {len(features)} rows for {len(pool.labels)} images of the pool; run `dvc repro`")
    budget = parameters.labels.count(len(features), len(classes))
    validation_features, validation_labels = _validation(settings.extractor)
    radius = _radius(settings.extractor)

    strategy = member(settings.strategy)
    labelled, skipped = layout.answered(len(features))
    known = {"labelled": labelled, "skipped": skipped}
    found = ranked(
        strategy, features, budget, settings, first=pool.first, **known, seeds=parameters.seeds, device=device
    )
    selections, rankings = zip(*found, strict=True)
    # a photo that stands in the pool sixty times is one to cover
    once = np.flatnonzero(pool.first == np.arange(len(pool.first)))
    points = torch.from_numpy(features).to(device)
    figures, notes = [], []
    for seed, selection in zip(parameters.seeds, selections, strict=True):
        distances, to = nearest(points, points[torch.from_numpy(selection.indices).to(device)], 1)
        distances = distances[torch.from_numpy(once).to(device)]
        one, said = quality(distances, to, selection, pool.labels, classes)
        value, more = worth(
            features,
            pool.labels,
            selection.indices,
            validation_features,
            validation_labels,
            distances,
            radius=radius,
            device=device,
        )
        # one dictionary after the other: a figure of the strategy's own may not hide behind another of its name
        figures.append(dict(seed=seed, **selection.figures, **one, **value, coverage_radius=radius))
        said = [*selection.notes, *said, *more]
        if one["left_out"]:
            said = [
                *said,
                f"seed {seed}: {one['left_out']} of the {len(selection.indices)} images chosen have no label",
            ]
        notes += [note for note in said if note not in notes]

    n = len(features)
    none = np.full(n, -1, dtype=np.int64)
    with whole_folder(layout.SELECTION / name) as folder:
        np.save(folder / "ranking.npy", np.stack(rankings))
        np.save(
            folder / "clusters.npy",
            np.stack([none if s.clusters is None else s.clusters for s in selections]),
        )
        layout.write_table(
            folder / "chosen.csv",
            [row for seed, one in zip(parameters.seeds, selections, strict=True) for row in _chosen(seed, one, names)],
        )
        layout.write_json(
            folder / "quality.json",
            {"strategy": name, "budget": budget, "labelled": len(labelled), "seeds": figures, "notes": notes},
        )
        # of the first seed, as other pictures of one seed are
        if (curve := selections[0].curve) is not None:
            layout.write_json(folder / "curve.json", asdict(curve) | {"x": curve.x.tolist(), "y": curve.y.tolist()})
    beside = f", {len(labelled):,} labelled already" if len(labelled) else ""
    print(f"{name}: {budget} of {n} images{beside}, balance {', '.join(_shown(one['balance']) for one in figures)}")
    if selections[0].clusters is not None:
        for figure in dict.fromkeys([*selections[0].figures, *AGREEMENT]):
            if any(one[figure] is not None for one in figures):
                print(f"  {figure} {', '.join(_shown(one[figure]) for one in figures)}")


def _validation(extractor: str) -> tuple[np.ndarray, np.ndarray]:
    """Features [m, d] and labels [m] of the validation images, on which a choice is judged; no strategy sees them."""
    path = layout.FEATURES / extractor / "validation.npy"
    features = kept.array(path, "f", 2)
    labels = layout.part("validation").labels
    if len(features) != len(labels):
        raise UserError(f"{path}: {len(features)} rows for {len(labels)} images; run `dvc repro`")
    return features, labels


def _radius(extractor: str) -> float:
    """Within which a chosen image covers others; one for all choices by these features."""
    path = layout.FEATURES / extractor / "coverage.json"
    found = kept.read_json(path, "radius")["radius"]
    with kept.intact(path):
        if not isinstance(found, float) or not 0 <= found < np.inf:
            raise ValueError("its radius is no distance")
    return found


def _chosen(seed: int, selection: Selection, names: np.ndarray) -> Iterator[dict[str, object]]:
    """A row for each chosen image: where it stands, and why."""
    for place, index in enumerate(selection.indices):
        row: dict[str, object] = {"seed": seed, "rank": place + 1, "image": names[index]}
        if selection.clusters is not None:
            row["cluster"] = selection.clusters[index]
        yield row | {
            reason: f"{values[place]:.6g}" for reason, values in selection.reasons.items() if np.isfinite(values[place])
        }


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


if __name__ == "__main__":
    run(main)

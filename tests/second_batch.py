"""python -m tests.second_batch ARCHIVE FOLDER: what a second batch of 50 labels after a first of 50 brings: chosen
beside the first, as `select` does it; chosen as if nothing were labelled, with the rule by which the export made up for
it until then; and one batch of 100.

ARCHIVE holds CIFAR-10 as folders, of which 4,000 training images are read: 2,000 to choose from, 2,000 to judge by.
FOLDER keeps the features and each row, so that a run that was stopped goes on. metrics/reported/second-batch.md has
what it printed.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from stages.base import families
from stages.base.errors import UserError
from stages.base.files import whole_file
from stages.selection import NONE, Selection, choose, member
from tests.blocks import settings
from tests.probes import features, ours, pictures

POOL, ALL, BATCH, SEEDS = 2000, 4000, 50, range(5)
WAYS = ("beside the first", "until now", "one batch of 100")


def chosen(name: str, pool: np.ndarray, count: int, labelled: np.ndarray, seed: int) -> Selection:
    """As the stage chooses; the density strategies in the space in which they find clusters."""
    block = settings("strategies", name, **({"reduction": "umap"} if name in ("dbscan", "hdbscan", "optics") else {}))
    first, cpu = np.arange(len(pool)), torch.device("cpu")
    known = {"labelled": labelled, "skipped": NONE}
    return choose(member(name), pool, count, block, first=first, **known, seeds=[seed], device=cpu)[0]


def until_now(whole: Selection, labelled: np.ndarray) -> np.ndarray:
    """The next of a choice that knows of no label, but for those last whose place in their cluster a labelled image
    that was not chosen has taken: `beside` of stages/handout/task.py at e957bee."""
    clusters = np.full(POOL, -1) if whole.clusters is None else whole.clusters
    taken = Counter(clusters[one] for one in labelled if one not in whole.indices and clusters[one] >= 0)
    first, last = list[int](), list[int]()
    for one in whole.indices[::-1].tolist():
        stands = one not in labelled and taken[clusters[one]] > 0
        taken[clusters[one]] -= stands
        (last if stands else first).append(one)
    order = [one for one in [*first[::-1], *last[::-1]] if one not in labelled]
    return np.array(order[:BATCH])


def rows(name: str, vectors: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Of each way, the accuracy (%) of logistic regression and of the nearest neighbour, the largest and the mean
    distance to the nearest labelled image."""
    pool, others = vectors[:POOL], vectors[POOL:]
    first = chosen(name, pool, BATCH, NONE, seed).indices
    whole = chosen(name, pool, 2 * BATCH, NONE, seed)
    ways = (np.append(first, chosen(name, pool, BATCH, first, seed).indices), np.append(first, until_now(whole, first)))
    return {way: judged(pool, others, labels, told) for way, told in zip(WAYS, (*ways, whole.indices), strict=True)}


def judged(pool: np.ndarray, others: np.ndarray, labels: np.ndarray, told: np.ndarray) -> list[float]:
    assert len(set(told.tolist())) == 2 * BATCH
    linear = ours(None)(pool, pool[told], labels[told], others)
    unit = [torch.nn.functional.normalize(torch.from_numpy(x)) for x in (others, pool[told])]
    nearest = labels[told][torch.cdist(*unit).argmin(1).numpy()]
    right = [100 * float((found == labels[POOL:]).mean()) for found in (linear, nearest)]
    apart = torch.cdist(torch.from_numpy(pool), torch.from_numpy(pool[told])).amin(1)
    return [*right, apart.max().item(), apart.mean().item()]


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Means with standard deviations over the seeds; and of the first way against the second, pair by pair."""
    lines = ["| strategy | second batch | logistic (%) | 1-NN (%) | mean distance |", "|---|---|---|---|---|"]
    pairs = ["| strategy | logistic | 1-NN |", "|---|---|---|"]
    for name in families.names("selection"):
        own = [found[f"{name} {seed}"] for seed in SEEDS if found.get(f"{name} {seed}")]
        if len(own) < len(SEEDS):
            lines.append(f"| `{name}` | finds no clusters in {len(SEEDS) - len(own)} of {len(SEEDS)} seeds | | | |")
            continue
        by_way = {way: np.array([one[way] for one in own]) for way in WAYS}
        for way, values in by_way.items():
            mean, std = values.mean(0), values.std(0, ddof=1)
            cells = [f"{mean[i]:.1f} ± {std[i]:.1f}" for i in (0, 1)] + [f"{mean[3]:.3f}"]
            lines.append(f"| `{name}` | {way} | {' | '.join(cells)} |")
        gain = by_way[WAYS[0]] - by_way[WAYS[1]]
        half = stats.t.ppf(0.975, len(own) - 1) * gain.std(0, ddof=1) / np.sqrt(len(own))
        pairs.append(f"| `{name}` | " + " | ".join(f"{gain.mean(0)[i]:+.1f} ± {half[i]:.1f}" for i in (0, 1)) + " |")
    return "\n".join([*lines, "", *pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "vectors.npz").exists():
        images, labels = pictures(arguments.archive)
        _, vectors = next(features(images[:ALL]))
        with whole_file(folder / "vectors.npz") as path, path.open("wb") as file:
            np.savez(file, vectors=vectors, labels=labels[:ALL])
    kept = np.load(folder / "vectors.npz")
    path = folder / "rows.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for seed in SEEDS:
        for name in families.names("selection"):
            if (key := f"{name} {seed}") not in found:
                try:
                    found[key] = rows(name, kept["vectors"], kept["labels"], seed)
                except UserError as error:
                    print(f"{key}: {error}")
                    found[key] = None
                with whole_file(path) as written:
                    written.write_text(json.dumps(found))
    print(table(found))


if __name__ == "__main__":
    main()

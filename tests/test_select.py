"""The stage on a small pool: what it writes, what it refuses, and that no strategy is told a label."""

from __future__ import annotations

import csv
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from stages import select
from stages.base import families
from stages.base.errors import UserError
from stages.measures.radius import common_radius
from stages.project import kept, layout, params
from stages.selection import NONE, Selection, choose, full_ranking
from stages.supervision.budget import Labels
from stages.training.device import Compute
from tests.blocks import settings

STRATEGIES = families.names("selection")
IMAGES, CLASSES = 60, ["cat", "dog", "owl"]


@cache
def strategies() -> dict[str, Any]:
    return {name: settings("strategies", name, extractor="any") for name in STRATEGIES}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three clouds of features with a label each, the last six images without; a budget of 9."""
    strategies()  # read from the project's params.yaml
    monkeypatch.chdir(tmp_path)
    labels = np.arange(IMAGES) % 3
    noise = 0.1 * np.random.default_rng(0).standard_normal((IMAGES, 3))
    give_features((np.eye(3)[labels] + noise).astype(np.float32))
    labels[-6:] = -1
    give_labels(labels)
    give_answered([])
    give_validation(np.arange(9) % 3)
    (layout.RAW / "train").mkdir(parents=True)
    np.save(layout.RAW / "train" / "names.npy", np.array([f"photo-{i}.jpg" for i in range(IMAGES)]))
    layout.write_json(layout.SPLIT / "description.json", {"classes": CLASSES})
    give_budget(monkeypatch, 9)
    return tmp_path


def give_features(features: np.ndarray, first: np.ndarray | None = None) -> None:
    folder = layout.FEATURES / "any"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "pool.npy", features)
    radius = common_radius(features, np.arange(len(features)) if first is None else first, torch.device("cpu"))
    layout.write_json(folder / "coverage.json", {"radius": radius})


def give_labels(labels: np.ndarray) -> None:
    layout.SPLIT.mkdir(parents=True, exist_ok=True)
    np.savez(layout.SPLIT / "pool.npz", indices=np.arange(len(labels)), labels=labels, first=np.arange(len(labels)))


def give_answered(labelled: list[int], skipped: list[int] | None = None) -> None:
    np.savez(layout.ANSWERED, labelled=np.array(labelled, int), skipped=np.array(skipped or [], int))


def give_validation(labels: np.ndarray) -> None:
    np.save(layout.FEATURES / "any" / "validation.npy", np.eye(3)[np.arange(len(labels)) % 3].astype(np.float32))
    np.savez(
        layout.SPLIT / "validation.npz",
        indices=IMAGES + np.arange(len(labels)),
        labels=labels,
        first=np.arange(len(labels)),
    )


def give_budget(monkeypatch: pytest.MonkeyPatch, budget: int | str) -> None:
    parameters = SimpleNamespace(
        seeds=[3, 1],
        compute=Compute(device="cpu", precision="fp32", compile=False),
        labels=Labels(strategy="random", budget=budget, file="data/none", audit=0),
        strategies=params.Blocks("strategies", {name: one.model_dump() for name, one in strategies().items()}),
    )
    monkeypatch.setattr(params, "read", lambda: parameters)


def stage(name: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "argv", ["select", name])
    select.main()
    return layout.SELECTION / name


@pytest.mark.parametrize("name", STRATEGIES)
def test_names_the_files_to_label_best_first(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage(name, monkeypatch)
    lines = (folder / "chosen.csv").read_text().splitlines()
    rankings = np.load(folder / "ranking.npy")
    expected = [
        f"{seed},{rank},photo-{image}.jpg"
        for seed, ranking in zip([3, 1], rankings, strict=True)
        for rank, image in enumerate(ranking[:9], 1)
    ]
    assert [",".join(line.split(",")[:3]) for line in lines] == ["seed,rank,image", *expected]


@pytest.mark.parametrize("name", STRATEGIES)
def test_says_of_each_file_its_cluster_and_why_it_was_chosen(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stage(name, monkeypatch)
    with (folder / "chosen.csv").open() as file:
        rows = list(csv.DictReader(file))
    of_strategy = choose(
        families.load("selection", name),
        np.load(layout.FEATURES / "any" / "pool.npy"),
        9,
        strategies()[name],
        labelled=NONE,
        skipped=NONE,
        first=np.arange(IMAGES),
        seeds=[3],
        device=torch.device("cpu"),
    )[0]
    assert ("cluster" in rows[0]) == (of_strategy.clusters is not None)
    if of_strategy.clusters is not None:
        clusters = np.load(folder / "clusters.npy")[0]
        assert [int(row["cluster"]) for row in rows[:9]] == clusters[of_strategy.indices].tolist()
    for reason, values in of_strategy.reasons.items():
        assert values.shape == (9,)
        written = [float(row[reason] or "nan") for row in rows[:9]]
        np.testing.assert_allclose(written, values, rtol=1e-5)
    assert (folder / "curve.json").exists() == (of_strategy.curve is not None)


@pytest.mark.parametrize("name", STRATEGIES)
def test_writes_a_ranking_of_the_whole_pool_for_each_seed(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stage(name, monkeypatch)
    ranking, clusters = (np.load(folder / f"{file}.npy") for file in ("ranking", "clusters"))
    assert ranking.dtype == clusters.dtype == np.int64
    assert ranking.shape == clusters.shape == (2, IMAGES)
    np.testing.assert_array_equal(np.sort(ranking, axis=1), np.tile(np.arange(IMAGES), (2, 1)))
    assert not np.array_equal(ranking[0], ranking[1])


@pytest.mark.parametrize("name", STRATEGIES)
def test_says_how_good_the_choice_is(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = stage(name, monkeypatch)
    said = kept.read_json(folder / "quality.json")
    assert (said["strategy"], said["budget"]) == (name, 9)
    without = [
        f"seed {one['seed']}: {one['left_out']} of the 9 images chosen have no label"
        for one in said["seeds"]
        if one["left_out"]
    ]
    everywhere = "nmi, ari: 6 images of the pool without a label are left out"
    assert sorted(said["notes"]) == sorted([everywhere, *without])
    assert [one["seed"] for one in said["seeds"]] == [3, 1]
    labels = np.load(layout.SPLIT / "pool.npz")["labels"]
    for one, ranked in zip(said["seeds"], np.load(folder / "ranking.npy"), strict=True):
        told = labels[ranked[:9]]
        assert one["class_counts"] == {c: int((told == number).sum()) for number, c in enumerate(CLASSES)}
        assert one["left_out"] == (told < 0).sum()
        assert 0 < one["mean_distance"] < one["largest_distance"]
        assert 0 < one["coverage"] <= 1
        # the classes lie apart: right is every image of a class that was told
        known = len(set(told[told >= 0].tolist())) / 3
        assert one["one_nn"] == one["linear_probe"] == pytest.approx(known)


@pytest.mark.parametrize("name", STRATEGIES)
def test_labels_change_the_quality_and_never_the_choice(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (stage(name, monkeypatch) / "ranking.npy").read_bytes()
    give_labels(np.full(IMAGES, -1))
    give_validation(np.full(9, 2))
    folder = stage(name, monkeypatch)
    assert (folder / "ranking.npy").read_bytes() == before
    said = kept.read_json(folder / "quality.json")
    assert [one["balance"] for one in said["seeds"]] == [None, None]
    assert [one["one_nn"] for one in said["seeds"]] == [None, None]
    assert "one_nn, linear_probe: no chosen image has a label" in said["notes"]
    assert "seed 3: 9 of the 9 images chosen have no label" in said["notes"]


def test_prints_what_is_known_of_clusters(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = kept.read_json(stage("dbscan", monkeypatch) / "quality.json")["seeds"]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("dbscan: 9 of 60 images, balance ")
    assert [line.split()[0] for line in printed[1:]] == [
        *("clusters", "noise", "eps", "silhouette"),
        *("homogeneity", "completeness", "v_measure", "ari", "ami", "nmi"),
    ]
    assert f"  clusters {said[0]['clusters']}, {said[1]['clusters']}" in printed
    stage("random", monkeypatch)
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_pool_without_clusters_is_refused_and_nothing_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_features(np.ones((IMAGES, 2), np.float32))
    with pytest.raises(UserError, match="min_samples=5 among 1 images whose features differ; lower it"):
        stage("dbscan", monkeypatch)
    assert not layout.SELECTION.exists()


def test_same_files_twice(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, again = ({p.name: p.read_bytes() for p in stage("kmeans", monkeypatch).iterdir()} for _ in range(2))
    assert first == again and sorted(first) == ["chosen.csv", "clusters.npy", "quality.json", "ranking.npy"]


@pytest.mark.parametrize(("budget", "images"), [("3/class", 9), ("10%", 6), (60, 60)])
def test_budget_in_every_form(budget: int | str, images: int, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_budget(monkeypatch, budget)
    assert kept.read_json(stage("random", monkeypatch) / "quality.json")["budget"] == images


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(
    broken: float, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = np.ones((IMAGES, 2), np.float32)
    features[4, 1] = broken
    np.save(layout.FEATURES / "any" / "pool.npy", features)
    with pytest.raises(UserError, match=r"features/any/pool\.npy: features of 1 images are not finite"):
        stage("random", monkeypatch)
    assert not layout.SELECTION.exists()


def test_a_budget_above_the_pool_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_budget(monkeypatch, IMAGES + 1)
    with pytest.raises(UserError, match=r"labels\.budget"):
        stage("random", monkeypatch)
    assert not layout.SELECTION.exists()


def test_stale_features_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_features(np.ones((IMAGES - 1, 2), np.float32))
    with pytest.raises(UserError, match="59 rows for 60 images"):
        stage("random", monkeypatch)


def test_stale_features_of_the_validation_part_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(layout.FEATURES / "any" / "validation.npy", np.ones((8, 3), np.float32))
    with pytest.raises(UserError, match=r"validation\.npy: 8 rows for 9 images"):
        stage("random", monkeypatch)


def test_no_validation_image_leaves_out_what_it_would_judge(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    give_validation(np.zeros(0, np.int64))
    said = kept.read_json(stage("coreset", monkeypatch) / "quality.json")
    assert [one["linear_probe"] for one in said["seeds"]] == [None, None]
    assert said["notes"].count("one_nn, linear_probe: no validation image has a label") == 1
    assert all(one["balance"] > 0 and one["coverage"] > 0 for one in said["seeds"])


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_radius_is_that_of_the_features(name: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout.write_json(layout.FEATURES / "any" / "coverage.json", {"radius": 0.25})
    said = kept.read_json(stage(name, monkeypatch) / "quality.json")["seeds"]
    assert [one["coverage_radius"] for one in said] == [0.25] * 2


@pytest.mark.parametrize(
    "content", ["", "{}", '{"radius": NaN}', '{"radius": -1.0}', '{"radius": "1"}', '{"radius": [1]}']
)
def test_a_broken_radius_is_refused(content: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (layout.FEATURES / "any" / "coverage.json").write_text(content)
    with pytest.raises(UserError, match=r"coverage\.json is broken \(.*\); remove it and run `dvc repro extract@any`"):
        stage("random", monkeypatch)
    assert not layout.SELECTION.exists()


@pytest.mark.parametrize("scale", [0.01, 1, 1000])
def test_coverage_is_by_a_radius_of_the_features_own_scale(
    scale: float, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features = scale * np.load(layout.FEATURES / "any" / "pool.npy")
    give_features(features)
    folder = stage("random", monkeypatch)
    said = kept.read_json(folder / "quality.json")["seeds"]
    distances = np.sort(np.linalg.norm(features[:, None] - features[None], axis=2), axis=1)
    # 1 % of 60 images is the nearest other one
    radius = np.quantile(distances[:, 1], 0.5, method="lower")
    for one, ranked in zip(said, np.load(folder / "ranking.npy"), strict=True):
        assert one["coverage_radius"] == pytest.approx(radius, rel=1e-4)
        nearest = np.linalg.norm(features[:, None] - features[None, ranked[:9]], axis=2).min(axis=1)
        # the radius is itself the distance of two images, which rounding may put on either side of it
        least, most = ((nearest <= radius * (1 + slack)).mean() for slack in (-1e-4, 1e-4))
        assert least - 1e-9 <= one["coverage"] <= most + 1e-9
        assert 9 / IMAGES <= one["coverage"] < 0.6


def test_missing_features_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("coverage.json", "pool.npy"):
        (layout.FEATURES / "any" / name).unlink()
        with pytest.raises(UserError, match=rf"any/{name} is missing; run `dvc repro extract@any`"):
            stage("random", monkeypatch)


@pytest.mark.parametrize("arguments", [[], ["random", "more"], ["randm"], ["random", "--seed", "1"]])
@pytest.mark.usefixtures("project")
def test_a_wrong_call_is_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["select", *arguments])
    with pytest.raises((SystemExit, UserError)):
        select.main()


def test_full_ranking_keeps_the_order_of_the_chosen() -> None:
    chosen = Selection(np.array([7, 2, 5]), None)
    ranking = full_ranking(chosen.indices, np.arange(10), seed=0)
    assert ranking[:3].tolist() == [7, 2, 5] and sorted(ranking.tolist()) == list(range(10))
    assert ranking.tolist() == full_ranking(chosen.indices, np.arange(10), seed=0).tolist()
    assert ranking.tolist() != full_ranking(chosen.indices, np.arange(10), seed=1).tolist()


def photos(monkeypatch: pytest.MonkeyPatch, of: np.ndarray) -> None:
    """A pool of pictures in 2 clouds, of which each is a copy of that of its number `of`."""
    noise = np.random.default_rng(0).standard_normal((len(of), 6)) + 8 * np.eye(2, 6)[np.arange(len(of)) % 2]
    first = np.array([of.tolist().index(one) for one in of])
    give_features(noise[of].astype(np.float32), first)
    np.savez(layout.SPLIT / "pool.npz", indices=np.arange(len(of)), labels=np.arange(len(of)) % 3, first=first)
    np.save(layout.RAW / "train" / "names.npy", np.array([f"photo-{i}.jpg" for i in range(len(of))]))
    np.save(layout.FEATURES / "any" / "validation.npy", np.zeros((9, 6), np.float32))
    give_budget(monkeypatch, 20)


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_photo_that_stands_sixty_times_in_a_hundred_takes_one_label(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = np.random.default_rng(3).permutation(np.r_[np.arange(40), np.full(60, 5)])
    photos(monkeypatch, of)
    folder = stage(name, monkeypatch)
    for ranking in np.load(folder / "ranking.npy"):
        # the copies come last, whatever the budget is raised to
        assert sorted(of[ranking[:40]].tolist()) == list(range(40))
        assert sorted(ranking.tolist()) == list(range(100))
    for one in kept.read_json(folder / "quality.json")["seeds"]:
        assert one["coverage_radius"] > 0.1
        assert 0.5 <= one["coverage"] < 1


def test_features_that_tell_nothing_apart_have_no_coverage(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photos(monkeypatch, np.arange(100))
    give_features(np.ones((100, 6), np.float32))
    said = kept.read_json(stage("kmeans", monkeypatch) / "quality.json")
    assert [one["coverage"] for one in said["seeds"]] == [None, None]
    assert said["notes"][0].startswith("features: 99 images have those of another, though the pictures differ")
    assert "coverage: most pictures have the same features as others; take another extractor" in said["notes"]


@pytest.mark.parametrize("name", STRATEGIES)
def test_what_is_labelled_comes_first_and_what_was_skipped_last(
    name: str, project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    give_answered([4, 7, 31, 50], [5, 6])
    rankings = np.load(stage(name, monkeypatch) / "ranking.npy")
    assert "9 of 60 images, 4 labelled already" in capsys.readouterr().out
    for ranking in rankings:
        assert sorted(ranking.tolist()) == list(range(IMAGES))
        assert set(ranking[:4].tolist()) == {4, 7, 31, 50} and set(ranking[-2:].tolist()) == {5, 6}
    assert kept.read_json(layout.SELECTION / name / "quality.json")["labelled"] == 4


def test_answers_of_another_pool_are_refused(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for labelled, skipped in (([IMAGES], []), ([-1], []), ([3], [3])):
        give_answered(labelled, skipped)
        with pytest.raises(UserError, match=r"answered.npz is broken .* run `dvc repro split`"):
            stage("kmeans", monkeypatch)

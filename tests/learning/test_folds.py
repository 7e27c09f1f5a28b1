"""Out of fold: no label has a say in what is guessed about its own image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from stages import encoders
from stages.learning.folds import folds_of, out_of_fold
from stages.learning.job import Job
from stages.training.loop import Hardware, seed_all
from tests.images import of
from tests.tiny import CPU, LABELS, pictures, small

BOUGHT = np.random.default_rng(1).permutation(60)[:30]
CLASSES = ["red", "green", "blue"]


def run(folder: Path, labels: np.ndarray, member: str = "logistic") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the 30 images bought: which, their folds, and the logits out of fold."""
    folder.mkdir()
    settings = small("models", member, epochs=1)
    job = Job("m", settings, None, CLASSES, labels, np.empty(0, np.int64), Hardware(CPU, half=False, compile=False))
    seed_all(0, 0)
    encoders.save(encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3), folder / "start")
    judged = np.sort(BOUGHT)
    folds = folds_of(LABELS[judged], 3, 0)
    logits = out_of_fold(job, 0, folder / "start", of(pictures()), BOUGHT, judged, folds, folder)
    return judged, folds, logits


def test_folds_are_even_in_size_and_in_each_class() -> None:
    labels = np.random.default_rng(0).integers(0, 3, 50)
    folds = folds_of(labels, 5, seed=1)
    assert np.bincount(folds).tolist() == [10] * 5
    for label in range(3):
        counts = np.bincount(folds[labels == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert not np.array_equal(folds, folds_of(labels, 5, seed=2))
    assert np.array_equal(folds, folds_of(labels, 5, seed=1))


def test_a_label_has_no_say_in_its_own_fold_and_has_in_others(tmp_path: Path) -> None:
    judged, folds, logits = run(tmp_path / "a", LABELS)
    changed = LABELS.copy()
    changed[judged[folds == 0]] = (changed[judged[folds == 0]] + 1) % 3
    _, _, others = run(tmp_path / "b", changed)
    assert np.array_equal(logits[folds == 0], others[folds == 0])
    assert not np.allclose(logits[folds != 0], others[folds != 0])


def test_labels_that_were_not_bought_have_no_say(tmp_path: Path) -> None:
    _, _, logits = run(tmp_path / "a", LABELS)
    scrambled = np.where(np.isin(np.arange(60), BOUGHT), LABELS, (LABELS + 1) % 3)
    assert np.array_equal(logits, run(tmp_path / "b", scrambled)[2])


def test_guesses_are_right_where_colours_tell(tmp_path: Path) -> None:
    judged, _, logits = run(tmp_path / "a", LABELS)
    assert (logits.argmax(1) == LABELS[judged]).mean() > 0.8


def test_a_regime_that_moves_its_encoder_is_judged_by_the_encoder_that_it_moved(tmp_path: Path) -> None:
    _, _, logits = run(tmp_path / "a", LABELS, "supervised")
    assert logits.shape == (30, 3) and np.isfinite(logits).all() and torch.tensor(logits).std(0).min() > 0

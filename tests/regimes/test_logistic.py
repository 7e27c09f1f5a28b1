"""Logistic regression as a regime: exact, without steps, and of a strength that the labels choose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from stages.modules.softmax_regression import CONSTANT
from stages.regimes import logistic
from stages.training import checkpoint
from tests.tiny import LABELS, train, world_of
from tests.tiny import small as block


def test_it_predicts_what_scikit_learns_does_on_the_same_vectors(tmp_path: Path) -> None:
    regime, history = train("models", "logistic", tmp_path / "a.safetensors", epochs=1)
    head = regime.head
    from tests.images import of
    from tests.tiny import pictures

    images = of(pictures())
    vectors = images.vectors(regime.encoder)
    inputs = head.inputs(vectors).numpy()  # type: ignore[operator]
    told = world_of(block("models", "logistic", epochs=1)).told(0)
    wide = np.hstack([inputs, np.full((len(inputs), 1), CONSTANT)])
    theirs = LogisticRegression(C=10, fit_intercept=False, tol=1e-8, max_iter=10_000).fit(wide[told], LABELS[told])
    ours = head(vectors).softmax(1).detach().numpy()  # type: ignore[operator]
    np.testing.assert_allclose(ours, theirs.predict_proba(wide), atol=2e-3)
    assert len(history) == 1 and history[0]["loss"] == history[0]["loss/cross_entropy"] > 0


def test_what_follows_a_schedule_is_solved_anew_for_what_is_told(tmp_path: Path) -> None:
    _, rows = train("models", "logistic", tmp_path / "a.safetensors", follows="schedule")
    told = [row["labels_told"] for row in rows]
    assert told == sorted(told) and told[0] < told[-1]
    assert len({row["loss"] for row in rows}) > 1


def test_checkpoints_hold_the_head_alone(tmp_path: Path) -> None:
    regime, _ = train("models", "logistic", tmp_path / "a.safetensors", epochs=1)
    assert not [key for key in checkpoint._read(tmp_path / "a.safetensors")[0] if "encoder" in key]
    assert not any(parameter.requires_grad for parameter in regime.parameters())


def noisy(count: int, dim: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(count) % 2
    inputs = torch.randn(count, dim, generator=generator) * noise
    inputs[:, 0] += labels * 2.0 - 1
    return inputs / inputs.square().sum(1).mean().sqrt(), labels


def test_the_usual_strength_stays_where_the_others_are_no_better() -> None:
    torch.manual_seed(0)
    assert logistic.chosen(*noisy(60, 5, 0.1), 2) == logistic.USUAL
    assert logistic.chosen(*noisy(9, 5, 5.0), 2) == logistic.USUAL


def test_many_noisy_features_ask_for_a_smaller_strength() -> None:
    torch.manual_seed(0)
    assert logistic.chosen(*noisy(400, 300, 1.0), 2) < logistic.USUAL

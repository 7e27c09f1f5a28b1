"""Softmax regression beside scikit-learn's, and what its bias may say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from stages.modules.softmax_regression import CONSTANT, fit


def points(count: int, classes: int = 4, dim: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (count,), generator=generator)
    centres = torch.randn(classes, dim, generator=generator)
    inputs = centres[labels] + 1.5 * torch.randn(count, dim, generator=generator)
    return inputs / inputs.square().sum(1).mean().sqrt(), labels


@pytest.mark.parametrize("strength", [0.1, 10.0, 100.0])
def test_it_is_scikit_learns_with_a_column_for_the_bias(strength: float) -> None:
    inputs, labels = points(200)
    weight, bias = fit(inputs, labels, 4, strength)
    wide = np.hstack([inputs.numpy(), np.full((200, 1), CONSTANT)])
    theirs = LogisticRegression(C=strength, fit_intercept=False, tol=1e-8, max_iter=10_000).fit(wide, labels.numpy())
    size = np.abs(theirs.coef_).max()
    np.testing.assert_allclose(weight.numpy(), theirs.coef_[:, :-1], atol=5e-3 * size)
    np.testing.assert_allclose(bias.numpy(), CONSTANT * theirs.coef_[:, -1], atol=5e-3 * size)


def test_the_gradient_is_gone_at_what_is_found() -> None:
    inputs, labels = points(100)
    weight, bias = (one.double().requires_grad_() for one in fit(inputs, labels, 4, 10.0))
    loss = torch.nn.functional.cross_entropy(inputs.double() @ weight.T + bias, labels, reduction="sum")
    loss = loss + (weight.square().sum() + (bias / CONSTANT).square().sum()) / 20
    loss.backward()  # type: ignore[no-untyped-call]
    assert weight.grad is not None and weight.grad.abs().max() < 1e-2


def test_a_few_labels_of_one_class_more_do_not_decide_where_features_say_nothing() -> None:
    labels = torch.tensor([0] * 6 + [1] * 4)
    inputs = torch.eye(10)
    weight, bias = fit(inputs, labels, 2, 10.0)
    # one of the four, each of which the features tell apart
    assert int((weight @ inputs[9] + bias).argmax()) == 1
    assert abs(float(bias[0] - bias[1])) < 0.1


def test_a_class_without_labels_has_less_than_those_with() -> None:
    inputs, labels = points(50, classes=3)
    weight, bias = fit(inputs, labels, 5, 10.0)
    assert set((inputs @ weight.T + bias).argmax(1).tolist()) <= {0, 1, 2}


def test_one_label_will_do() -> None:
    weight, bias = fit(torch.ones(1, 3), torch.zeros(1, dtype=torch.int64), 2, 10.0)
    assert weight.isfinite().all() and bias.isfinite().all()

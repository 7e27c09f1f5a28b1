"""What is reported of a history."""

from __future__ import annotations

import pandas as pd
import pytest

from stages.measures import model

CLASSES = ["cat", "dog", "newt"]


def test_balanced_validation_accuracy_is_the_mean_of_the_classes_that_have_images() -> None:
    history = pd.DataFrame({"validation_accuracy/cat": [0.1, 0.9], "validation_accuracy/dog": [0.5, 0.2]})
    assert model.balanced(model.by_class(history, CLASSES)) == pytest.approx(0.55)


def test_without_validation_images_there_is_none() -> None:
    assert model.balanced(model.by_class(pd.DataFrame({"epoch": [1, 2]}), CLASSES)) is None

from __future__ import annotations

import sys

import pytest

from stages.base import families
from stages.base.errors import UserError
from stages.project.params import FAMILIES


def test_names_are_the_files_without_helpers() -> None:
    assert {*families.names("selection")} >= {"coreset", "kmeans", "random"}
    for family in ("datasets", "encoders", *(family for family, _ in FAMILIES.values())):
        assert families.names(family)
        assert not [name for name in families.names(family) if name.startswith("_")]


def test_load_imports_the_file() -> None:
    assert families.load("selection", "random").__name__ == "stages.selection.random"
    assert "stages.selection.random" in sys.modules


@pytest.mark.parametrize("name", ["coresett", "_quality", "../params", "__init__"])
def test_a_name_that_no_file_bears_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"no file stages/selection/.*known: .*coreset, .*kmeans, "):
        families.load("selection", name)


def test_the_nearest_name_is_offered() -> None:
    assert families.choices("kmens", ["random", "kmeans"]) == "did you mean kmeans? known: random, kmeans"
    assert families.choices("xyz", ["random", "kmeans"]) == "known: random, kmeans"

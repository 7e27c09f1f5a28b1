from __future__ import annotations

import sys

import pytest

from stages import tenants
from stages.errors import UserError
from stages.params import FAMILIES


def test_names_are_the_files_without_helpers() -> None:
    assert {*tenants.names("selection")} >= {"coreset", "kmeans", "random"}
    for family in ("datasets", "encoders", *(family for family, _ in FAMILIES.values())):
        assert tenants.names(family)
        assert not [name for name in tenants.names(family) if name.startswith("_")]


def test_load_imports_the_file() -> None:
    assert tenants.load("selection", "random").__name__ == "stages.selection.random"
    assert "stages.selection.random" in sys.modules


@pytest.mark.parametrize("name", ["coresett", "_quality", "../params", "__init__"])
def test_a_name_that_no_file_bears_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"no file stages/selection/.*known: .*coreset, .*kmeans, "):
        tenants.load("selection", name)


def test_the_nearest_name_is_offered() -> None:
    assert tenants.choices("kmens", ["random", "kmeans"]) == "did you mean kmeans? known: random, kmeans"
    assert tenants.choices("xyz", ["random", "kmeans"]) == "known: random, kmeans"

from __future__ import annotations

import inspect
import sys
from typing import Any

import pytest

from stages import acquisition, datasets, encoders, extractors, pretraining, regimes, selection
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


PROTOCOLS = {
    "acquisition": acquisition.Member,
    "datasets": datasets.Member,
    "encoders": encoders.Member,
    "extractors": extractors.Member,
    "pretraining": pretraining.Member,
    "regimes": regimes.Member,
    "selection": selection.Member,
}


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family in PROTOCOLS for name in families.names(family)]
)
def test_a_member_holds_what_its_family_promises(family: str, name: str) -> None:
    """The types trust the protocols, for a file that is found by its name is no type to a checker."""
    member = families.load(family, name)
    assert missing(PROTOCOLS[family], member) == []
    if family == "pretraining":
        assert "encoder" in member.Settings.model_fields or missing(pretraining.OwnEncoder, member) == []
        assert "epochs" not in member.Settings.model_fields or missing(pretraining.Trained, member) == []


def missing(protocol: type, member: Any) -> list[str]:
    """What of a protocol a member lacks, or takes otherwise."""
    wanted = {key: value for key, value in vars(protocol).items() if inspect.isfunction(value) and key[0] != "_"}
    for above in protocol.__mro__:
        if "Settings" in vars(above).get("__annotations__", {}):
            wanted["Settings"] = None
    return [key for key, value in wanted.items() if not hasattr(member, key) or not same(value, getattr(member, key))]


def same(wanted: Any, found: Any) -> bool:
    """Whether a function takes what the protocol's, which has a self, does."""
    if wanted is None:
        return True
    _, *parameters = inspect.signature(wanted).parameters.values()
    mine = inspect.signature(found).parameters.values()
    return [(one.name, one.kind) for one in parameters] == [(one.name, one.kind) for one in mine]


def test_a_file_that_holds_something_else_is_seen() -> None:
    def select(features: Any, budget: int, settings: Any, *, device: Any) -> None: ...

    assert missing(selection.Member, type("Random", (), {"select": staticmethod(select)})) == ["select", "Settings"]

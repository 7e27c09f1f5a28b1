from __future__ import annotations

import unicodedata

import pytest
from pydantic import ValidationError

from stages.base.errors import UserError
from stages.project.evaluation import Settings

CLASSES = ["cat", "dog", "frog"]


def settings(**subsets) -> Settings:
    return Settings(subsets=subsets, neighbours=10, map_images=100, umap=False)


def test_subsets_are_the_first_k_or_those_named() -> None:
    found = settings(first_2=2, pets=["dog", "cat"], all=3).class_ids(CLASSES)
    assert found == {"first_2": [0, 1], "pets": [1, 0], "all": [0, 1, 2]}


def test_no_subsets_are_allowed() -> None:
    settings().check(CLASSES, "evaluation")
    assert settings().class_ids(CLASSES) == {}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (4, r"^params.yaml: evaluation.subsets.x=4: must be 1 to 3, the number of classes$"),
        (["cta"], r"^params.yaml: evaluation.subsets.x: no class 'cta'; did you mean cat\? known: cat, dog, frog$"),
    ],
)
def test_what_the_classes_cannot_give_is_refused(wanted, said) -> None:
    with pytest.raises(UserError, match=said):
        settings(x=wanted).check(CLASSES, "params.yaml: evaluation")


@pytest.mark.parametrize("wanted", [0, -1, []])
def test_an_empty_subset_is_refused(wanted) -> None:
    with pytest.raises(ValidationError):
        settings(x=wanted)


def test_classes_are_named_in_either_form_of_their_letters() -> None:
    one, two = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    assert settings(pets=[two]).class_ids(["dog", one]) == {"pets": [1]}

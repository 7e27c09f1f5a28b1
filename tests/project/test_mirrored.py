"""Who has digits is told where they are mirrored, by every preset that does so."""

from __future__ import annotations

from typing import Any

import pytest

from stages.base import families
from stages.project import mirrored
from stages.project.params import Params
from stages.project.reading import load_yaml
from tests.repository import ROOT


def parameters(name: str, flip: bool) -> Params:
    raw: dict[str, Any] = load_yaml(ROOT / "params.yaml")
    raw["data"]["name"] = name
    raw["pretrain"]["simclr"]["views"]["flip"] = flip
    return Params(raw)


@pytest.mark.parametrize("name", ["digits", "mnist", "svhn"])
def test_a_mirrored_digit_is_named_by_its_key(name: str) -> None:
    line = mirrored.said(parameters(name, flip=True))
    assert line.startswith(f"params.yaml: data.name={name}: a mirrored digit is another sign, or none; set to false: ")
    assert "pretrain.simclr.views.flip, models.supervised.views.flip" in line
    assert "pretrain.simclr.views.flip" not in mirrored.said(parameters(name, flip=False))


@pytest.mark.parametrize("name", sorted({*families.names("datasets")} - {"digits", "mnist", "svhn"}))
def test_photos_may_be_mirrored(name: str) -> None:
    assert mirrored.said(parameters(name, flip=True)) == ""

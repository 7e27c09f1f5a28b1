"""What is read in the source of the libraries, held against what they say themselves."""

from __future__ import annotations

import pytest

from stages.hub import _timm, _torchvision
from tests import blocks


def test_timms_source_tells_nearly_all_of_its_models_and_no_other() -> None:
    from timm.models import _registry

    names = _timm.names()
    known = [name for name in names[::60] if _timm.knows(name)]
    assert len(known) > 0.9 * len(names[::60])
    # registered, but without weights
    others = sorted(set(_registry._model_pretrained_cfgs) - set(names))
    assert len(others) > 100
    assert not [name for name in others[::2] if _timm.knows(name)]
    assert not [
        name for name in ("resnet51", "resnet50.", "resnet50.other", "", ".", "(", "Tensor") if _timm.knows(name)
    ]


def test_torchvisions_source_tells_all_of_its_models_and_no_other() -> None:
    from torchvision import models

    names = set(_torchvision.names())
    assert all(map(_torchvision.knows, names))
    assert not [name for name in {*dir(models), "", "("} - names if _torchvision.knows(name)]


@pytest.mark.parametrize("name", blocks.from_hubs("timm"))
def test_the_models_of_the_presets_are_known_by_source(name: str) -> None:
    assert _timm.knows(name)

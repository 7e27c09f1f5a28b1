import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from stages import hub
from stages.base.errors import UserError
from stages.hub import _weights
from tests.damage import refusals


def test_the_wrappers_of_training_scripts_are_taken_off(tmp_path: Path) -> None:
    torch.save({"epoch": 1, "state_dict": {"module.a": torch.ones(2)}}, tmp_path / "x.pth")
    assert _weights.read(tmp_path / "x.pth")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("content", [1, [torch.ones(1)], {}, {"a": 1}, {1: torch.ones(1)}, torch.ones(2), None])
def test_what_holds_no_weights_is_refused(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"x\.pth holds no named tensors; give the state_dict"):
        _weights.read(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "data", [b"", b"x", b"PK\3\4", pickle.dumps(print), pickle.dumps([1], protocol=5), b"\x80\x02.", b"\x80\x02K\x01b."]
)
@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
def test_what_is_no_file_of_weights_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=rf"{name} (is neither safetensors nor PyTorch|holds no named)"):
        _weights.read(tmp_path / name)


@pytest.mark.parametrize("name", ["gone.pth", "x" * 300, "folder"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=r": no such weight file; mend `weights`"):
        _weights.read(tmp_path / name)


@pytest.mark.parametrize("name", ["new.pth", "old.pth", "x.safetensors"])
def test_damage_ends_in_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    tensors = {"layer.weight": torch.ones(3, 2), "layer.bias": torch.zeros(3)}
    if name == "x.safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=name == "new.pth")
    assert refusals(path, _weights.read, range(150))


@pytest.mark.parametrize(
    ("library", "model"), [("timm", "test_resnet"), ("torchvision", "resnet18"), ("dino", "resnet50")]
)
@pytest.mark.parametrize("classifier", [True, False])
def test_weights_that_fit_but_for_their_names_are_told_so(
    library: hub.Library, model: str, classifier: bool, tmp_path: Path
) -> None:
    from torchvision import models

    own: Any = hub.empty(hub.Choice(library=library, model=model, upscale=None)).module
    if library == "torchvision":
        own = models.get_model(model)
    state = dict(own.state_dict())
    if classifier and library != "torchvision":
        state |= {"fc.weight": torch.zeros(10, 3), "fc.bias": torch.zeros(10)}
    path = tmp_path / "mine.pth"
    torch.save({f"backbone.{key}": value for key, value in state.items()}, path)
    choice = hub.Choice(library=library, model=model, upscale=None)
    with pytest.raises(UserError, match=rf"it lacks .*; by order and shape its tensors do fit: .*{model}'s state_dict"):
        hub.load(choice, path)

    first = next(iter(state))
    torch.save({f"backbone.{key}": value for key, value in state.items() if key != first}, path)
    with pytest.raises(UserError, match=rf"does not fit {library}'s {model}: .*; give the weights of"):
        hub.load(choice, path)

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stages import encoders
from stages.base.errors import UserError
from stages.training import saved


def write(folder: Path, **tensors: torch.Tensor) -> int:
    """An encoder, and those tensors for its head; the size of its vectors."""
    encoder = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3)
    encoders.save(encoder, folder)
    save_file(tensors, folder / "head.safetensors")
    return encoder.dim


def test_encoder_and_head_come_back(tmp_path: Path) -> None:
    dim = write(tmp_path, x=torch.ones(1))
    save_file({"weight": torch.ones(3, dim), "bias": torch.arange(3.0)}, tmp_path / "head.safetensors")
    encoder, head = saved.load(tmp_path, 3)
    assert head(encoder(torch.zeros(1, 3, 32, 32))).shape == (1, 3)
    assert saved.load(tmp_path)[1].bias.tolist() == [0, 1, 2]
    with pytest.raises(UserError, match=r"head\.safetensors is broken .*; remove .* and run `dvc repro`"):
        saved.load(tmp_path, 4)


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weight": torch.ones(3, 128)},
        {"weight": torch.ones(3), "bias": torch.ones(3)},
        {"weight": torch.ones(3, 7), "bias": torch.ones(3)},
        {"weight": torch.ones(3, 128), "bias": torch.ones(())},
        {"weight": torch.ones(3, 128), "bias": torch.ones(3), "more": torch.ones(3)},
    ],
)
def test_tensors_that_are_no_head_are_refused(tmp_path: Path, tensors: dict[str, torch.Tensor]) -> None:
    assert write(tmp_path, **tensors) == 128
    with pytest.raises(UserError, match=r"head\.safetensors is broken .*; remove .* and run `dvc repro`"):
        saved.load(tmp_path)


def test_a_head_cut_short_or_missing_is_refused(tmp_path: Path) -> None:
    write(tmp_path, weight=torch.ones(3, 128), bias=torch.ones(3))
    path = tmp_path / "head.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"head\.safetensors is broken .*; remove"):
        saved.load(tmp_path)
    path.unlink()
    with pytest.raises(UserError, match=r"head\.safetensors is missing"):
        saved.load(tmp_path)

import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from stages.base.errors import UserError
from stages.training import device
from stages.training.device import Compute, half, pick


def compute(**changes: object) -> Compute:
    return Compute.model_validate({"device": "cpu", "precision": "fp32", "compile": False} | changes)


def test_auto_is_the_cpu_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick(compute(device="auto")).type == "cpu"
    with pytest.raises(UserError, match=r"compute.device=cuda:1: this machine shows 0 GPUs"):
        pick(compute(device="cuda:1"))


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "mps", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        compute(device=name)


def test_precision() -> None:
    cpu = torch.device("cpu")
    assert half(compute(precision="bf16"), cpu) and not half(compute(precision="fp32"), cpu)


def test_each_worker_claims_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(device.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(device, "_claims", {})
    code = f"""
import tempfile; tempfile.gettempdir = lambda: {str(tmp_path)!r}
from stages.training import device
print(device._claim(2), flush=True); input()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    assert other.stdout is not None and other.stdout.readline() == "0\n"
    assert device._claim(2) == 1 and device._claim(2) == 1
    other.communicate("\n")
    monkeypatch.setattr(device, "_claims", {})
    assert device._claim(1) == 0, "the claim ended with its process"

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from stages.training import memory

ROOT = Path(__file__).parent.parent.parent

# a step with maps of 128 MB in all, again and again, and the bytes that the system gave for one of them
SCRIPT = """
import resource, torch
from stages.training.memory import keep_freed
kept = keep_freed(torch.device("cpu"))
def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    maps = [torch.empty(1 << 22).fill_(1) for _ in range(8)]
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * resource.getpagesize()
print(kept, min([step() for _ in range(20)][-5:]) < 1 << 25)
"""


def answer(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name in ("GLIBC_TUNABLES", "LD_PRELOAD"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's")
def test_what_is_freed_is_used_again_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = answer(monkeypatch)
    if kept == "False False":
        pytest.skip("another C library")
    assert kept == "True True"
    assert answer(monkeypatch, MALLOC_MMAP_THRESHOLD_="131072") == "False False"


def test_a_gpu_has_an_allocator_of_its_own() -> None:
    assert not memory.keep_freed(torch.device("cuda"))

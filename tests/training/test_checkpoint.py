import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from stages.base.errors import UserError
from stages.training import checkpoint
from stages.training.optimiser import Rule, build


def net(seed: int) -> nn.Sequential:
    torch.manual_seed(seed)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4 * 36, 2))
    return layers.to(memory_format=torch.channels_last)


def step(model: nn.Module, rule: torch.optim.Optimizer) -> None:
    rule.zero_grad()
    model(torch.ones(2, 3, 8, 8)).square().sum().backward()
    for group in rule.param_groups:
        group["lr"] = 0.01
    rule.step()


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "nesterov"])
def test_a_step_after_restoring_is_the_step_that_would_have_been(name: str, tmp_path: Path) -> None:
    """Channels-last weights and their moments lie alike in memory, or a fused step would mix them up."""
    path = tmp_path / "state.safetensors"
    rule_of = Rule(name=name, momentum=0.9, weight_decay=0.1)
    first = net(0)
    rule = build(rule_of, {"all": list(first.parameters())})
    step(first, rule)
    checkpoint.save(path, first, rule, [{"epoch": 1, "loss": 0.1 + 0.2}])
    step(first, rule)
    second = net(1)
    other = build(rule_of, {"all": list(second.parameters())})
    assert checkpoint.restore(path, second, other) == [{"epoch": 1, "loss": 0.1 + 0.2}]
    step(second, other)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    path.write_bytes(b"nothing")
    model = net(0)
    with pytest.raises(UserError, match=r"state.safetensors: a broken checkpoint .* remove it"):
        checkpoint.restore(
            path, model, build(Rule(name="sgd", momentum=0, weight_decay=0), {"all": list(model.parameters())})
        )


def foreign(path: Path, kind: str) -> None:
    """A file that safetensors reads, and is no checkpoint of `net`."""
    history = {"history": json.dumps([{"epoch": 1}])}
    if kind == "another program's":
        save_file({"weight": torch.ones(2)}, path)
    elif kind == "weights alone":
        save_file({f"method.{key}": value.contiguous() for key, value in net(0).state_dict().items()}, path)
    elif kind == "another net's":
        save_file({"method.0.weight": torch.ones(2)}, path, history)
    else:
        model = net(0)
        rule = build(Rule(name="adam", momentum=0.9, weight_decay=0), {"all": list(model.parameters())})
        step(model, rule)
        checkpoint.save(path, model, rule, [{"epoch": 1}])
        tensors = load_file(path)
        if kind == "an odd moment":
            tensors["optimiser.0.exp_avg"] = torch.ones(7)
        elif kind == "an odd key":
            tensors["optimiser.first.step"] = torch.ones(())
        save_file(tensors, path, {"history": "7"} if kind == "an odd history" else history)


@pytest.mark.parametrize(
    "kind",
    ["another program's", "weights alone", "another net's", "an odd moment", "an odd key", "an odd history"],
)
def test_a_file_of_tensors_that_is_no_checkpoint_is_named(tmp_path: Path, kind: str) -> None:
    path, model = tmp_path / "state.safetensors", net(0)
    foreign(path, kind)
    rule = build(Rule(name="adam", momentum=0.9, weight_decay=0), {"all": list(model.parameters())})
    with pytest.raises(UserError, match=r"state\.safetensors: a broken checkpoint .* remove it to begin") as refusal:
        checkpoint.restore(path, model, rule)
    assert "\n" not in str(refusal.value)


def test_the_key_follows_parameters_and_inputs(tmp_path: Path) -> None:
    (tmp_path / "input").write_text("a")
    first = checkpoint.key({"rate": 1}, [tmp_path])
    assert first == checkpoint.key({"rate": 1}, [tmp_path])
    # a process that has imported less finds the same
    code = "from pathlib import Path; from stages.training import checkpoint; import sys\n"
    code += f"print(checkpoint.key({{'rate': 1}}, [Path({str(tmp_path)!r})]))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == first
    assert first != checkpoint.key({"rate": 2}, [tmp_path])
    (tmp_path / "input").write_text("b")
    assert first != checkpoint.key({"rate": 1}, [tmp_path])


def test_the_scratch_folder_outlives_a_failure_and_not_a_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with pytest.raises(ZeroDivisionError), checkpoint.scratch("train", "key", tmp_path / "out") as folder:
        (folder / "state").touch()
        raise ZeroDivisionError
    with checkpoint.scratch("train", "key", tmp_path / "out") as folder:
        assert (folder / "state").exists()
    assert not folder.exists()


def test_one_at_a_time_on_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with (
        checkpoint.scratch("train", "key", tmp_path / "out"),
        pytest.raises(UserError, match=f"process {os.getpid()} is at work on it"),
        checkpoint.scratch("train", "other", tmp_path / "out"),
    ):
        pass


def test_the_same_run_for_another_output_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers of a queue may need the same encoder: the second must not fail."""
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    done: list[str] = []

    def other() -> None:
        with checkpoint.scratch("train", "key", tmp_path / "elsewhere"):
            done.append("second")

    thread = threading.Thread(target=other)
    with checkpoint.scratch("train", "key", tmp_path / "out"):
        thread.start()
        thread.join(0.3)
        done.append("first")
    thread.join(10)
    assert done == ["first", "second"]

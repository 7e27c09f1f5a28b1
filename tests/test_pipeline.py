"""The pipeline itself, run by DVC in a repository of its own: what a user types, and what then happens."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import preset
from stages.project import reading
from tests import blocks, repository
from tests.repository import ENVIRONMENT, call, commit, done, stages_run

pytestmark = pytest.mark.anywhere

METRICS = "metrics/metrics.json"


def tiny() -> dict[str, Any]:
    """The preset demo, cut down to what still has every stage."""
    raw = preset.overlay(blocks.base(), preset.load("demo"))
    raw["seeds"] = [0]
    raw["labels"] |= {"strategy": "random", "budget": 100}
    raw["evaluation"] |= {"umap": False, "map_images": 50}
    raw["pretrain"]["simclr"] |= blocks.warm(raw["pretrain"]["simclr"], 1) | {"steps": 2}
    raw["extractors"] = {"pixels": raw["extractors"]["pixels"]}
    raw["strategies"] = {"random": {"strategy": "random", "extractor": "pixels"}}
    raw["models"] = {name: raw["models"][name] | {"epochs": 2} for name in ("supervised", "gradual", "probe")}
    raw["models"]["gradual"] |= {"steps": 2}
    raw["rounds"] |= {"start": 40, "step": 40}
    raw["models"]["asking"] = raw["models"]["probe"] | {"follows": "rounds", "acquisition": {"name": "margin"}}
    return raw


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the project's files as they are now, reproduced and committed on the branch main."""
    folder = tmp_path_factory.mktemp("pipeline") / "project"
    repository.make(folder, tiny())
    ran = stages_run(done(folder, "dvc", "repro"))
    assert len(ran) == 16, ran
    commit(folder, "its results")
    return folder


@pytest.fixture(scope="module")
def experiment(project: Path) -> str:
    """What `dvc exp run` printed; its results are the branch `other`, the workspace is that of main again."""
    printed = done(project, "dvc", "exp", "run", "-S", "schedule.start_classes=2")
    done(project, "git", "checkout", "--quiet", "-b", "other")
    commit(project, "two classes at the start")
    done(project, "git", "checkout", "--quiet", "main")
    done(project, "dvc", "checkout", "--quiet")
    return printed


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """A copy of the reproduced project, to do with as one likes."""
    return shutil.copytree(project, tmp_path / "copy", symlinks=True)


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing after {seconds} s")


def lives(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_every_stage_wrote_its_results(project: Path) -> None:
    metrics = json.loads((project / METRICS).read_text())
    assert list(metrics) == ["supervised", "gradual", "probe", "asking"]
    assert "accuracy" in metrics["gradual"]
    assert (project / "plots" / "index.html").exists()
    assert done(project, "git", "status", "--porcelain") == ""
    # nothing half-written, and nothing left to go on from
    assert not list(project.rglob("*.partial"))
    assert not [path for path in (project / ".scratch").glob("*") if path.is_dir()]


def test_a_second_run_runs_nothing(project: Path) -> None:
    printed = done(project, "dvc", "repro")
    assert stages_run(printed) == []
    assert "up to date" in printed


def test_a_changed_schedule_reruns_what_follows_it_and_nothing_else(experiment: str) -> None:
    # the stage `code` checks the parameters, whichever they are
    assert stages_run(experiment) == ["code", "train@gradual", "evaluate@gradual", "compare"]


def test_another_acquisition_reruns_the_model_that_has_it_and_nothing_else(copy: Path) -> None:
    printed = done(copy, "dvc", "exp", "run", "-S", "models.asking.acquisition.name=badge")
    assert stages_run(printed) == ["code", "train@asking", "evaluate@asking", "compare"]
    changed = done(copy, "dvc", "status", "train@asking", "train@probe")
    assert "up to date" in changed


def edit(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / "stages" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_edit_reruns_what_imports_the_file_and_nothing_else(copy: Path) -> None:
    edit(copy, "acquisition/margin.py", '"""', '"""Another docstring: ')
    edit(copy, "reporting/page.py", "import base64", "import base64  # a comment")
    assert stages_run(done(copy, "dvc", "repro")) == ["code"]
    edit(copy, "acquisition/margin.py", "    probabilities =", "    1 + 1\n    probabilities =")
    assert stages_run(done(copy, "dvc", "repro")) == ["code", "train@asking"]
    edit(copy, "reporting/page.py", "import base64", "import base64 as base64")
    assert stages_run(done(copy, "dvc", "repro")) == ["code", "compare"]
    # what only refuses has no say in any result
    edit(copy, "base/errors.py", "import errno", "import errno as errno")
    assert stages_run(done(copy, "dvc", "repro")) == ["code"]


def test_a_single_stage_sees_an_edit_once_code_has_run(copy: Path) -> None:
    edit(copy, "reporting/page.py", "import base64", "import base64 as base64")
    single = ["dvc", "repro", "--single-item"]
    assert stages_run(done(copy, *single, "compare")) == []
    assert stages_run(done(copy, *single, "code")) == ["code"]
    assert stages_run(done(copy, *single, "compare")) == ["compare"]


def test_metrics_diff_has_a_row_for_each_model_and_metric(project: Path, experiment: str) -> None:
    printed = done(project, "dvc", "metrics", "diff", "main", "other", "--no-path")
    rows = [line.split()[0] for line in printed.splitlines() if "." in line]
    assert rows
    assert all(row.startswith("gradual.") for row in rows), printed
    assert "gradual.accuracy" in rows or "gradual.knn_accuracy" in rows


def test_the_revisions_are_compared_in_a_table(project: Path, experiment: str) -> None:
    done(project, sys.executable, "-m", "stages.show", "revisions", "main", "other", "--csv", ".scratch/t.csv")
    head, *rows = (project / ".scratch" / "t.csv").read_text().splitlines()
    assert head == "model,main,other,other - main"
    assert [row.split(",")[0] for row in rows] == ["supervised", "gradual", "probe", "asking"]


def test_a_stale_result_changes_nothing(copy: Path) -> None:
    before = (copy / METRICS).read_bytes(), (copy / "metrics" / "compare.md").read_bytes()
    shutil.copytree(copy / "data" / "evaluation" / "gradual", copy / "data" / "evaluation" / "old")
    done(copy, "dvc", "repro")
    assert ((copy / METRICS).read_bytes(), (copy / "metrics" / "compare.md").read_bytes()) == before


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("schedule.start_clases=2", "start_clases"),
        (
            "schedule.start_classes=0",
            "error: params.yaml: schedule.start_classes=0: must be greater than or equal to 1",
        ),
        # what depends on it would miss a file, at the end of all the rest
        ("labels.strategy=kmens", "error: params.yaml: labels.strategy='kmens': known: random"),
    ],
)
def test_a_wrong_parameter_fails_and_changes_nothing(copy: Path, override: str, said: str) -> None:
    result = call(copy, "dvc", "exp", "run", "-S", override)
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert set(stages_run(result.stdout)) <= {"code"}
    # of what git keeps only the parameters, as asked for
    assert done(copy, "git", "status", "--porcelain").split() in ([], ["M", "params.yaml"])


def test_what_a_killed_stage_left_beside_its_output_is_no_dependency(project: Path) -> None:
    """compare depends on the folder of all models."""
    left = "data/models/.probe.1.partial"
    assert done(project, "dvc", "check-ignore", left, f"{left}/seed-0/head.safetensors").split()[0] == left


def test_no_test_image_is_read_before_evaluate(copy: Path) -> None:
    (copy / "data" / "split" / "test.npz").unlink()
    shutil.rmtree(copy / "data" / "raw" / "test")
    for stage in ("pretrain simclr", "extract pixels", "select random", "train probe"):
        verb, name = stage.split()
        done(copy, sys.executable, "-m", f"stages.{verb}", name)
    result = call(copy, sys.executable, "-m", "stages.evaluate", "probe")
    assert result.returncode == 1
    assert result.stderr == "error: data/split/test.npz is missing; run `dvc repro split`\n"


def test_a_ranking_of_other_seeds_is_refused(copy: Path) -> None:
    ranking = copy / "data" / "selection" / "random" / "ranking.npy"
    rows = np.load(ranking)
    ranking.unlink()
    np.save(ranking, np.concatenate([rows, rows]))
    result = call(copy, sys.executable, "-m", "stages.train", "probe")
    seeds = len(rows)
    assert result.returncode == 1
    said = f"made with {2 * seeds} seeds, params.yaml has {seeds}; run `dvc repro`"
    assert result.stderr == f"error: data/selection/random/ranking.npy: {said}\n"


def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(copy: Path) -> None:
    """Also: a trainer dies with its DVC, and of two at work on one output the second is refused."""
    raw = reading.load_yaml(copy / "params.yaml")
    raw["models"]["supervised"] |= {"epochs": 12, "steps": 4}
    (copy / "params.yaml").write_text(blocks.written(raw))
    result = copy / "data" / "models" / "supervised" / "seed-0"
    shutil.rmtree(result.parent)
    command = [sys.executable, "-m", "stages.train", "supervised"]

    def checkpoint() -> Path | None:
        return next((copy / ".scratch").glob("train-supervised-*/seed-0.safetensors"), None)

    first = subprocess.Popen(command, cwd=copy, env=ENVIRONMENT, stderr=subprocess.PIPE)
    wait_for(checkpoint)
    # held still, lest it be done before the other has started
    first.send_signal(signal.SIGSTOP)
    second = call(copy, *command)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert second.stderr == (
        f"error: data/models/supervised: process {first.pid} is at work on it; wait for it or end it\n"
    )
    assert first.wait(120) == 0
    assert not checkpoint()
    uninterrupted = {file.name: file.read_bytes() for file in result.iterdir()}

    repro = ["dvc", "repro", "--single-item", "train@supervised"]
    dvc = subprocess.Popen(repro, cwd=copy, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scratch = wait_for(checkpoint).parent
    pid = int(scratch.with_name(f"{scratch.name}.lock").read_text())
    os.kill(pid, signal.SIGSTOP)
    assert lives(pid)
    dvc.send_signal(signal.SIGKILL)
    dvc.wait(10)
    wait_for(lambda: not lives(pid), 5)
    kept = checkpoint()
    assert kept is not None
    assert not result.exists()

    # an edit of what the training does not use orphans no checkpoint
    edit(copy, "reporting/page.py", "import base64", "import base64 as base64")
    again = done(copy, *repro)
    assert stages_run(again) == ["train@supervised"]
    assert kept.parent == scratch
    assert {file.name: file.read_bytes() for file in result.iterdir()} == uninterrupted
    assert not kept.exists()
    assert not list((copy / "data").rglob("*.partial"))


@pytest.mark.slow
def test_a_sweep_runs_in_the_queue(project: Path) -> None:
    done(project, "dvc", "exp", "run", "--queue", "-S", "schedule.start_classes=range(1,3)")
    done(project, "dvc", "queue", "start")

    def states() -> list[str]:
        listing = done(project, "dvc", "queue", "status").splitlines()
        return [line.split()[-1] for line in listing if re.match(r"[0-9a-f]{7}", line)]

    wait_for(lambda: set(states()) <= {"Success", "Failed"}, 400)
    assert states() == ["Success", "Success"]
    shown = json.loads(done(project, "dvc", "exp", "show", "--json", "--hide-failed"))
    assert len(shown) >= 2

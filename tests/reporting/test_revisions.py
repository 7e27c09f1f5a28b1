"""One figure across branches, tags, commits, DVC experiments and the workspace of a small real repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.base.errors import UserError
from stages.reporting import revisions

pytestmark = pytest.mark.anywhere

# "train" makes the metrics of two models from one parameter
STAGE = """
import json, pathlib
from ruamel.yaml import YAML
share = YAML(typ="safe").load(pathlib.Path("params.yaml"))["share"]
pathlib.Path("metrics").mkdir(exist_ok=True)
metrics = {"supervised": {"accuracy": share, "epochs": 20}, "gradual": {"accuracy": share / 2, "epochs": 20}}
pathlib.Path("metrics/metrics.json").write_text(json.dumps(metrics))
"""
PIPELINE = """
stages:
  compare:
    cmd: {python} stage.py
    deps: [stage.py]
    params: [share]
    metrics:
    - metrics/metrics.json:
        cache: false
"""
WHO = {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def command(folder: Path, *words: str) -> str:
    environment = {**os.environ, **WHO, "DVC_NO_ANALYTICS": "1", "HOME": str(folder)}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stderr}"
    return done.stdout


def commit(folder: Path, metrics: dict[str, dict[str, float]]) -> str:
    (folder / "metrics").mkdir(exist_ok=True)
    (folder / "metrics" / "metrics.json").write_text(json.dumps(metrics))
    command(folder, "git", "add", ".")
    command(folder, "git", "commit", "-qm", "results")
    return command(folder, "git", "rev-parse", "HEAD").strip()


def two_branches(folder: Path) -> Path:
    """main: supervised and gradual; branch `other`: gradual lower, supervised gone, probe new; tag `v1` is main."""
    command(folder, "git", "init", "-q", "-b", "main")
    commit(folder, {"supervised": {"accuracy": 0.6}, "gradual": {"accuracy": 0.5, "nmi": 0.3}})
    command(folder, "git", "tag", "v1")
    command(folder, "git", "checkout", "-qb", "other")
    commit(folder, {"gradual": {"accuracy": 0.45, "nmi": 0.4}, "probe": {"accuracy": 0.3}})
    command(folder, "git", "checkout", "-q", "main")
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_branches(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def inside(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(repository)
    return repository


def test_an_unknown_revision_is_refused_with_the_nearest(inside: Path) -> None:
    with pytest.raises(UserError, match=r"no revision othre: did you mean other\? .*workspace"):
        revisions.read("othre", Path("metrics/metrics.json"))


def test_a_revision_without_results_is_named(inside: Path) -> None:
    with pytest.raises(UserError, match=r"revision main has no metrics/others.json"):
        revisions.read("main", Path("metrics/others.json"))


def test_outside_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no git repository"):
        revisions.read("main", Path("metrics/metrics.json"))


def test_what_is_no_table_of_models_is_refused(inside: Path) -> None:
    path = inside / "metrics" / "metrics.json"
    for text in ("{", "[1]", '{"accuracy": 0.5}'):
        path.write_text(text)
        with pytest.raises(UserError, match="at workspace"):
            revisions.read("workspace", Path("metrics/metrics.json"))
    command(inside, "git", "checkout", "-q", ".")


def test_experiments_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dvc = (sys.executable, "-m", "dvc")
    command(tmp_path, "git", "init", "-q", "-b", "main")
    command(tmp_path, *dvc, "init", "-q")
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "params.yaml").write_text("share: 0.5\n")
    (tmp_path / "dvc.yaml").write_text(PIPELINE.format(python=sys.executable))
    command(tmp_path, *dvc, "repro", "-q")
    command(tmp_path, "git", "add", ".")
    command(tmp_path, "git", "commit", "-qm", "first")
    command(tmp_path, *dvc, "exp", "run", "-q", "-n", "half", "-S", "share=0.25")
    command(tmp_path, "git", "checkout", "-q", ".")
    monkeypatch.chdir(tmp_path)
    metrics = {name: revisions.read(name, Path("metrics/metrics.json")) for name in ("main", "half")}
    lines = revisions.table(metrics, "accuracy")
    assert lines[0] == {"model": "supervised", "main": 0.5, "half": 0.25, "half - main": -0.25}
    assert revisions.names() == ["workspace", "main", "half"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff\xfe", b"[" * 100_000, b"[]", b'{"a": 1}', b'{"a": {"accuracy": "high"}}', b'{"a": {"accuracy": [1]}}'],
)
def test_what_is_no_table_of_figures_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """In the workspace and as git has it."""
    path = Path("metrics/metrics.json")
    commit(two_branches(tmp_path), {})
    (tmp_path / path).write_bytes(data)
    command(tmp_path, "git", "commit", "-qam", "broken")
    monkeypatch.chdir(tmp_path)
    for revision in ("workspace", "HEAD"):
        with pytest.raises(UserError, match=rf"metrics\.json at {revision}: not .*; run the pipeline there again"):
            revisions.read(revision, path)

"""How a process begins: with its DVC, and with Ctrl-C, from its first moment on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux")

# stands for a stage: what `python -m` has run before the first import of it, then imports that take seconds
STAGE = """
import sys
sys.argv[0] = "-m"
print("begins", flush=True)
{before}
import stages
print("asked", flush=True)
import time
time.sleep(60)
"""
# stands for DVC: starts the stage as DVC does, and waits for it
DVC = """
import os, subprocess, sys
child = subprocess.Popen(["/bin/sh", "-c", "exec " + sys.argv[1]], env={{**os.environ, "DVC_STAGE": "train@x"}}{more})
print(child.pid, flush=True)
child.wait()
"""


def dvc(stage: str, more: str = "") -> tuple[subprocess.Popen[str], int]:
    """What stands for DVC, and the number of its stage's process."""
    command = f"{sys.executable} -c '{stage}'"
    process = subprocess.Popen(
        [sys.executable, "-c", DVC.format(more=more), command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, int(line(process))


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def ends(pid: int) -> bool:
    """Whether the process ends, within ten seconds."""
    return within(10, lambda: not lives(pid))


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def lives(pid: int) -> bool:
    """Whether the process is there and not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@LINUX
def test_a_stage_dies_with_its_dvc_before_it_has_imported_anything_large() -> None:
    process, pid = dvc(STAGE.format(before=""))
    assert [line(process), line(process)] == ["begins", "asked"]
    assert lives(pid)
    process.kill()
    process.wait()
    assert ends(pid)


@LINUX
@pytest.mark.parametrize("rank", ["", "0"])
def test_a_stage_whose_dvc_is_dead_already_does_not_begin(rank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a worker of torchrun, where init adopts it."""
    if rank and adopter() != 1:
        pytest.skip("another process than init adopts orphans here")
    if rank:
        monkeypatch.setenv("RANK", rank)
    process, pid = dvc(STAGE.format(before="import time; time.sleep(0.5)"), ", start_new_session=True" if rank else "")
    assert line(process) == "begins"
    process.kill()
    process.wait()
    assert ends(pid)
    assert process.stdout is not None
    assert process.stdout.read() == "error: DVC ended before this stage began; run the same command again\n"


def adopter() -> int:
    """The process that becomes the parent of orphans."""
    child = "import os, time; time.sleep(0.3); print(os.getppid())"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])"
    return int(subprocess.check_output([sys.executable, "-c", parent]))


@LINUX
@pytest.mark.parametrize("environment", [{}, {"DVC_STAGE": "train@x", "RANK": "0"}])
def test_a_stage_started_by_hand_or_by_torchrun_goes_on(environment: dict[str, str]) -> None:
    """By hand it outlives what started it, as with nohup; torchrun gives each worker a session of its own."""
    program = "import sys; sys.argv[0] = '-m'; import stages, time; time.sleep(0.5); print('goes on')"
    child = f"subprocess.Popen([sys.executable, '-c', {program!r}], start_new_session=True)"
    wait = ".wait()" if environment else ""
    done = subprocess.run(
        [sys.executable, "-c", f"import subprocess, sys; {child}{wait}"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "goes on\n", done.stderr


RUN = """
import sys, time
sys.argv[0] = "-m"
{ignored}
import stages
from stages.base.errors import run
{importing}
def main():
    print("begins", flush=True)
    time.sleep(60)
run(main)
"""


@pytest.mark.parametrize(
    ("importing", "status", "said"),
    [
        ("print('imports', flush=True); time.sleep(60)", -signal.SIGINT, ""),
        ("", 130, "interrupted; what was finished is kept, run it again to go on\n"),
    ],
)
def test_an_interrupt_ends_without_a_traceback(importing: str, status: int, said: str) -> None:
    # as a terminal has it: what runs the tests may ignore it
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    program = RUN.format(importing=importing, ignored=heard)
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    line(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (status, said)


def test_an_interrupt_that_is_ignored_stays_so() -> None:
    """As after nohup, or in the background of a script."""
    ignored = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    program = RUN.format(importing="", ignored=ignored).replace("60", "0.5")
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=-1, stderr=-1, text=True)
    assert line(process) == "begins"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 0


WAYS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
STAGES = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")


def waits(stage: str, folder: Path, **environment: str) -> list[str | None]:
    """How a stage's process has told OpenMP's threads to wait when it comes to import torch; empty where it never
    does."""
    says = f"import json, os; print(json.dumps([os.environ.get(one) for one in {WAYS}]), flush=True); os._exit(0)"
    (folder / "torch.py").write_text(says)
    inherited = {key: value for key, value in os.environ.items() if key not in WAYS}
    done = subprocess.run(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env={**inherited, **environment, "PYTHONPATH": f"{folder}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) if done.stdout.startswith("[") else []


@pytest.mark.parametrize("stage", STAGES)
def test_no_thread_of_a_stage_spins_while_it_waits(stage: str, tmp_path: Path) -> None:
    found = waits(stage, tmp_path)
    assert found == ["PASSIVE", None, None] or (not found and stage not in ("extract", "pretrain", "select", "train"))


@pytest.mark.parametrize("own", [("ACTIVE", None, None), (None, "1000", None), (None, None, "20")])
def test_how_threads_wait_is_the_users_if_he_says_it(own: tuple[str | None, ...], tmp_path: Path) -> None:
    said = {name: value for name, value in zip(WAYS, own, strict=True) if value}
    assert waits("train", tmp_path, **said) == list(own)

"""python -m tests.kills [KILLS] [SEED]: a small pipeline is killed at random moments, over and over; does it end as one
that never was?

`make repro` runs in a repository of its own, and SIGKILL ends, as it falls out, all of its processes, DVC alone, or the
stage alone. Then the same command again, until it has gone through; then all results are removed, and it begins anew.
Nothing else is done by hand. Each time that it has gone through, the files are held against those of a repository in
which nothing was killed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from stages import preset
from stages.project import reading
from tests import blocks, repository

# the processes of one run that a kill may hit
TARGETS = ("all", "dvc", "stage")
SPEED = Path("data/features/pixels/speed.json")


def parameters() -> dict[str, Any]:
    """One instance of each stage on the digits, with a few steps of training and a checkpoint at each of its epochs."""
    raw = preset.overlay(blocks.base(), preset.load("demo"))
    raw["seeds"] = [0]
    raw["compute"]["device"] = "cpu"
    raw["labels"] |= {"strategy": "random", "budget": 40}
    raw["evaluation"] |= {"umap": False, "map_images": 20}
    raw["pretrain"] = {"simclr": raw["pretrain"]["simclr"] | {"epochs": 3, "steps": 2}}
    raw["extractors"] = {"pixels": raw["extractors"]["pixels"]}
    raw["strategies"] = {"random": {"strategy": "random", "extractor": "pixels"}}
    raw["models"] = {"probe": raw["models"]["probe"] | {"epochs": 3, "steps": 2}}
    return copy.deepcopy(raw)


def command() -> list[str]:
    """README's, with this Python in the place of .venv."""
    return ["make", "--silent", "-o", ".venv/made", f"BIN={Path(sys.executable).parent}", "repro"]


def begin(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as out:
        return subprocess.Popen(
            command(),
            cwd=folder,
            env=repository.ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def kill(process: subprocess.Popen[bytes], folder: Path, target: str) -> str:
    """Ends with SIGKILL what is wanted of a run, all of it where that is not there, and waits for the rest."""
    pid = {"dvc": dvc, "stage": stage}.get(target, lambda _: None)(folder)
    if pid is None:
        target = "all"
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)
    process.wait(120)
    return target


def processes(folder: Path) -> dict[int, str]:
    """Living processes at work in the folder, with their command lines."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdecimal() and (entry / "cwd").readlink() == folder and (entry / "cmdline").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it has ended
    return found


def dvc(folder: Path) -> int | None:
    return next((pid for pid, words in processes(folder).items() if re.search(r"/dvc repro", words)), None)


def stage(folder: Path) -> int | None:
    return next((pid for pid, words in processes(folder).items() if re.search(r"-m stages\.(?!heal)", words)), None)


def snapshot(folder: Path) -> dict[str, str]:
    """{file: hash} of all results, with the speed, which differs from run to run, blanked out of them."""
    found: dict[str, str] = {}
    speed = json.loads((folder / SPEED).read_text())["images_per_second"]
    for path in sorted(path for name in ("data", "metrics", "plots") for path in (folder / name).rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and name != SPEED:
            content = path.read_bytes()
            if path.suffix in (".md", ".html"):
                # columns are as wide as it is long
                content = re.sub(rb"[ -]+", b" ", content.replace(f"{speed:,.0f}".encode(), b"speed"))
            found[str(name)] = hashlib.sha256(content).hexdigest()
    lock = reading.load_yaml(folder / "dvc.lock")
    for name, one in lock["stages"].items():
        found |= {f"dvc.lock: {name}: {key}": str(one.get(key)) for key in ("cmd", "params")}
        for kind in ("deps", "outs"):
            for item in one[kind]:
                # these hold the speed
                holds = item["path"].startswith(("data/features", "metrics/compare.md", "plots"))
                found[f"dvc.lock: {name}: {kind}: {item['path']}"] = "" if holds else str(item)
    return found


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    return [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]


def wipe(folder: Path) -> None:
    """As it was when unpacked."""
    for name in ("data", ".dvc/cache", ".dvc/tmp", ".scratch", "plots", "dvc.lock", "metrics"):
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    repository.done(folder, "git", "checkout", "--", ".")


def through(folder: Path, log: Path) -> float:
    """Runs to the end, within ten minutes; returns the seconds it took."""
    start = time.monotonic()
    status = begin(folder, log).wait(600)
    assert status == 0, f"{' '.join(command())} ended with {status}:\n{log.read_text(errors='replace')[-3000:]}"
    return time.monotonic() - start


def trial(room: Path, kills: int, seed: int) -> Counter[str]:
    """Kills so many times, and counts what was hit and what was mended. Raises AssertionError where a run does not go
    through, leaves a process behind, or ends in other files."""
    generator = random.Random(seed)
    folder, log = room / "killed", room / "log"
    repository.make(folder, parameters())
    # the first compiles
    through(folder, log)
    wipe(folder)
    whole = through(folder, log)
    wanted = snapshot(folder)
    nothing = through(folder, log)
    log.write_text("")
    counts: Counter[str] = Counter()
    while (left := kills - sum(counts[f"killed {target}"] for target in TARGETS)) > 0:
        # where all is up to date, DVC does nothing but look, and write the files that it breaks
        for _ in range(min(left, 8)):
            kill_within(nothing, folder, log, generator, counts)
        wipe(folder)
        for _ in range(min(left - 8, 25)):
            # a run gets through one or two of nine stages before it is hit
            if not kill_within(whole / 5, folder, log, generator, counts):
                break
        through(folder, log)
        assert not differences(wanted, snapshot(folder)), differences(wanted, snapshot(folder))
        partial = [str(path) for path in folder.rglob("*.partial")]
        assert not partial, partial
        counts["gone through"] += 1
        print(dict(counts), flush=True)
    said = log.read_text(errors="replace")
    return counts + Counter(f"mended {file}" for file in re.findall(r"(\S+): .*a DVC that was killed", said))


def kill_within(seconds: float, folder: Path, log: Path, generator: random.Random, counts: Counter[str]) -> bool:
    """Starts a run and ends it at a random moment within so many seconds; False where it has gone through before."""
    process = begin(folder, log)
    try:
        status = process.wait(generator.uniform(0, seconds))
    except subprocess.TimeoutExpired:
        counts[f"killed {kill(process, folder, generator.choice(TARGETS))}"] += 1
        deadline = time.monotonic() + 10
        while (left := processes(folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not left, left
        return True
    assert status == 0, log.read_text(errors="replace")[-3000:]
    return False


def main() -> None:
    given = [int(text) for text in sys.argv[1:]]
    kills, seed = [*given, *[200, 0][len(given) :]]
    with tempfile.TemporaryDirectory() as room:
        print(dict(trial(Path(room).resolve(), kills, seed)))


if __name__ == "__main__":
    main()

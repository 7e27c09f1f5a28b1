"""python -m tests.benchmarks [NAME ...] [--full]: speed ratios, ours beside others, in one run and one table."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from importlib import import_module
from pathlib import Path

import torch

from tests.benchmarks.loop import automatic
from tests.benchmarks.rows import Row, table

NAMES = ["loop", "augmentation", "distances", "selection", "repro", "views"]
# by name only, for the minutes they take
MORE = ["methods"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES + MORE)}; by default {', '.join(NAMES)}"
    )
    parser.add_argument("--full", action="store_true", help="at full sizes, about twenty minutes on two cores")
    wanted = parser.parse_args()
    unknown = sorted(set(wanted.names) - set(NAMES + MORE))
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(NAMES + MORE)}")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    rows: list[Row] = []
    for name in wanted.names or NAMES:
        start = time.monotonic()
        rows += import_module(f"tests.benchmarks.{name}").rows(wanted.full, device)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    print(header(device), table(rows), sep="\n\n")
    print(
        "\nRatios were measured side by side in this run, each over all rounds (in brackets the least and the most). "
        "\nAbsolute times depend on the machine and on what else it does."
    )


def header(device: torch.device) -> str:
    """Hardware, threads, versions and precision, in one paragraph."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    gpu = f"{torch.cuda.get_device_name(device)}; " if device.type == "cuda" else ""
    half = "bfloat16 autocast" if automatic(device).half else "float32"
    return (
        f"{gpu}{processor()}, {os.cpu_count()} cores{load}; {torch.get_num_threads()} threads; "
        f"torch {torch.__version__}, Python {platform.python_version()}; training in {half}, distances in float32"
    )


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


if __name__ == "__main__":
    main()

"""python -m stages.params: checks params.yaml, every key, value and name of it, and does nothing else."""

from __future__ import annotations

import sys

from stages.base.errors import run
from stages.project import mirrored, params


def main() -> None:
    found = params.read()
    if line := mirrored.said(found):
        print(line, file=sys.stderr)
    print(f"{params.FILE}: {len(found.models)} models; all keys, values and names are right")


if __name__ == "__main__":
    run(main)

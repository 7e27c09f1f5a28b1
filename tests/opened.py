"""Runs the stages named on stdin, JSON [[verb, *arguments], ...], in the working folder, and writes to opened.json the
files below it that each has read, JSON [[path, ...], ...], and to imported.json the modules of stages/ that each has
imported. A process of its own, as an audit hook stays to the end."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import safetensors

read: set[str] = set()


def note(path: str) -> None:
    relative = Path(os.path.abspath(path))  # noqa: PTH100
    if relative.is_relative_to(Path.cwd()):
        read.add(relative.relative_to(Path.cwd()).as_posix())


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and not isinstance(arguments[0], int) and arguments[2] & os.O_ACCMODE != os.O_WRONLY:
        note(os.fsdecode(arguments[0]))


def main() -> None:
    found, imported = [], []
    for verb, *arguments in json.load(sys.stdin):
        read.clear()
        # each imports its own, as in a process of its own
        for module in [name for name in sys.modules if name.split(".")[0] == "stages"]:
            del sys.modules[module]
        # it asks every method what it costs, and writes nothing
        importlib.import_module("stages.project.estimate").check = lambda *_, **__: None  # type: ignore[attr-defined]
        sys.argv = [f"stages.{verb}", *arguments]
        importlib.import_module(f"stages.{verb}").main()
        found.append(sorted(read))
        imported.append(sorted(name for name in sys.modules if name.split(".")[0] == "stages"))
    Path("opened.json").write_text(json.dumps(found))
    Path("imported.json").write_text(json.dumps(imported))


if __name__ == "__main__":
    sys.addaudithook(hook)
    real = safetensors.safe_open

    def safe_open(path: str, *rest: Any, **named: Any) -> Any:
        # reads in Rust, of which the interpreter learns nothing
        note(os.fsdecode(path))
        return real(path, *rest, **named)

    safetensors.safe_open = safe_open
    main()

"""Commands as they were once spelt: each is answered with the one of today."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from typing import NoReturn

from stages.base.errors import UserError


def of_select(arguments: Sequence[str]) -> NoReturn:
    """Answers the options by which `stages.select` once handed out images: UserError with today's command."""
    parser = argparse.ArgumentParser(prog="python -m stages.select", description="Ranks the pool by one strategy.")
    parser.add_argument("strategy", help="the name of a strategy in params.yaml")
    options = ("model", "images", "seed")
    for option in ("export", *options):
        parser.add_argument(f"--{option}", help=argparse.SUPPRESS)
    old = parser.parse_args(arguments)
    if old.export is None:
        parser.error("--model, --images and --seed are options of python -m stages.export")
    rest = [word for option in options if (value := getattr(old, option)) for word in (f"--{option}", value)]
    command = shlex.join(["python", "-m", "stages.export", old.strategy, old.export, *rest])
    raise UserError(f"stages.select --export is now: {command}")


def of_compare(arguments: Sequence[str]) -> NoReturn:
    """Answers the options by which `stages.compare` once took these questions: UserError with today's command."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.compare", description="Compares all that params.yaml names. It takes no options."
    )
    for option, count in {"advice": "*", "revisions": "+", "pairs": None, "table": None}.items():
        parser.add_argument(f"--{option}", nargs=count, help=argparse.SUPPRESS)
    for option in ("metric", "csv"):
        parser.add_argument(f"--{option}", help=argparse.SUPPRESS)
    old = parser.parse_args(arguments)
    # advice may be of revisions
    across_revisions = ["--revisions", *old.revisions] if old.revisions else []
    questions = {
        "advice": None if old.advice is None else [*old.advice, *across_revisions],
        "revisions": old.revisions if old.advice is None else None,
        "pairs": old.pairs and [old.pairs],
        "table": old.table and [old.table],
    }
    asked = {name: rest for name, rest in questions.items() if rest is not None}
    if len(asked) != 1:
        parser.error("pairs, advice, revisions and table are questions for python -m stages.show, one at a time")
    ((name, rest),) = asked.items()
    options = [
        word for option in ("metric", "csv") if (value := getattr(old, option)) for word in (f"--{option}", value)
    ]
    command = shlex.join(["python", "-m", "stages.show", name, *rest, *options])
    raise UserError(f"stages.compare --{name} is now: {command}")

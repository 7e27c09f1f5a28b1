"""One figure of all models at several revisions: branches, tags, commits, DVC experiments, and the workspace."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stages.base import families, readable
from stages.base.errors import UserError
from stages.base.git import git
from stages.reporting.tables import DASH, is_share

WORKSPACE = "workspace"
Metrics = Mapping[str, Mapping[str, float]]


def read(revision: str, path: Path) -> Metrics:
    """{model: {figure: value}} of the JSON file `path`, kept by git, at a revision.

    Raises UserError for a revision that is not known, with the nearest that is, and for one without the file.
    """
    if revision == WORKSPACE:
        if not path.exists():
            raise UserError(f"the workspace has no {path}; run `dvc repro` first")
        return _parse(path.read_text(encoding="utf-8", errors="replace"), revision, path)
    text = git("show", f"{_commit(revision)}:./{path.as_posix()}")
    if text is None:
        raise UserError(f"revision {revision} has no {path}; run the pipeline there and commit it, or leave it out")
    return _parse(text, revision, path)


def names() -> list[str]:
    """Branches, tags and experiments by name, and "workspace"."""
    heads = git("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes") or ""
    return [WORKSPACE, *heads.split(), *_experiments()]


def check(metrics: Mapping[str, Metrics], figure: str) -> None:
    """Raises UserError for a figure that no model has at any revision."""
    figures = sorted({name for models in metrics.values() for one in models.values() for name in one})
    if figure not in figures:
        raise UserError(f"--metric {figure}: no model has it; {families.choices(figure, figures)}")


def table(metrics: Mapping[str, Metrics], figure: str) -> list[dict[str, object]]:
    """A row for each model: model, the value at each revision, and "<revision> - <first>" for each but the first.

    What a revision lacks is None. Raises UserError for a figure that no model has at any revision.
    """
    check(metrics, figure)
    first, *others = metrics
    lines = []
    for model in dict.fromkeys(model for models in metrics.values() for model in models):
        values = {revision: models.get(model, {}).get(figure) for revision, models in metrics.items()}
        line: dict[str, object] = {"model": model, **values}
        for revision in others:
            here, there = values[revision], values[first]
            line[f"{revision} - {first}"] = None if here is None or there is None else round(here - there, 6)
        lines.append(line)
    return lines


def written(lines: Sequence[Mapping[str, Any]], figure: str) -> list[list[str]]:
    """The table for people, its head first: shares as percent, differences with their sign, a dash for None."""
    share = is_share(figure)
    head = list(lines[0])
    first = head[1]
    differences = {name for name in head if name.endswith(f" - {first}")}

    def cell(name: str, value: Any) -> str:
        if value is None:
            return DASH
        if isinstance(value, str):
            return value
        number = f"{100 * value:.2f}" if share else f"{value:.4g}"
        return f"+{number}" if name in differences and value > 0 else number

    titles = [name if name == "model" or not share else f"{name} (%)" for name in head]
    return [titles, *([cell(name, value) for name, value in line.items()] for line in lines)]


def _parse(text: str, revision: str, path: Path) -> Metrics:
    with readable.refused(lambda reason: f"{path} at {revision}: not JSON ({reason}); run the pipeline there again"):
        found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(one, dict) and _figures(one) for one in found.values()):
        raise UserError(f"{path} at {revision}: not {{model: {{figure: value}}}}; run the pipeline there again")
    return found


def _figures(one: dict[str, Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in one.values())


def _commit(revision: str) -> str:
    """The commit that git, or else DVC, knows by this name; experiments are commits that git keeps below refs/exps."""
    found = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found:
        return found.strip()
    experiments = _experiments()
    if revision in experiments:
        return experiments[revision]
    if git("rev-parse", "--git-dir") is None:
        raise UserError(f"revision {revision}: this folder is no git repository; run this from the project's folder")
    raise UserError(f"no revision {revision}: {families.choices(revision, names())}")


def _experiments() -> dict[str, str]:
    """Name -> commit; of two with one name, the later."""
    listing = git("for-each-ref", "--sort=committerdate", "--format=%(refname) %(objectname)", "refs/exps") or ""
    found = {}
    for line in listing.splitlines():
        reference, commit = line.split()
        steps = reference.split("/")
        if len(steps) == 5:  # refs/exps/<2 digits>/<38 digits>/<name>; DVC's stash and cache lie elsewhere below it
            found[steps[4]] = commit
    return found

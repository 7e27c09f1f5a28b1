"""The house: which rooms there are, and which may lean on which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

STAGES = Path(__file__).parent.parent / "stages"

# each room imports only rooms that stand before it; the files of stages/ itself, verbs all, come after the last
ROOMS = [
    "base",  # errors for people, files that are whole or not there, members found by name
    "splitting",  # which images are for training, validation and test
    "datasets",
    "answers",  # what people return
    "hub",  # models of other libraries
    "encoders",
    "geometry",  # distances, neighbours, clusters; no label
    "supervision",  # what a model is shown and told: budget, schedule, rounds
    "selection",  # what a strategy chooses; stands before `measures`, and so sees no label
    "acquisition",  # what a model queries; sees which images have a label, and never which
    "training",  # the loop, and what it needs
    "embedding",  # what frozen encoders make of images, each embedded once
    "extractors",
    "modules",  # parts of networks and losses that methods and regimes share
    "pretraining",
    "regimes",
    "measures",  # figures, for which labels are seen after all choices were made
    "calibration",  # how far guesses can be trusted
    "health",  # what is wrong with the data; labels are seen here, too
    "learning",  # one model's training, at once or in rounds
    "advice",  # how many more labels
    "reporting",  # tables, pictures, pages
    "handout",  # what people are handed
    "delivery",  # what a person takes away: the labelled set, and the model as it runs elsewhere
    "project",  # parameters, files and results of this project; only stages import it
]
FILES = sorted(STAGES.rglob("*.py"))


def room(path: Path) -> str:
    """The room of a file, "stages" for a file of stages/ itself."""
    parts = path.relative_to(STAGES).parts
    return parts[0] if len(parts) > 1 else "stages"


def imported(path: Path) -> set[str]:
    """All names below `stages` that a file imports, such as "stages.geometry.kmeans.kmeans"."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in names if name.split(".")[0] == "stages"}


def room_of(name: str) -> str:
    step = name.split(".")[1]
    return step if step in ROOMS else "stages"


shown = [str(path.relative_to(STAGES)) for path in FILES]


def test_the_rooms_are_those_listed() -> None:
    there = {path.name for path in STAGES.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert there == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_imports_go_downwards(path: Path) -> None:
    order = [*ROOMS, "stages"]
    own = room(path)
    above = {name for name in imported(path) if order.index(room_of(name)) > order.index(own)}
    assert not above
    if own == "stages":
        # a stage is no library; and by this name the stage `code` finds which sections it reads
        if "params.read()" in path.read_text() and path.stem != "params":
            assert "parameters = params.read()" in path.read_text() or path.stem == "code"
        assert not {name for name in imported(path) if room_of(name) == "stages"}
    else:
        assert own == "project" or not {name for name in imported(path) if room_of(name) == "project"}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_what_begins_with_an_underscore_stays_in_its_room(path: Path) -> None:
    foreign = {name for name in imported(path) if room_of(name) != room(path)}
    assert not {name for name in foreign if any(step.startswith("_") for step in name.split(".")[1:])}


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_a_file_is_one_idea(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 300
    assert not lines or lines[0].startswith('"""')

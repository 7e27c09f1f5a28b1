"""Holds dvc.yaml against the code: a dependency that is not declared leaves a stale result after an edit, and one
declared too much reruns what did not change."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from stages import preset
from stages.project import params
from tests import blocks

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]

# decides what is refused and how files are written, never what is in them
PLUMBING = {
    "stages",
    "stages.base.errors",
    "stages.project.estimate",
    "stages.base.files",
    "stages.base.families",
    "stages.project.params",
}
# write nothing that DVC keeps
PLUMBING |= {"stages.export", "stages.questions"}

# stage -> section whose blocks are its instances
SECTIONS = {"pretrain": "pretrain", "extract": "extractors", "select": "strategies", "train": "models"}


@dataclass(frozen=True)
class Instance:
    name: str
    verb: str
    key: str
    block: dict[str, Any]
    stage: dict[str, Any]

    def paths(self, kind: str) -> list[str]:
        """Deps or outs; of those with options the path alone."""
        return [path if isinstance(path, str) else next(iter(path)) for path in self.stage.get(kind, [])]

    def code(self) -> list[str]:
        return [path for path in self.paths("deps") if path.startswith("stages/")]


def resolved(node: Any, values: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        return {resolved(key, values): resolved(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [resolved(value, values) for value in node]
    if not isinstance(node, str):
        return node

    def look_up(match: re.Match[str]) -> str:
        found: Any = values
        for step in match[1].split("."):
            found = found[step]
        return str(found)

    return re.sub(r"\$\{([\w.]+)\}", look_up, node)


def instances(raw: dict[str, Any]) -> list[Instance]:
    found = []
    for verb, stage in STAGES.items():
        if "foreach" not in stage:
            found.append(Instance(verb, verb, "", {}, resolved(stage, raw)))
            continue
        for key, block in raw[stage["foreach"].removeprefix("${").removesuffix("}")].items():
            values = {**raw, "key": key, "item": block}
            found.append(Instance(f"{verb}@{key}", verb, key, block, resolved(stage["do"], values)))
    return found


def parameters(name: str) -> dict[str, Any]:
    """params.yaml or a preset."""
    return blocks.base() if name == "params.yaml" else preset.overlay(blocks.base(), preset.load(name))


SOURCES = ["params.yaml", *preset.names()]
ACTIVE = parameters("active")
ALL = [pytest.param(one, id=f"{source}: {one.name}") for source in SOURCES for one in instances(parameters(source))]


def file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()), None)


@cache
def tree(module: str) -> ast.Module:
    file = file_of(module)
    assert file is not None
    return ast.parse(file.read_text())


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, without what `if TYPE_CHECKING` guards."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from statements(child)


@cache
def imports(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """The local modules that a module imports, packages on the way too, and the families that it loads members of."""
    names: set[str] = set()
    families = set()
    for node in statements(tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "families.load":
            assert isinstance(node.args[0], ast.Constant)
            families.add(node.args[0].value)
    steps = {name.rsplit(".", count)[0] for name in names for count in range(name.count(".") + 1)}
    return frozenset(name for name in steps if name.split(".")[0] == "stages" and file_of(name)), frozenset(families)


@cache
def sections_used(verb: str) -> frozenset[str]:
    """The attributes of `parameters` that a stage reads."""
    reads = (node for node in ast.walk(tree(f"stages.{verb}")) if isinstance(node, ast.Attribute))
    used = {node.attr for node in reads if isinstance(node.value, ast.Name) and node.value.id == "parameters"}
    return frozenset(used & {*params.Sections.model_fields, *params.FAMILIES})


def sections_code(verb: str) -> set[str]:
    """Modules of sections whose methods a stage calls; checks only refuse."""
    called = {node.attr for node in ast.walk(tree(f"stages.{verb}")) if isinstance(node, ast.Attribute)}
    found = set()
    for section in sections_used(verb) & set(params.Sections.model_fields):
        kind = params.Sections.model_fields[section].annotation
        if hasattr(kind, "model_fields"):
            methods = {name for name, value in vars(kind).items() if callable(value) and name[0] != "_"} - {"check"}
            if methods & called:
                found.add(kind.__module__)
    return found


def closure(instance: Instance) -> set[str]:
    """The files of all local modules whose code can have a say in what the instance writes."""
    pending = [f"stages.{instance.verb}", *sections_code(instance.verb)]
    section = SECTIONS.get(instance.verb)
    own, member_key = params.FAMILIES[section] if section else ("", "")
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        if module in seen or module in PLUMBING:
            continue
        seen.add(module)
        modules, families = imports(module)
        pending += modules
        for family in families:
            if family == own:
                pending.append(f"stages.{family}.{instance.block[member_key]}")
            elif family == "acquisition":
                pending.append(f"stages.{family}.{instance.block['acquisition']['name']}")
            else:
                pending += [f"stages.{family}.{file.stem}" for file in (ROOT / "stages" / family).glob("[!_]*.py")]
    # a file with a docstring alone has no say
    files = {file_of(module) for module in seen if len(tree(module).body) > 1}
    return {file.relative_to(ROOT).as_posix() for file in files if file is not None}


def within(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


@pytest.mark.parametrize("instance", ALL)
def test_the_declared_code_is_the_code_that_runs(instance: Instance) -> None:
    undeclared = [file for file in sorted(closure(instance)) if not any(within(file, one) for one in instance.code())]
    assert not undeclared


@pytest.mark.parametrize("verb", STAGES)
def test_no_code_is_declared_that_no_instance_runs(verb: str) -> None:
    declared, used = set(), set()
    for source in SOURCES:
        for instance in instances(parameters(source)):
            if instance.verb == verb:
                declared.update(instance.code())
                used |= closure(instance)
    assert not [path for path in declared if not any(within(file, path) for file in used)]


@pytest.mark.parametrize("instance", ALL)
def test_the_sections_that_a_stage_reads_are_declared(instance: Instance) -> None:
    declared = instance.stage["params"]
    wanted = set(sections_used(instance.verb))
    if "follows" in instance.block:
        wanted -= {"schedule", "rounds"} - {instance.block["follows"]}
    assert not [one for one in wanted if not any(name == one or name.startswith(f"{one}.") for name in declared)]
    if instance.key:
        assert [name for name in declared if name.endswith(f".{instance.key}")]


@pytest.mark.parametrize("source", SOURCES)
def test_every_dependency_exists_or_is_made_before(source: str) -> None:
    made: list[str] = []
    for instance in instances(parameters(source)):
        for path in instance.paths("deps"):
            there = (ROOT / path).exists() if path.startswith("stages/") or path == "data/none" else False
            assert there or any(within(path, out) or within(out, path) for out in made), (instance.name, path)
        made += instance.paths("outs") + instance.paths("metrics")
    assert len(made) == len(set(made))
    # DVC refuses an output inside another
    assert not [(a, b) for a in made for b in made if a != b and within(a, b)]


@pytest.mark.parametrize("source", SOURCES)
def test_every_command_is_the_stage_of_its_name(source: str) -> None:
    for instance in instances(parameters(source)):
        command = f"python -m stages.{instance.verb} {instance.key}".strip()
        # a shell in between would outlive DVC with what trains for hours
        assert instance.stage["cmd"] == ("exec " + command if instance.verb in ("pretrain", "train") else command)
        assert (ROOT / "stages" / f"{instance.verb}.py").exists()


def test_no_test_image_is_a_dependency_before_evaluate() -> None:
    for instance in instances(blocks.base()):
        if instance.verb in ("pretrain", "extract", "select", "train"):
            found = [path for path in instance.paths("deps") if "test" in path or path in ("data/raw", "data/split")]
            assert not found, instance.name


def test_what_people_answer_reruns_no_pretraining() -> None:
    for instance in instances(blocks.base()):
        split = {path for path in instance.paths("deps") if path.startswith("data/split")}
        if instance.verb == "pretrain":
            assert split == {"data/split/seen.npz"}
        assert ("labels.file" in instance.stage["params"]) == (instance.verb == "split")
        assert ("data/none" in instance.paths("deps")) == (
            instance.verb == "split" or instance.block.get("weights") == "none"
        )


@pytest.mark.parametrize("section", ["schedule", "rounds"])
def test_what_follows_a_section_alone_depends_on_it(section: str) -> None:
    told = {one.key: section in one.stage["params"] for one in instances(blocks.base()) if one.verb == "train"}
    follows = {name: block["follows"] == section for name, block in blocks.base()["models"].items()}
    assert told == follows and any(told.values())


def test_a_model_depends_on_its_own_acquisition_and_on_no_other() -> None:
    trained = [one for one in instances(ACTIVE) if one.verb == "train"]
    own = {one.key: {path for path in one.code() if within(path, "stages/acquisition")} for one in trained}
    common = "stages/acquisition/__init__.py"
    assert own["margin_supervised"] == {common, "stages/acquisition/margin.py"}
    assert own["bald"] == {common, "stages/acquisition/bald.py"}


def test_the_checks_here_see_what_is_missing() -> None:
    instance = next(one for one in instances(blocks.base()) if one.name == "train@gradual")
    used = closure(instance)
    assert {"stages/regimes/gradual.py", "stages/modules/contrast.py", "stages/encoders/conv4.py"} <= used
    assert not {"stages/regimes/probe.py", "stages/project/params.py", "stages/geometry/kmeans.py"} & used


def test_no_parameter_hides_from_the_run_cache() -> None:
    """DVC's run cache leaves out keys that are just `size` or `nfiles`, at any depth: it would give out the results of
    another size. Declared by its full name, such a parameter counts."""

    def paths(value: Any, path: str) -> Iterator[str]:
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from paths(inner, f"{path}.{key}" if path else str(key))
        else:
            yield path

    raw = blocks.base()
    everything = [raw, *(preset.overlay(raw, preset.load(name)) for name in preset.names())]
    hidden = {path for one in everything for path in paths(one, "") if path.rsplit(".")[-1] in ("size", "nfiles")}
    assert hidden == {"data.size"}
    stages = yaml.safe_load(Path("dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        declared = stage.get("do", stage)["params"]
        assert "data" not in declared or "data.size" in declared

"""Holds dvc.yaml against the stages: a dependency that is not declared leaves a stale result after an edit, and one
declared too much reruns what did not change."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path, PurePosixPath
from typing import Any, get_args

import pytest
from dvc.stage.cache import _get_cache_hash
from dvc_data.hashfile.meta import Meta
from pydantic import BaseModel

from stages import code, preset
from stages.base import families
from stages.base.errors import UserError
from stages.project import lineage, params, reading
from stages.project.keys import DECLARED, HIDDEN
from tests import blocks

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent
STAGES = reading.load_yaml(ROOT / "dvc.yaml")["stages"]


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
        *way, last = stage["foreach"].removeprefix("${").removesuffix("}").split(".")
        items = reduce(dict.__getitem__, way, raw)[last]
        # of a list, whose items are names of models
        blocks = {name: raw["models"][name] for name in items} if isinstance(items, list) else items
        for key, block in blocks.items():
            values = {**raw, "key": key, "item": key if isinstance(items, list) else block}
            found.append(Instance(f"{verb}@{key}", verb, key, block, resolved(stage["do"], values)))
    return found


def parameters(name: str) -> dict[str, Any]:
    """params.yaml or a preset."""
    return blocks.base() if name == "params.yaml" else preset.overlay(blocks.base(), preset.load(name))


SOURCES = ["params.yaml", *preset.names()]
ALL = [pytest.param(one, id=f"{source}: {one.name}") for source in SOURCES for one in instances(parameters(source))]


@cache
def sections_used(verb: str) -> frozenset[str]:
    """The attributes of `parameters` that a stage reads."""
    reads = (node for node in ast.walk(ast.parse((ROOT / "stages" / f"{verb}.py").read_text())))
    used = {
        node.attr
        for node in reads
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "parameters"
    }
    return frozenset(used & {*params.Sections.model_fields, *params.FAMILIES})


def within(path: str, folder: str) -> bool:
    return PurePosixPath(path).is_relative_to(folder)


@pytest.mark.parametrize("instance", ALL)
def test_every_instance_depends_on_its_own_stamp_and_on_no_file_of_code(instance: Instance) -> None:
    code = [path for path in instance.paths("deps") if within(path, "stages") or within(path, "data/code")]
    assert code == (["stages"] if instance.verb == "code" else [stamp(instance)])


def stamp(instance: Instance) -> str:
    return "/".join(["data/code", instance.verb, *([instance.key] if instance.key else [])]) + ".json"


@pytest.mark.parametrize("source", SOURCES)
def test_code_writes_a_stamp_for_every_instance(source: str) -> None:
    raw = parameters(source)
    assert {stamp(one) for one in instances(raw) if one.verb != "code"} == {
        "/".join(["data/code", *filter(None, one)]) + ".json" for one in lineage.instances(raw)
    }


@pytest.mark.parametrize("instance", ALL)
def test_the_sections_that_a_stage_reads_are_declared(instance: Instance) -> None:
    declared = instance.stage["params"]
    wanted = set(sections_used(instance.verb))
    if "follows" in instance.block:
        wanted -= {"schedule", "rounds"} - {instance.block["follows"]}
    assert not [one for one in wanted if not any(name == one or name.startswith(f"{one}.") for name in declared)]
    if instance.key:
        assert [name for name in declared if name.endswith(f".{instance.key}")]


def test_the_first_stage_sees_every_section_and_refuses_what_is_wrong_in_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = (one for one in instances(blocks.base()) if one.verb == "code")
    assert next(iter(STAGES)) == "code"
    assert {path.split(".")[0] for path in first.stage["params"]} == set(blocks.base())
    base = blocks.base()
    monkeypatch.chdir(tmp_path)
    for section, value in base.items():
        if isinstance(value, dict):
            raw = copy.deepcopy(base)
            wrong = next(iter(raw[section].values())) if section in params.FAMILIES else raw[section]
            wrong["tpyo"] = 1
            (tmp_path / "params.yaml").write_text(blocks.written(raw))
            with pytest.raises(UserError, match=rf"{section}\..*tpyo: unknown key"):
                code.main()
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("source", SOURCES)
def test_every_dependency_exists_or_is_made_before(source: str) -> None:
    made: list[str] = []
    for instance in instances(parameters(source)):
        for path in instance.paths("deps"):
            there = path in ("stages", "data/none")
            assert there or any(within(path, out) or within(out, path) for out in made), (instance.name, path)
        made += instance.paths("outs") + instance.paths("metrics")
    assert len(made) == len(set(made))
    # DVC refuses an output inside another
    assert not [(a, b) for a in made for b in made if a != b and within(a, b)]


@pytest.mark.parametrize("source", SOURCES)
def test_every_command_is_the_stage_of_its_name(source: str) -> None:
    for instance in instances(parameters(source)):
        # a shell in between would outlive DVC, and the stage with it
        assert instance.stage["cmd"] == f"exec python -m stages.{instance.verb} {instance.key}".strip()
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


def fields(annotation: Any, path: str) -> Iterator[str]:
    """Every key that a class of parameters takes, those of the classes in its unions, lists and mappings too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield f"{path}{name}"
            yield from fields(field.annotation, f"{path}{name}.")
            yield from (key for one in field.metadata for key in fields(one, f"{path}{name}."))
    for part in get_args(annotation):
        yield from fields(part, path)


def keys() -> set[str]:
    """Of every section and every member of every family."""
    found = set(fields(params.Sections, ""))
    for section, (family, _) in {**params.FAMILIES, "acquisition": ("acquisition", "name")}.items():
        for name in families.names(family):
            found |= set(fields(families.load(family, name).Settings, f"{section}.<{name}>."))
    return found


def test_no_key_hides_from_the_run_cache() -> None:
    """DVC's run cache leaves out keys that are just `size` or `nfiles`, at any depth: it would give out the results of
    another value. Declared by its full name, such a parameter counts."""
    known = keys()
    # the walk goes through unions, lists and nested blocks
    assert {"pretrain.<swav>.small_crops.min_area", "split.imbalance.share", "data.extra.name", "seeds"} <= known
    assert {path for path in known if path.split(".")[-1] in HIDDEN} == set(DECLARED)


def test_another_value_of_any_parameter_is_another_run_to_dvc() -> None:
    raw = blocks.base()

    def value(path: Iterable[str], values: Any) -> Any:
        for step in path:
            values = values[step]
        return values

    def leaves(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if not isinstance(node, dict) or not node:
            yield path
            return
        for key, inner in node.items():
            yield from leaves(inner, (*path, key))

    def run(values: Any) -> str:
        declared = {name: value(name.split("."), values) for name in instance.stage["params"]}
        return _get_cache_hash({"cmd": "", "params": {"params.yaml": declared}}, key=True)

    for instance in instances(raw):
        before = run(raw)
        declared = [tuple(name.split(".")) for name in instance.stage["params"]]
        for path in {(*name, *rest) for name in declared for rest in leaves(value(name, raw), ())}:
            node = value(path[:-1], raw)
            old, node[path[-1]] = node[path[-1]], "another"
            assert run(raw) != before, (instance.name, path)
            node[path[-1]] = old


def test_the_run_cache_passes_over_no_other_key() -> None:
    """Of DVC: if a version passes over more, HIDDEN needs them."""
    assert {Meta.PARAM_SIZE, Meta.PARAM_NFILES} == set(HIDDEN)

"""Which files have a say in what an instance of a stage writes, by its imports, and a hash of what each says."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from stages.base import families
from stages.project import params

_PACKAGE = Path(__file__).parent.parent

# stage -> section whose blocks are its instances
SECTIONS = {
    "pretrain": "pretrain",
    "extract": "extractors",
    "select": "strategies",
    "train": "models",
    "evaluate": "models",
    "predict": "models",
}
SINGLE = ("download", "split", "compare")

# read for every instance by what is refused
_READ = "stages.project.reading"
# decide what is refused and how files are written, never what is in them
REFUSING = {
    "stages",
    *(f"stages.base.{name}" for name in ("errors", "excerpt", "families", "files", "numbers", "readable", "start")),
    *(f"stages.project.{name}" for name in ("estimate", "former", "keys", "lineage", "params", "wording")),
}


class Instance(NamedTuple):
    """A stage and the name of its block, which is empty for a stage that has no blocks."""

    verb: str
    name: str


def instances(raw: Mapping[str, Any]) -> list[Instance]:
    """All instances that the parameters make, but for the stage `code` itself."""
    blocks = [Instance(verb, name) for verb in SECTIONS for name in _names(verb, raw)]
    return [Instance(verb, "") for verb in SINGLE] + blocks


def _names(verb: str, raw: Mapping[str, Any]) -> list[str]:
    """Of the blocks that have the stage: all of its section, but for predict, which is asked of some models."""
    return list(raw["predict"]["models"] if verb == "predict" else raw[SECTIONS[verb]])


def stamp(instance: Instance, raw: Mapping[str, Any]) -> dict[str, str]:
    """{file: its hash} over every file of stages/ whose code can have a say in what the instance writes."""
    hashes = {_shown(module): _hash(module) for module in closure(instance, raw)}
    return dict(sorted(hashes.items()))


def closure(instance: Instance, raw: Mapping[str, Any]) -> set[str]:
    """The modules that the instance imports, directly or not, those of the members that its blocks name among them.

    Modules that can only refuse are left out, and those that hold a docstring alone.
    """
    pending = [_READ, f"stages.{instance.verb}", *_sections(instance.verb)]
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        if module in seen or module in REFUSING:
            continue
        seen.add(module)
        modules, loaded = _imports(module)
        pending += modules
        pending += [f"stages.{family}.{member}" for family in loaded for member in _members(family, instance, raw)]
    return {module for module in seen if _body(_tree(module))}


def digest(tree: ast.Module) -> str:
    """A hash of the syntax tree without comments and docstrings, the same for Python 3.11 to 3.14."""
    return hashlib.sha256("".join(_tokens(tree)).encode()).hexdigest()[:16]


def _members(family: str, instance: Instance, raw: Mapping[str, Any]) -> list[str]:
    """The members of the family that the instance can load: those that its blocks name, else all."""
    section = SECTIONS.get(instance.verb, "")
    block = raw[section][instance.name] if section else {}
    own, key = params.FAMILIES.get(section, ("", ""))
    if family == own:
        return [block[key]]
    if family == "acquisition":
        return [block["acquisition"]["name"]]
    if family == "datasets":
        return [raw["data"]["name"], *([raw["data"]["extra"]["name"]] if raw["data"]["extra"] else [])]
    if family == "encoders" and section:
        if block.get("weights") == "none":
            return []
        start = block if section == "pretrain" else _start(block, raw["pretrain"])
        if start is not None:
            # a model of a hub brings its own
            return [start["encoder"]] if "encoder" in start else []
    return families.names(family)


def _start(block: Mapping[str, Any], pretrain: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The block of the encoder from which a model or an extractor starts, or None where it is a file of one's own."""
    way, _, name = str(block.get("weights")).rpartition("/")
    if "init" in block:
        way, name = "encoders", block["init"]
    found: Mapping[str, Any] | None = pretrain.get(name) if way == "encoders" else None
    return found


@cache
def _imports(module: str) -> tuple[frozenset[str], frozenset[str]]:
    """The modules of stages/ that a module imports, packages on the way too, and the families it loads members of."""
    names: set[str] = set()
    loaded: set[str] = set()
    for node in _statements(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.level or (node.module == "stages.base.families" and "load" in {one.name for one in node.names}):
                raise ValueError(
                    f"{module}, line {node.lineno}: write out stages..., and families.load: no file is lost"
                )
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "families.load":
            # a family that is not written out could be any: let the error say so
            loaded.add(ast.literal_eval(node.args[0]))
    steps = {name.rsplit(".", count)[0] for name in names for count in range(name.count(".") + 1)}
    return frozenset(name for name in steps if name.split(".")[0] == "stages" and _file(name)), frozenset(loaded)


@cache
def _sections(verb: str) -> frozenset[str]:
    """The modules of those sections of params.yaml that a stage reads, as `parameters.<section>`."""
    attributes = [node for node in ast.walk(_tree(f"stages.{verb}")) if isinstance(node, ast.Attribute)]
    read = {node.attr for node in attributes if isinstance(node.value, ast.Name) and node.value.id == "parameters"}
    kinds = [params.Sections.model_fields[section].annotation for section in read & set(params.Sections.model_fields)]
    modules = {kind.__module__ for kind in kinds if kind is not None}
    return frozenset(module for module in modules if module.split(".")[0] == "stages")


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below, without what `if TYPE_CHECKING` guards."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _statements(other)
            continue
        yield child
        yield from _statements(child)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_needed(module).read_text(encoding="utf-8"))


def _needed(module: str) -> Path:
    file = _file(module)
    if file is None:
        raise ValueError(f"{module}: no file of stages/")
    return file


def _file(module: str) -> Path | None:
    path = _PACKAGE.joinpath(*module.split(".")[1:])
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


@cache
def _hash(module: str) -> str:
    return digest(_tree(module))


def _shown(module: str) -> str:
    return _needed(module).relative_to(_PACKAGE.parent).as_posix()


def _body(node: ast.AST) -> list[ast.stmt]:
    """The statements of a module, class or function without its docstring."""
    body: list[ast.stmt] = getattr(node, "body", [])
    first = body[0] if body else None
    docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str
    return body[1:] if docstring else body


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _tokens(node: Any) -> Iterator[str]:
    """The tree as text. Versions of Python differ in fields that are empty, and in how f-strings are cut."""
    if isinstance(node, ast.Constant):
        yield f"{type(node.value).__name__}:{node.value!r},"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for field in node._fields:
            value = getattr(node, field, None)
            if field == "body" and isinstance(node, _DOCUMENTED):
                value = _body(node)
            elif field == "values" and isinstance(node, ast.JoinedStr):
                value = list(_joined(node.values))
            # what a type comment or the position of a name already says
            if value is None or value == [] or field in ("ctx", "kind", "type_comment", "type_ignores"):
                continue
            yield f"{field}="
            yield from _tokens(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for one in node:
            yield from _tokens(one)
        yield "]"
    else:
        yield f"{node!r},"


def _joined(values: list[ast.expr]) -> Iterator[ast.expr]:
    """The parts of an f-string, with neighbouring text joined and empty text left out."""
    text = ""
    for value in values:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        if text:
            yield ast.Constant(text)
        text = ""
        yield value
    if text:
        yield ast.Constant(text)

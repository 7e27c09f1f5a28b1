"""Parts of modules of stages/: a name of one, without running what that name does not need.

The Settings of a member stand beside a network, whose base is torch's, which takes seconds to import. Parameters are
checked by excerpts, of which only the statements run that Settings need; a member that is used is imported whole.
"""

from __future__ import annotations
import __future__

import ast
import sys
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = Path(__file__).parent.parent
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
# change nothing but what they bind
_BINDING = ast.Assign | ast.AnnAssign | ast.ClassDef | ast.Import | ast.ImportFrom | _FUNCTION


class Excerpt(ModuleType):
    """A module that, asked for a name, runs the statements that bind or change it, and those that bind or change what
    these name in turn, in bodies of functions and annotations too, in the order of the file.

    What it imports from stages/ is an excerpt as well, unless the whole module was there before. Other packages are
    imported as they are, where a statement that runs names them.
    """

    __statements__: list[_Statement]

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(f"excerpt:{name}")
        self.__file__ = str(path)
        self.__whole__ = name
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.__dict__["__statements__"] = [_Statement(node) for node in _flat(tree.body)]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            self._provide(name)
            if name not in self.__dict__ and _file(f"{self.__whole__}.{name}"):
                self.__dict__[name] = module(f"{self.__whole__}.{name}")
        if name in self.__dict__:
            return self.__dict__[name]
        raise AttributeError(f"module {self.__whole__!r} has no attribute {name!r}")

    def _provide(self, name: str) -> None:
        pending, wanted, seen = [name], set(), set()
        while pending:
            name = pending.pop()
            seen.add(name)
            for place, statement in enumerate(self.__statements__):
                if name in statement.binds and not statement.begun:
                    wanted.add(place)
                    pending += statement.needs - seen
        for statement in [self.__statements__[place] for place in sorted(wanted)]:
            if not statement.begun:
                statement.begun = True
                self._run(statement.node)

    def _run(self, node: ast.stmt) -> None:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "stages":
            (alias,) = node.names
            whole = f"{node.module}.{alias.name}"
            found = module(whole) if _file(whole) else getattr(module(node.module), alias.name)
            self.__dict__[alias.asname or alias.name] = found
            return
        # as every file of the house says at its head
        flags = __future__.annotations.compiler_flag
        exec(compile(ast.Module([node], []), str(self.__file__), "exec", flags, dont_inherit=True), self.__dict__)


class _Statement:
    """One statement of a module, with the names that it binds or changes, and those that it needs."""

    def __init__(self, node: ast.stmt) -> None:
        self.node, self.begun = node, False
        self.binds = {name for one in _outside_functions(node) for name in _bound(one)}
        if not isinstance(node, _BINDING):
            # a call, a loop: it may change whatever it names
            self.binds |= self.needs

    @cached_property
    def needs(self) -> set[str]:
        names = (one for one in ast.walk(self.node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load))
        return {one.id for one in names}


def module(name: str) -> ModuleType:
    """The module of stages/ where it was loaded before the first excerpt, else its excerpt."""
    return sys.modules[name] if name in _whole() else _excerpt(name)


@cache
def _whole() -> frozenset[str]:
    # once for all: an excerpt's classes must not meet those of a whole module that was loaded later
    return frozenset(sys.modules)


@cache
def _excerpt(name: str) -> Excerpt:
    path = _file(name)
    if path is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    found = Excerpt(name, path)
    # pydantic looks there for what annotations name
    sys.modules[found.__name__] = found
    return found


def _file(name: str) -> Path | None:
    path = _PACKAGE.joinpath(*name.split(".")[1:])
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, with one name in each import, and without what `if TYPE_CHECKING` guards."""
    for node in body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            yield from _flat(node.orelse)
        elif isinstance(node, ast.Import):
            yield from (ast.copy_location(ast.Import([alias]), node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (ast.copy_location(ast.ImportFrom(node.module, [one], node.level), node) for one in node.names)
        else:
            yield node


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if not isinstance(node, ast.ClassDef | ast.Lambda | _FUNCTION):
        for child in ast.iter_child_nodes(node):
            yield from _outside_functions(child)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.ClassDef | _FUNCTION):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.split(".")[0]
    elif isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        while not isinstance(node, ast.Name) and isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        if isinstance(node, ast.Name):
            yield node.id

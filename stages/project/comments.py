"""Parameters written as YAML, with the comments of an older file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML, ScalarNode
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.scalarstring import SingleQuotedScalarString

from stages.base.errors import UserError
from stages.project.params import FAMILIES

_RESOLVERS = {version: VersionedResolver(version) for version in ((1, 1), (1, 2))}

# the steps to a key: ("models", "probe", "epochs")
Keys = tuple[str, ...]


@dataclass(frozen=True)
class _Note:
    """The lines above a key, and the comment beside it with its column; either may be empty."""

    above: list[str]
    beside: str
    column: int


def commented(raw: Mapping[str, Any], text: str) -> str:
    """`raw` as YAML in block style, the same to readers of YAML 1.1 and 1.2, with the comments that `text`, an older
    file, has at the same keys.

    What explains a key where it first stands in its family goes on to the first block that has it, in this family or
    one after it, if the block that it stood in is gone. What stands within lists is lost.
    """
    ruamel = _ruamel()
    try:
        older, lines = ruamel.load(text), text.splitlines()
    except YAMLError as error:
        raise UserError(f"not YAML as DVC reads it: {' '.join(str(error).split())}") from None
    result = _map(raw, older)
    places = {keys: (node, key) for keys, node, key in _places(result)}
    notes = {keys: _note(node, key, lines) for keys, node, key in _places(older)}
    firsts: dict[Keys, Keys] = {}
    for keys in notes:
        firsts.setdefault(_kind(keys), keys)
    for keys in firsts.values():
        if keys not in places and notes[keys].beside:
            heir = next((other for other in places if _heir(keys, other)), None)
            if heir and not (heir in notes and notes[heir].beside):
                notes[heir] = notes[keys]
    for keys in places.keys() & notes.keys():
        (node, key), note = places[keys], notes[keys]
        if note.beside:
            node.yaml_add_eol_comment(note.beside, key, column=note.column)
        if note.above:
            # ruamel puts the "# " before each line, and takes one line's end away
            before = "".join(f"{line.removeprefix('#').removeprefix(' ')}\n" for line in note.above)
            node.yaml_set_comment_before_after_key(key, before=before, indent=2 * len(keys) - 2)
    out = io.StringIO()
    ruamel.dump(result, out)
    return out.getvalue() + "".join(f"{line}\n" for line in _above(lines, len(lines)))


def _ruamel() -> YAML:
    def null(representer: Any, value: None) -> Any:
        return representer.represent_scalar("tag:yaml.org,2002:null", "null")

    ruamel = YAML()
    # no line is too long to stay one
    ruamel.width = 4096

    def number(representer: Any, value: float) -> Any:
        text = representer.represent_float(value).value
        # without a point it is a text to readers of YAML 1.1
        text = text if "." in text else text.replace("e", ".0e")
        return representer.represent_scalar("tag:yaml.org,2002:float", text)

    ruamel.representer.add_representer(type(None), null)
    ruamel.representer.add_representer(float, number)
    return ruamel


def _map(raw: Mapping[str, Any], older: Any) -> CommentedMap:
    """`raw` for ruamel, each block written out in its place; a number that stays is written as before."""
    result = CommentedMap()
    for key, value in raw.items():
        before = older.get(key) if isinstance(older, dict) else None
        name = _scalar(key, None)
        if isinstance(value, dict):
            result[name] = _map(value, before)
        elif isinstance(value, list):
            result[name] = [_scalar(item, None) for item in value]
        else:
            result[name] = _scalar(value, before)
    return result


def _scalar(value: Any, before: Any) -> Any:
    if isinstance(value, float) and isinstance(before, float) and before == value:
        return before
    # DVC and the stages read YAML 1.2, in which a class named `no` is a text without quotes; others may not
    if isinstance(value, str) and any(_tag(value, version) != "tag:yaml.org,2002:str" for version in ((1, 1), (1, 2))):
        return SingleQuotedScalarString(value)
    return value


def _tag(text: str, version: tuple[int, int]) -> str:
    """What a reader of that version takes a text without quotes for."""
    return str(_RESOLVERS[version].resolve(ScalarNode, text, (True, False)))


def _places(node: CommentedMap, above: Keys = ()) -> Iterator[tuple[Keys, CommentedMap, str]]:
    """Every key, in order, with the steps to it and the map that holds it."""
    for key, value in node.items():
        yield (*above, key), node, key
        if isinstance(value, CommentedMap):
            yield from _places(value, (*above, key))


def _kind(keys: Keys) -> Keys:
    """A key of a block without the block's name: the same for all of a family."""
    return (keys[0], "*", *keys[2:]) if keys[0] in FAMILIES else keys


def _heir(keys: Keys, other: Keys) -> bool:
    """Whether a key of a block is that of another block, of its family or of one after it."""
    families = list(FAMILIES)
    if len(keys) < 3 or not {keys[0], other[0]} <= FAMILIES.keys():
        return False
    return keys[2:] == other[2:] and families.index(other[0]) >= families.index(keys[0])


def _note(node: CommentedMap, key: str, lines: list[str]) -> _Note:
    # a merged key stands elsewhere
    row, column = node.lc.key(key) if key in (node.lc.data or ()) else (0, 0)
    above = [line.strip() for line in _above(lines, row)] if not lines[row][:column].strip() else []
    beside = (node.ca.items.get(key) or [None] * 3)[2]
    return _Note(above, beside.value.split("\n")[0], beside.start_mark.column) if beside else _Note(above, "", 0)


def _above(lines: list[str], row: int) -> list[str]:
    """The comments and empty lines right above that row."""
    first = row
    while first > 0 and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
        first -= 1
    return lines[first:row]

"""Parameters gone wrong in every way that one can think of, by a seed: what people type, cut and paste."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.blocks import written

# a parameter: the mapping or list that holds it, and its key there
Place = tuple[Any, Any]

ODD: list[Any] = [None, True, False, 0, 1, -1, 2, 3, 10**30, -(10**30), 2**31, 2**32, 2**63, 2**64, 0.0, -0.0, 0.5, 1.0]
ODD += [1.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan"), 1e-9, 1e6, 8, 512, 1000, 100_000]
ODD += [
    "",
    " ",
    "no",
    "null",
    "1",
    "1e3",
    "all",
    "half",
    "none",
    "random",
    "100%",
    "1/class",
    "0%",
    "é",
    "e\u0301",
    "a b",
]
ODD += [
    "a" * 300,
    "a" * 5000,
    "../..",
    "/",
    "~",
    "data/none",
    "encoders/scratch",
    "\x00",
    "\n",
    "\ud800",
    "{}",
    "$HOME",
]
ODD += [[], {}, [[]], [None], [0], [1, 1], [-1], ["a"], ["a", "a"], [10**9], [0.5], {"a": 1}, {"name": "none"}, [{}]]
ODD += [{"share": 0.5, "classes": "half"}, {1: 2}, {None: None}, b"bytes", list(range(2000))]
KEYS: list[Any] = [
    "",
    "size",
    "x" * 300,
    "a.b",
    "A",
    "é",
    "1",
    1,
    None,
    True,
    0.5,
    "name",
    "classes",
    "epochs",
    "__class__",
]


def mutated(raw: dict[str, Any], seed: int) -> tuple[dict[str, Any], str]:
    """The parameters with one to three mistakes, and what they are."""
    draw = random.Random(seed)
    raw = copy.deepcopy(raw)
    said = [draw.choice(WAYS)(raw, draw) for _ in range(draw.choice((1, 1, 1, 2, 3)))]
    return raw, "; ".join(said)


def garbled(raw: dict[str, Any], seed: int) -> tuple[str, str]:
    """The parameters as a file with a mistake in its text, and what it is."""
    draw = random.Random(seed)
    lines = written(raw).splitlines(keepends=True)
    place = draw.randrange(len(lines))
    line = lines[place]
    way = draw.choice(("twice", "gone", "indented", "cut", "letter", "swapped", "tab", "tail"))
    if way == "twice":
        lines.insert(draw.randrange(len(lines)), line)
    elif way == "gone":
        del lines[place]
    elif way == "indented":
        lines[place] = " " * draw.randrange(4) + line.lstrip(" ") if draw.random() < 0.5 else f" {line}"
    elif way == "cut":
        return "".join(lines)[: draw.randrange(len("".join(lines)))], way
    elif way == "letter":
        at = draw.randrange(len(line))
        lines[place] = line[:at] + draw.choice("{}[]:,-&*!|>'\"%@`#?\t\n\x07\ufeff0a ") + line[at + draw.randrange(2) :]
    elif way == "swapped":
        other = draw.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    elif way == "tab":
        lines[place] = line.replace("  ", "\t", 1)
    else:
        tails = [
            "*a",
            "&a [*a]",
            "a: &a {b: *a}",
            "- 1",
            "2024-13-45: 1",
            "x: 2024-01-01",
            "? [1]\n: 2",
            "---\na: 1",
            "!!python/x a",
        ]
        lines.append(draw.choice(tails))
    return "".join(lines), f"{way}: line {place + 1}: {line.strip()}"


def places(node: Any) -> Iterator[Place]:
    """Every parameter at any depth."""
    for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(value, dict | list):
            yield from places(value)


def _other_value(raw: dict[str, Any], draw: random.Random) -> str:
    holder, key = draw.choice(list(places(raw)))
    holder[key] = copy.deepcopy(draw.choice(ODD))
    return f"{key} is now {str(holder[key])[:40]!r}"


def _near(raw: dict[str, Any], draw: random.Random) -> str:
    """A number somewhat or far beside the right one; most of these pass."""
    found = [(holder, key) for holder, key in places(raw) if type(holder[key]) in (int, float)]
    holder, key = draw.choice(found)
    old = holder[key]
    if isinstance(old, int):
        holder[key] = draw.choice([old + 1, old - 1, old * 2, old // 2, old * 1000, 1, 2, 3, 5])
    else:
        holder[key] = draw.choice([old * 2, old / 2, old * 1e3, old * 1e-3, 0.0, 1.0, 1e-6, 0.999])
    return f"{key}={old} is now {holder[key]}"


def _gone(raw: dict[str, Any], draw: random.Random) -> str:
    holder, key = draw.choice(list(places(raw)))
    del holder[key]
    return f"{key} is gone"


def _renamed(raw: dict[str, Any], draw: random.Random) -> str:
    holder, key = draw.choice([place for place in places(raw) if isinstance(place[0], dict)])
    swapped = f"{key[:1]}{key[2:]}{key[1:2]}" if isinstance(key, str) else key
    new = draw.choice([*KEYS, swapped, f"{key}s", str(key).upper()])
    holder[new] = holder.pop(key)
    return f"{key} is now called {str(new)[:40]!r}"


def _copied(raw: dict[str, Any], draw: random.Random) -> str:
    """A value, perhaps a whole block, in the place of another, or as one more key."""
    all_places = list(places(raw))
    (holder, key), (other, source) = draw.choice(all_places), draw.choice(all_places)
    new = draw.choice(KEYS) if isinstance(holder, dict) and draw.random() < 0.3 else key
    holder[new] = copy.deepcopy(other[source])
    return f"{str(new)[:40]!r} is now a copy of {source}"


def _swapped(raw: dict[str, Any], draw: random.Random) -> str:
    """Two of the same section, or anywhere, change places."""
    section = raw[draw.choice(list(raw))] if draw.random() < 0.5 else raw
    found = list(places(section)) if isinstance(section, dict | list) and section else list(places(raw))
    (holder, key), (other, second) = draw.choice(found), draw.choice(found)
    holder[key], other[second] = copy.deepcopy(other[second]), copy.deepcopy(holder[key])
    return f"{key} and {second} have changed places"


def _emptied(raw: dict[str, Any], draw: random.Random) -> str:
    found = [(holder, key) for holder, key in places(raw) if isinstance(holder[key], dict | list)]
    if not found:
        return "nothing"
    holder, key = draw.choice(found)
    holder[key] = type(holder[key])()
    return f"{key} is empty"


WAYS: list[Callable[[dict[str, Any], random.Random], str]] = [
    _other_value,
    _other_value,
    _near,
    _near,
    _gone,
    _renamed,
    _copied,
    _swapped,
    _emptied,
]

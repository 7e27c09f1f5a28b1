"""python -m stages.preset NAME: prints a preset as plain overrides, for `dvc exp run $(python -m stages.preset NAME)`.

A preset is an overlay on params.yaml, stages/presets/NAME.yaml. A section in it changes the keys that it names; a
family of blocks in it (pretrain, extractors, strategies, models) replaces the family whole. With `extends: OTHER` it
lies on that preset in turn. With --only it leaves out all other pretraining, and what is made from it. With --params it
prints the resulting params.yaml instead, with its comments. Nothing is written.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stages.base import families
from stages.base.errors import UserError, run
from stages.project.comments import commented
from stages.project.params import FAMILIES, FILE
from stages.project.reading import load_yaml

_FOLDER = Path(__file__).parent / "presets"
# what the grammar takes for a number, a boolean or null
_NO_TEXT = re.compile(r"[+-]?([\d_]+\.?[\d_]*|\.[\d_]+)(e[+-]?[\d_]+)?|[+-]?(inf|nan)|true|false|null", re.IGNORECASE)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.preset", description=__doc__.split("\n")[0])
    parser.add_argument("name", help=f"one of: {', '.join(names())}")
    parser.add_argument("--only", help="the blocks of pretrain to keep, with what is made from them: scratch,moco")
    parser.add_argument("--params", action="store_true", help="print the resulting params.yaml instead")
    parser.add_argument("--base", type=Path, default=FILE, help="what it is an overlay on (default: params.yaml)")
    arguments = parser.parse_args()
    base = load_yaml(arguments.base)
    wanted = overlay(base, load(arguments.name))
    if arguments.only is not None:
        wanted = only(wanted, arguments.only.split(","))
    if arguments.params:
        print(commented(wanted, arguments.base.read_text(encoding="utf-8")), end="")
    else:
        print(" ".join(f"-S {override}" for override in overrides(base, wanted)))


def names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load(name: str) -> dict[str, Any]:
    """The overlay of that name, with the one that it extends. Raises UserError, with the nearest name, where there is
    none."""
    if name not in names():
        raise UserError(f"no preset {name!r}; {families.choices(name, names())}")
    found = load_yaml(_FOLDER / f"{name}.yaml")
    below = found.pop("extends", None)
    return overlay(load(below), found) if below else found


def overlay(base: Mapping[str, Any], preset: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the preset makes of `base`; both stay as they are. Keys that begin with a dot are anchors."""
    result = dict(base)
    for key, value in preset.items():
        if key.startswith("."):
            continue
        merged = isinstance(value, dict) and isinstance(base.get(key), dict) and key not in FAMILIES
        result[key] = overlay(base[key], value) if merged else value
    return result


def only(raw: Mapping[str, Any], kept: list[str]) -> dict[str, Any]:
    """The parameters with these blocks of pretrain, and without the extractors, strategies and models that need
    another. Raises UserError for a name that is none of them."""
    for name in kept:
        if name not in raw["pretrain"]:
            raise UserError(f"--only {','.join(kept)}: no pretrain.{name}; {families.choices(name, raw['pretrain'])}")
    result = dict(raw, pretrain={name: block for name, block in raw["pretrain"].items() if name in kept})
    gone = {f"encoders/{name}" for name in raw["pretrain"]} - {f"encoders/{name}" for name in kept}
    result["extractors"] = {name: block for name, block in raw["extractors"].items() if block["weights"] not in gone}
    result["strategies"] = {
        name: block for name, block in raw["strategies"].items() if block["extractor"] in result["extractors"]
    }
    result["models"] = {name: block for name, block in raw["models"].items() if block["init"] in kept}
    result["predict"] = raw["predict"] | {
        "models": [name for name in raw["predict"]["models"] if name in result["models"]]
    }
    return result


def overrides(base: Mapping[str, Any], wanted: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """What turns `base` into `wanted`, in DVC's (Hydra's) override grammar, without a space or a quote: the shell that
    expands $(...) splits at spaces and removes no quotes."""
    for key in base:
        if key not in wanted:
            yield f"~{path}{key}"
    for key, value in wanted.items():
        if key not in base:
            yield f"+{path}{key}={_value(value)}"
        elif isinstance(value, dict) and isinstance(base[key], dict) and value:
            yield from overrides(base[key], value, f"{path}{key}.")
        elif value != base[key] or type(value) is not type(base[key]):
            yield f"{path}{key}={_value(value)}"


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{_value(key)}:{_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_value, value)) + "]"
    text = str(value)
    if not re.fullmatch(r"[\w./%+-]+", text, re.ASCII) or (isinstance(value, str) and _NO_TEXT.fullmatch(text)):
        raise UserError(f"a preset cannot hold {text!r}: it would need quotes on the command line")
    return text


if __name__ == "__main__":
    run(main)

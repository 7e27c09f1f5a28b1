"""YAML files of parameters, as DVC reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from stages.base.errors import UserError


def load_yaml(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries. Raises UserError for a missing file and for what is no YAML mapping."""
    if not path.exists():
        raise UserError(f"{path} is missing; run this from the project's folder")
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"{path}{where}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML: {error}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: must hold sections, such as `data:` and `models:`")
    return raw


class _Loader(yaml.SafeLoader):
    """YAML 1.2's floats, as DVC reads them: 1e-3 is a number."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:float"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*([eE][-+]?\d+)?|\d+[eE][-+]?\d+|\.\d+([eE][-+]?\d+)?|\.inf|\.nan)$"),
    list("-+0123456789."),
)

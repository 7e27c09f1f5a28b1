"""YAML files of parameters, as DVC reads them: YAML 1.2, by the same library."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError

from stages.base.errors import UserError

# of all that a library says to a key that stands twice
_TWICE = re.compile(r'found duplicate key "(.*?)"')


def load_yaml(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries: `no` is a text, 017 is 17, 1:30 a text, 1e-3 a number. Raises UserError for a
    missing file, for what is no YAML mapping, and for a key that stands twice."""
    if not path.exists():
        raise UserError(f"{path} is missing; run this from the project's folder")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)
            # the loader in C, where it is installed, reads YAML 1.1
            raw = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        # a list that holds itself, or is too deep for people, is no parameter
        json.dumps(raw, default=str, skipkeys=True)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        twice = _TWICE.match(str(error.problem))
        if twice:
            raise UserError(f"{where}: the key {twice[1]} stands twice; keep one of the two") from None
        raise UserError(f"{where}: not YAML: {error.problem or error.context}") from None
    # of values that are not what they look like, such as the date 2024-13-45, the library lets Python's errors through
    except (YAMLError, ValueError, LookupError, RecursionError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path}: must hold sections, such as `data:` and `models:`")
    return raw

"""What is wrong with parameters, in words for people: pydantic's errors as one line."""

from __future__ import annotations

import json
import typing
from datetime import date
from fnmatch import fnmatch

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from stages.base import families

# keys of older files, * for the name of a block, and what stands for them now
_RENAMED = {
    "schedule.encoder_rate": "models.<name>.encoder_rate",
    "schedule.probe_rate": "models.<name>.probe_rate",
    "rounds.warm": "rounds.restart, its opposite",
    "pretrain.*.small_crops.size": "small_crops.pixels",
    "models.*.warm_up": "threshold_warmup",
    "models.*.warm_epochs": "discrimination_epochs",
    "extractors.*.batch_size": "what suits the network's size; leave it out",
    "pretrain.*.warm_epochs": "discrimination_epochs",
}


def line(model: type[BaseModel], where: str, errors: list[ErrorDetails]) -> str:
    """One line for the first error: the full key, the value, what is allowed, the nearest name for a typo."""
    # a mistyped key is also a missing one: the typo says more
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    # each member of a union fails by itself; who got deepest into the value is who was meant
    tried = [error for error in errors if _location(error)[: len(_location(first))] == _location(first)]
    location = max(map(_location, tried), key=len)
    same = [error for error in tried if _location(error) == location]
    key = ".".join([where, *location] if where else location)
    rest = len(errors) - len(tried)
    more = f" (and {rest} more)" if rest else ""
    if first["type"] == "extra_forbidden":
        now = next((new for old, new in _RENAMED.items() if fnmatch(key, old)), None)
        if now is not None:
            # the new key is missing as well, which is no second mistake
            return f"{key}: is now {now}"
        return f"{key}: unknown key; {families.choices(location[-1], _fields(model, location[:-1]))}{more}"
    if first["type"] == "missing":
        return f"{key}: missing; it must be given{more}"
    allowed = list(dict.fromkeys(map(words, same)))
    message = ", or ".join([allowed[0], *(other.removeprefix("must ").removeprefix("be ") for other in allowed[1:])])
    value = "" if isinstance(same[0]["input"], dict) else f"={shown(same[0]['input'])}"
    return f"{key}{value}: {message}{more}"


def _location(error: ErrorDetails) -> list[str]:
    return [str(step) for step in error["loc"] if "[" not in str(step) and str(step) not in _UNION_STEPS]


# pydantic names the member of a union that it tried as a step of the location
_UNION_STEPS = {"int", "constrained-int", "str", "constrained-str", "float", "bool", "none"}

_KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "list_type": "a list",
    "dict_type": "a block of parameters",
    "model_type": "a block of parameters",
}


def words(error: ErrorDetails) -> str:
    """What is allowed."""
    if error["type"] == "string_type" and isinstance(error["input"], bool | float | int | date):
        return "must be a text: put it in quotes"
    if error["type"] in _KINDS:
        return f"must be {_KINDS[error['type']]}"
    if error["type"] == "too_short":
        return f"must have {error['ctx']['min_length']} or more of them"
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    _, _, allowed = error["msg"].partition("should ")
    return f"must {allowed or error['msg']}"


def shown(value: object) -> str:
    """A value as the file has it, cut where it is long."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = str(value) if isinstance(value, date) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    for step in path:
        field = model.model_fields.get(step)
        inner = _models_in(field.annotation) if field else []
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]

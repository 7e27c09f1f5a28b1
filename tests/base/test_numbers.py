"""Every number that people write is bounded, in the Settings of all members, by discovery."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from stages.base import families
from stages.project.params import FAMILIES, Sections

MODELS: dict[str, type[BaseModel]] = {"params.yaml": Sections} | {
    f"{family}/{name}": families.load(family, name).Settings
    for family in ("acquisition", *(family for family, _ in FAMILIES.values()))
    for name in families.names(family)
}
ENDLESS = [float("inf"), float("-inf"), float("nan"), 1e300, -1e300, 10**30, -(10**30)]


def numbers(model: type[BaseModel], where: str = "") -> Iterator[tuple[str, FieldInfo, type]]:
    """Every field that takes a number, alone or in a list or dictionary, at any depth: its key, itself, its type."""
    for key, field in model.model_fields.items():
        for part in parts(field.annotation):
            if part in (int, float):
                yield f"{where}{key}", field, part
            elif isinstance(part, type) and issubclass(part, BaseModel):
                yield from numbers(part, f"{where}{key}.")


def parts(annotation: Any) -> Iterator[Any]:
    """What an annotation is made of, without the values of a Literal."""
    yield annotation
    if typing.get_origin(annotation) is not typing.Literal:
        for part in typing.get_args(annotation):
            if isinstance(part, type | UnionType) or typing.get_origin(part):
                yield from parts(part)


def schemas(schema: Any, *kinds: str) -> Iterator[dict[str, Any]]:
    """Every part of a JSON schema that is of one of these types, but for a Literal."""
    if isinstance(schema, dict):
        if schema.get("type") in kinds and "const" not in schema and "enum" not in schema:
            yield schema
        for part in schema.values():
            yield from schemas(part, *kinds)
    elif isinstance(schema, list):
        for part in schema:
            yield from schemas(part, *kinds)


def test_there_are_numbers_in_all_families() -> None:
    assert "optimiser.rate" in {key for key, _, _ in numbers(MODELS["pretraining/swav"])}
    assert "split.imbalance.share" in {key for key, _, _ in numbers(MODELS["params.yaml"])}
    assert sum(len(list(numbers(model))) for model in MODELS.values()) > 150


@pytest.mark.parametrize("name", MODELS)
def test_every_number_is_bounded_on_both_sides(name: str) -> None:
    for key, field, _ in numbers(MODELS[name]):
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])
        for one in schemas(adapter.json_schema(), "integer", "number"):
            assert {"minimum", "exclusiveMinimum"} & one.keys(), f"{key} has no lower bound"
            assert {"maximum", "exclusiveMaximum"} & one.keys(), f"{key} has no upper bound"
        for one in schemas(adapter.json_schema(), "array"):
            if one["items"].get("type") in ("integer", "number"):
                assert one["minItems"] == 1 and one["maxItems"] <= 1000, key


@pytest.mark.parametrize("name", MODELS)
def test_no_number_is_endless(name: str) -> None:
    for key, field, _ in numbers(MODELS[name]):
        adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])
        for number in ENDLESS:
            for value in (number, [number], {"a": number}):
                with pytest.raises(ValidationError):
                    adapter.validate_python(value, strict=True)
                    pytest.fail(f"{key} takes {value}")

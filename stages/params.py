"""The only reader of params.yaml: typed sections, every wrong key or value refused by name before any work."""

from __future__ import annotations

import hashlib
import os
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails

from stages import datasets, evaluation, splitting, tenants
from stages.errors import UserError
from stages.training.device import Compute
from stages.training.labels import Labels
from stages.training.schedule import Schedule

FILE = Path("params.yaml")

# section of blocks -> (package of its tenants, key of a block that names the tenant)
FAMILIES = {
    "pretrain": ("pretraining", "method"),
    "extractors": ("extractors", "extractor"),
    "strategies": ("selection", "strategy"),
    "models": ("regimes", "regime"),
}


class Blocks(Mapping[str, Any]):
    """The named blocks of one family; a block becomes its tenant's Settings when it is asked for."""

    def __init__(self, section: str, raw: Mapping[str, Any]) -> None:
        self.section, self.raw = section, raw

    def __getitem__(self, name: str) -> Any:
        if name not in self.raw:
            raise UserError(f"{FILE}: no {self.section}.{name}: {tenants.choices(name, self.raw)}")
        family, key = FAMILIES[self.section]
        where, block = f"{self.section}.{name}", self.raw[name]
        if not isinstance(block, dict):
            raise UserError(f"{FILE}: {where}={block!r}: must be a block of parameters")
        tenant = block.get(key)
        if tenant not in tenants.names(family):
            known = tenants.choices(str(tenant), tenants.names(family))
            raise UserError(f"{FILE}: {where}.{key}={tenant!r}: no file stages/{family}/{tenant}.py; {known}")
        return _parse(tenants.load(family, str(tenant)).Settings, block, where)

    def named(self, arguments: list[str]) -> str:
        """The one name on a stage's command line. Raises UserError for none, several, and one that is not here."""
        if len(arguments) != 1 or arguments[0] not in self.raw:
            given = " ".join(arguments) or "nothing"
            raise UserError(f"{given}: give one name of {FILE}'s {self.section}; {tenants.choices(given, self.raw)}")
        return arguments[0]

    def __contains__(self, name: object) -> bool:
        # Mapping's own asks for the item, which would parse the block
        return name in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


class Sections(BaseModel, extra="forbid", frozen=True):
    """The sections that are not families of blocks."""

    seeds: list[int] = Field(min_length=1)
    compute: Compute
    data: datasets.Settings
    split: splitting.Settings
    labels: Labels
    schedule: Schedule
    evaluation: evaluation.Settings

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("must be distinct and not negative")
        return seeds


class Params:
    """All parameters: the typed sections as attributes, and the four families of named blocks."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        known = [*Sections.model_fields, *FAMILIES]
        for key in raw:
            if key not in known:
                raise UserError(f"{FILE}: {key}: unknown key; {tenants.choices(str(key), known)}")
        for section in FAMILIES:
            if not isinstance(raw.get(section), dict) or not raw[section]:
                raise UserError(f"{FILE}: {section}: missing or empty; give at least one named block")
        sections = _parse(Sections, {key: raw[key] for key in raw if key not in FAMILIES}, "")
        self.seeds: list[int] = sections.seeds
        self.compute: Compute = sections.compute
        self.data: datasets.Settings = sections.data
        self.split: splitting.Settings = sections.split
        self.labels: Labels = sections.labels
        self.schedule: Schedule = sections.schedule
        self.evaluation: evaluation.Settings = sections.evaluation
        self.pretrain, self.extractors, self.strategies, self.models = (
            Blocks(section, raw[section]) for section in FAMILIES
        )
        self._check_names()

    def _check_names(self) -> None:
        """What one part of the file says of another; needs no tenant's module."""
        for blocks in (self.pretrain, self.extractors, self.strategies, self.models):
            for name in blocks:
                if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(name)):
                    raise UserError(f"{FILE}: {blocks.section}.{name}: a name has letters, digits, _ and - only")
        _known("data.name", self.data.name, tenants.names("datasets"))
        _known("labels.strategy", self.labels.strategy, self.strategies)
        for name, block in self.pretrain.raw.items():
            if "encoder" in block:
                _known(f"pretrain.{name}.encoder", block["encoder"], tenants.names("encoders"))
        for name, block in self.extractors.raw.items():
            kind, _, encoder = str(block.get("weights", "")).partition("/")
            if kind == "encoders":
                _known(f"extractors.{name}.weights", encoder, self.pretrain)
        for name, block in self.strategies.raw.items():
            if "extractor" in block:
                _known(f"strategies.{name}.extractor", block["extractor"], self.extractors)
        for name, block in self.models.raw.items():
            if "init" in block:
                _known(f"models.{name}.init", block["init"], self.pretrain)

    def check_blocks(self) -> None:
        """Parses every block of every family, which imports every tenant in use."""
        for blocks in (self.pretrain, self.extractors, self.strategies, self.models):
            for name in blocks:
                blocks[name]

    def check_classes(self, classes: list[str]) -> None:
        """What can be checked only once the classes are known. Raises UserError."""
        self.schedule.check(classes, f"{FILE}: schedule")
        self.evaluation.check(classes, f"{FILE}: evaluation")
        for blocks in (self.pretrain, self.models):
            for name in blocks:
                wanted = blocks.raw[name].get("classes")
                if wanted is not None and wanted > len(classes):
                    raise UserError(
                        f"{FILE}: {blocks.section}.{name}.classes={wanted}: the data has {len(classes)} classes"
                    )


def read(path: Path = FILE) -> Params:
    """Reads and checks the whole file.

    The check of all blocks imports torch, so that its success is remembered by a hash of the file and the code:
    a stage that needs no torch then imports none. Raises UserError with the full key, the value and what is allowed.
    """
    params = Params(load_yaml(path))
    text = path.read_text(encoding="utf-8")
    stamp = Path(os.environ.get("DVC_ROOT", ".")) / ".scratch" / "checked" / _digest(text)
    if not stamp.exists():
        params.check_blocks()
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()
    return params


def load_yaml(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries. Raises UserError for a missing file and for what is no YAML mapping."""
    if not path.exists():
        raise UserError(f"{path} is missing; run this from the project's folder")
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except yaml.YAMLError as error:
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


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:32]


Model = typing.TypeVar("Model", bound=BaseModel)


def _known(key: str, value: Any, known: typing.Iterable[str]) -> None:
    if value not in known:
        raise UserError(f"{FILE}: {key}={value!r}: {tenants.choices(str(value), known)}")


def _parse(model: type[Model], block: Mapping[str, Any], where: str) -> Model:
    try:
        return model.model_validate(block)
    except ValidationError as error:
        raise UserError(f"{FILE}: {_line(model, where, error.errors())}") from None


def _line(model: type[BaseModel], where: str, errors: list[ErrorDetails]) -> str:
    """One line for the first error: the full key, the value, what is allowed, the nearest name for a typo."""
    first = errors[0]
    location = [str(step) for step in first["loc"] if "[" not in str(step) and str(step) not in _UNION_STEPS]
    key = ".".join([where, *location] if where else location)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "extra_forbidden":
        fields = _fields(model, location[:-1])
        return f"{key}: unknown key; {tenants.choices(location[-1], fields)}{more}"
    if first["type"] == "missing":
        return f"{key}: missing; it must be given{more}"
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("should ")
    message = message if message.startswith("must") else f"must {message}"
    shown = "" if isinstance(first["input"], dict) else f"={first['input']!r}"
    return f"{key}{shown}: {message}{more}"


# pydantic names the member of a union that it tried as a step of the location
_UNION_STEPS = {"int", "str", "float", "bool", "none"}


def _fields(model: type[BaseModel], path: list[str]) -> list[str]:
    for step in path:
        field = model.model_fields.get(step)
        inner = _models_in(field.annotation) if field else []
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in typing.get_args(annotation) for model in _models_in(part)]

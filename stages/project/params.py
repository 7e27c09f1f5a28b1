"""The only reader of params.yaml: typed sections, every wrong key or value refused by name before any work."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError, field_validator

from stages import datasets, pretraining
from stages.base import excerpt, families
from stages.base.errors import UserError
from stages.base.numbers import Seed
from stages.calibration import settings as calibration
from stages.project import evaluation, keys
from stages.project.reading import load_yaml
from stages.project.wording import line, shown, words
from stages.splitting import parts
from stages.supervision.budget import Labels
from stages.supervision.rounds import Rounds
from stages.supervision.schedule import Schedule
from stages.training.device import Compute

if TYPE_CHECKING:
    import numpy as np

    from stages import extractors, regimes, selection

FILE = Path("params.yaml")

# section of blocks -> (package of its members, key of a block that names the member)
FAMILIES = {
    "pretrain": ("pretraining", "method"),
    "extractors": ("extractors", "extractor"),
    "strategies": ("selection", "strategy"),
    "models": ("regimes", "regime"),
}


Block = typing.TypeVar("Block", covariant=True)


class Blocks(Mapping[str, Block]):
    """The named blocks of one family; a block becomes its member's Settings when it is asked for."""

    def __init__(self, section: str, raw: Mapping[str, Any]) -> None:
        self.section, self.raw = section, raw

    def __getitem__(self, name: str) -> Block:
        if name not in self.raw:
            raise UserError(f"{FILE}: no {self.section}.{name}: {families.choices(name, self.raw)}")
        return self._parsed(name, families.load)

    def checked(self) -> dict[str, Block]:
        """All blocks by name, each held against an excerpt of its member, without the network beside its Settings:
        fit to be asked, not to be built from."""
        return {name: self._parsed(name, _excerpt) for name in self}

    def _parsed(self, name: str, load: Load) -> Block:
        where, block = f"{self.section}.{name}", self.raw[name]
        if self.section == "models" and isinstance(block.get("acquisition"), dict):
            acquisition = _settings("acquisition", "name", block["acquisition"], f"{where}.acquisition", load)
            block = {**block, "acquisition": acquisition}
        return typing.cast(Block, _settings(*FAMILIES[self.section], block, where, load))

    def named(self, arguments: list[str]) -> str:
        """The one name on a stage's command line. Raises UserError for none, several, and one that is not here."""
        if len(arguments) != 1 or arguments[0] not in self.raw:
            given = " ".join(arguments) or "nothing"
            raise UserError(f"{given}: give one name of {FILE}'s {self.section}; {families.choices(given, self.raw)}")
        return arguments[0]

    def __contains__(self, name: object) -> bool:
        # Mapping's own asks for the item, which would parse the block
        return isinstance(name, str) and name in self.raw

    def __iter__(self) -> Iterator[str]:
        return iter(self.raw)

    def __len__(self) -> int:
        return len(self.raw)


class Sections(BaseModel, extra="forbid", frozen=True):
    """The sections that are not families of blocks."""

    seeds: list[Seed] = Field(min_length=1, max_length=1000)
    compute: Compute
    data: datasets.Settings
    split: parts.Settings
    labels: Labels
    schedule: Schedule
    rounds: Rounds
    evaluation: evaluation.Settings
    predict: calibration.Settings

    @field_validator("seeds")
    @classmethod
    def _distinct(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("must be distinct")
        return seeds


class Params:
    """All parameters: the typed sections as attributes, and the four families of named blocks."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.raw = raw
        keys.check_texts(raw, FILE)
        known = [*Sections.model_fields, *FAMILIES]
        for key in raw:
            if key not in known:
                raise UserError(f"{FILE}: {key}: unknown key; {families.choices(str(key), known)}")
        for section in FAMILIES:
            if not isinstance(raw.get(section), dict) or not raw[section]:
                raise UserError(f"{FILE}: {section}: missing or empty; give at least one named block")
        sections = _parse(Sections, {key: raw[key] for key in raw if key not in FAMILIES}, "")
        self.seeds: list[int] = sections.seeds
        self.compute: Compute = sections.compute
        self.data: datasets.Settings = sections.data
        self.split: parts.Settings = sections.split
        self.labels: Labels = sections.labels
        self.schedule: Schedule = sections.schedule
        self.rounds: Rounds = sections.rounds
        self.evaluation: evaluation.Settings = sections.evaluation
        self.predict: calibration.Settings = sections.predict
        self.pretrain: Blocks[pretraining.Block] = Blocks("pretrain", raw["pretrain"])
        self.extractors: Blocks[extractors.Block] = Blocks("extractors", raw["extractors"])
        self.strategies: Blocks[selection.Block] = Blocks("strategies", raw["strategies"])
        self.models: Blocks[regimes.Block] = Blocks("models", raw["models"])
        self._check_names()

    def _check_names(self) -> None:
        """What one part of the file says of another; needs no member's module."""
        for blocks in (self.pretrain, self.extractors, self.strategies, self.models):
            for name, block in blocks.raw.items():
                # as on a command line after -S
                if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{,63}", name):
                    allowed = "a block's name must be letters, digits, _ and -, a letter first, at most 64 in all"
                    raise UserError(f"{FILE}: {blocks.section}.{name}: {allowed}")
                if not isinstance(block, dict):
                    raise UserError(f"{FILE}: {blocks.section}.{name}={shown(block)}: must be a block of parameters")
        _known("data.name", self.data.name, families.names("datasets"))
        _known("labels.strategy", self.labels.strategy, self.strategies)
        for model in self.predict.models:
            _known("predict.models", model, self.models)
        for name, block in self.pretrain.raw.items():
            if "encoder" in block:
                _known(f"pretrain.{name}.encoder", block["encoder"], families.names("encoders"))
        for name, block in self.extractors.raw.items():
            if str(block.get("weights")).startswith("encoders/"):
                _known(f"extractors.{name}.weights", block["weights"], [f"encoders/{one}" for one in self.pretrain])
        for name, block in self.strategies.raw.items():
            if "extractor" in block:
                _known(f"strategies.{name}.extractor", block["extractor"], self.extractors)
        for name, block in self.models.raw.items():
            if "init" in block:
                _known(f"models.{name}.init", block["init"], self.pretrain)

    def check_blocks(self) -> None:
        """Parses every block of every family. Imports no member, and so no torch."""
        pretrained = self.pretrain.checked()
        for name, source in pretrained.items():
            self._check_sizes(name, source)
        self.extractors.checked()
        self.strategies.checked()
        models = self.models.checked()
        # of keys that are known
        keys.check_seen(self.raw, FILE)
        for name, block in models.items():
            layers, source = getattr(block, "layers", "all"), pretrained[block.init]
            if layers != "all" and hasattr(source, "encoder"):
                most = _excerpt("encoders", source.encoder).BLOCKS
                if layers > most:
                    way = f"must be all, or 1 to {most}, the blocks of {source.encoder}"
                    raise UserError(f"{FILE}: models.{name}.layers={layers}: {way}")
            try:
                block.told_by(self.schedule)
            except ValidationError as error:
                raise UserError(f"{FILE}: models.{name}: {words(error.errors()[0])}") from None
            if block.follows == "rounds" and self.labels.budget.of == "class":
                budget = f"labels.budget={self.labels.budget}: models.{name} spends it in rounds"
                way = f"give a number or a share, or leave the model out: -S '~models.{name}'"
                raise UserError(f"{FILE}: {budget}, and nobody knows an image's class before asking; {way}")

    def _check_sizes(self, name: str, block: pretraining.Block) -> None:
        """Whether a block's network takes images of the data's size, and what else the method gives it."""
        if not hasattr(block, "encoder"):
            return
        takes, size = _excerpt("encoders", block.encoder).takes, self.data.size
        if not takes(size, size):
            least = next((other for other in range(size, 1025) if takes(other, other)), 1024)
            needs = f"needs images of {least} px or more; raise data.size={size}, or take another encoder"
            raise UserError(f"{FILE}: pretrain.{name}.encoder={block.encoder}: {needs}")
        if not pretraining.trains(block):
            return
        try:
            block.check_size(size)
        except ValueError as error:
            raise UserError(f"{FILE}: pretrain.{name}: {error}") from None
        for other in block.sizes():
            if not takes(other, size):
                takes_not = f"encoder {block.encoder}, built for {size} px, takes no images of {other} px"
                raise UserError(f"{FILE}: pretrain.{name}: {takes_not}; give null for its own size, or another encoder")

    def check_data(self, classes: list[str], labels: np.ndarray) -> str | None:
        """What can be checked only once the data are split into classes and a pool of these labels, int64 [N], and
        should be before any training. Raises UserError; returns a line where the budget is more than people answered.
        """
        if classes:
            self.check_classes(classes)
        self.labels.check(labels, classes)
        return self.labels.short(labels, len(classes)) if (labels >= 0).any() else None

    def check_classes(self, classes: list[str]) -> None:
        """What can be checked only once the classes are known. Raises UserError."""
        self.schedule.check(classes, f"{FILE}: schedule")
        self.evaluation.check(classes, f"{FILE}: evaluation")
        for blocks in (self.pretrain, self.models):
            for name, block in blocks.raw.items():
                for key in ("classes", "start_classes"):
                    wanted = block.get(key)
                    if wanted is not None and wanted > len(classes):
                        raise UserError(
                            f"{FILE}: {blocks.section}.{name}.{key}={wanted}: the data has {len(classes)} classes"
                        )


def read(path: Path = FILE) -> Params:
    """Reads and checks the whole file. Raises UserError with the full key, the value and what is allowed."""
    params = Params(load_yaml(path))
    params.check_blocks()
    return params


# finds a member of a family by its name
Load = Callable[[str, str], ModuleType]


def _excerpt(family: str, name: str) -> ModuleType:
    return excerpt.module(f"stages.{family}.{name}")


def _settings(family: str, key: str, block: Mapping[str, Any], where: str, load: Load) -> BaseModel:
    """The block as the Settings of the member that its key names."""
    member = block.get(key)
    if member not in families.names(family):
        known = families.choices(str(member), families.names(family))
        wrong = f"={shown(member)}: no file of stages/{family}/" if key in block else ": missing"
        raise UserError(f"{FILE}: {where}.{key}{wrong}; {known}")
    settings: type[BaseModel] = load(family, str(member)).Settings
    return _parse(settings, block, where)


Model = typing.TypeVar("Model", bound=BaseModel)


def _known(key: str, value: object, known: Collection[str]) -> None:
    if value not in known:
        raise UserError(f"{FILE}: {key}={shown(value)}: {families.choices(str(value), known)}")


def _parse(model: type[Model], block: Mapping[str, Any], where: str) -> Model:
    try:
        # strict: true is no number, and "0.1" in quotes none either
        return model.model_validate(block, strict=True)
    except ValidationError as error:
        raise UserError(f"{FILE}: {line(model, where, error.errors())}") from None

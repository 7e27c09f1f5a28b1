"""Parameters for tests: the project's own blocks, cut down."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from stages import preset
from stages.base import families
from stages.project import params, reading
from stages.supervision.schedule import Schedule

# of an extractor of the hubs, what does not hang on the model
IMAGENET: dict[str, Any] = {
    "extractor": "imagenet",
    "standardise": True,
    "normalise": False,
    "layer": "pool",
}


def base() -> dict[str, Any]:
    """params.yaml as it stands."""
    return reading.load_yaml(params.FILE)


def written(raw: dict[str, Any]) -> str:
    """Parameters as a file of YAML."""
    stream = io.StringIO()
    YAML().dump(raw, stream)
    return stream.getvalue()


def schedule(**changes: Any) -> Schedule:
    """The section `schedule` of params.yaml, changed."""
    return Schedule.model_validate(base()["schedule"] | changes)


@cache
def blocks(section: str) -> dict[str, dict[str, Any]]:
    """One block of a preset or params.yaml for each member of the family, by member: first of those presets that are
    made for the small net and few steps."""
    family, key = params.FAMILIES[section]
    found: dict[str, dict[str, Any]] = {}
    small = [name for name in ("pretraining", "learning") if name in preset.names()]
    for source in (*map(preset.load, small), base(), *map(preset.load, preset.names())):
        for block in source.get(section, {}).values():
            found.setdefault(block[key], block | _few_images(block))
    return {name: found[name] for name in families.names(family) if name in found}


def _few_images(block: dict[str, Any]) -> dict[str, Any]:
    """What of a block changes for some dozens of images: no UMAP, which takes half a minute to compile, and no cluster
    that has to hold more than ten."""
    changes: dict[str, Any] = {"reduction": "pca"} if block.get("reduction") == "umap" else {}
    if block.get("min_cluster_size"):
        changes["min_cluster_size"] = min(block["min_cluster_size"], 10)
    return changes


@cache
def acquisitions() -> dict[str, dict[str, Any]]:
    """One key `acquisition` of a model for each file of acquisition/, by its name."""
    found: dict[str, dict[str, Any]] = {}
    for source in (base(), *map(preset.load, preset.names())):
        for block in source.get("models", {}).values():
            found.setdefault(block["acquisition"]["name"], block["acquisition"])
    return found


@cache
def from_hubs(library: str) -> list[str]:
    """The models of that library which params.yaml and the presets name, wherever they do."""
    sources = [base(), *map(preset.load, preset.names())]
    taken = [
        block for one in sources for section in ("pretrain", "extractors") for block in one.get(section, {}).values()
    ]
    return sorted({block["model"] for block in taken if block.get("library") == library})


def settings(section: str, member: str, **changes: Any) -> Any:
    """The Settings of a member's block, changed."""
    family, _ = params.FAMILIES[section]
    block = blocks(section)[member] | changes
    return families.load(family, member).Settings.model_validate(block | warm(block, block.get("epochs", 0)))


def warm(block: dict[str, Any], epochs: int) -> dict[str, Any]:
    """The number of epochs, and the optimiser of a block with a warm-up that ends within them, or within a round."""
    if "epochs" not in block:
        return {}
    if "optimiser" not in block:
        return {"epochs": epochs}
    rule = block["optimiser"]
    most = epochs // max(block["rounds"], 1) if block.get("regime") == "pseudo_label" else epochs
    shorter = {"warmup": min(rule["warmup"], most)} if "warmup" in rule else {}
    return {"epochs": epochs, "optimiser": rule | shorter}

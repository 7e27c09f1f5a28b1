"""Models of timm."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from torch import nn

from stages.base.errors import UserError
from stages.hub import _weights
from stages.hub._network import Network, lacks
from stages.hub._source import registered


def names() -> list[str]:
    """All models, and all with the tag of their weights."""
    import timm

    return sorted({*timm.list_models(), *timm.list_models(pretrained=True)})


def knows(model: str) -> bool:
    """Whether timm's source registers that model, with that tag of weights. What it does not say plainly, `names`
    knows."""
    architecture, tagged, _ = model.partition(".")
    text = registered("timm", r"^@register_model\ndef (\w+)\(").get(architecture)
    if text is None or not tagged:
        return text is not None
    # as far as the next; those without weights are not listed
    entry = re.search(rf"^    ['\"]{re.escape(model)}['\"]: (.*?)^(    ['\"]|}})", text, re.DOTALL | re.MULTILINE)
    return entry is not None and re.search(r"^[^#\n]*(hf_hub_id|url)=['\"]\w", entry[1], re.MULTILINE) is not None


def load(model: str, weights: Path | None, upscale: int | None, layer: str) -> Network:
    """The model with the weights of the file, or of the hub. Raises UserError, never takes random weights."""
    import timm

    name, options = f"timm's {model}", _options(model, upscale)
    if weights is None:
        client = logging.getLogger("huggingface_hub")
        level = client.level
        client.setLevel(logging.ERROR)  # else every retry is two lines
        try:
            module = timm.create_model(model, pretrained=True, **options)
        except Exception as error:  # each hub has errors of its own
            raise _weights.unavailable(name, error) from None
        finally:
            client.setLevel(level)
    else:
        module = _from_file(model, weights, options, name)
    return _network(name, module, upscale, layer)


def empty(model: str, upscale: int | None, layer: str) -> Network:
    """The model with random weights, for others to take their place."""
    import timm

    return _network(f"timm's {model}", timm.create_model(model, **_options(model, upscale)), upscale, layer)


def _options(model: str, upscale: int | None) -> dict[str, Any]:
    import timm

    config = timm.get_pretrained_cfg(model)
    # networks with a vector for each place (ViT) are made for one size; timm fits the vectors of the file to it
    return {"img_size": upscale} if upscale and config and config.fixed_input_size else {}


def _network(name: str, module: Any, upscale: int | None, layer: str) -> Network:
    from timm.data.config import resolve_model_data_config

    config = resolve_model_data_config(module)  # type: ignore[no-untyped-call]
    _cut(module, layer, name)
    return Network(
        name,
        module.eval(),
        upscale or config["input_size"][-1],
        config["input_size"][-1],
        config["mean"],
        config["std"],
        config["interpolation"],
    )


def _from_file(model: str, path: Path, options: dict[str, Any], name: str) -> nn.Module:
    """timm's own loading, which knows the authors' names of the weights, with a file that we have read safely."""
    import timm

    found = _weights.read(path)
    config = timm.get_pretrained_cfg(model)
    classifier = config.classifier if config else None
    first = classifier if isinstance(classifier, str) or not classifier else classifier[0]
    # a classifier of any width will do, as will none, since it is cut off; but nothing may be missing
    reason: Exception | None = None
    for classes in dict.fromkeys([_weights.classes_in(found, first or ""), config.num_classes if config else 1000]):
        overlay = {"state_dict": dict(found), "num_classes": classes}
        try:
            module: nn.Module = timm.create_model(
                model, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay, **options
            )
        except Exception as error:  # a foreign file ends in errors of all kinds; what does not fit is said below
            reason = error
            continue
        module.pretrained_cfg.pop("state_dict", None)  # type: ignore[operator, union-attr]
        return module
    classes = _weights.classes_in(found, first or "")
    _weights.check(path, found, timm.create_model(model, num_classes=classes, **options), name)
    raise UserError(f"{path} does not fit {name} ({reason}); give the weights of {name}")


def _cut(module: Any, layer: str, name: str) -> None:
    """Leaves the network up to `layer`."""
    module.reset_classifier(0)
    dense: Any = getattr(module, "pre_logits", None)
    has_two = hasattr(dense, "fc1") and hasattr(dense, "fc2")
    if layer == "pool" and has_two:
        module.pre_logits = nn.Identity()
    elif layer != "pool" and not has_two:
        raise lacks(name, layer)
    elif layer == "fc1":
        dense.fc2 = dense.act2 = nn.Identity()

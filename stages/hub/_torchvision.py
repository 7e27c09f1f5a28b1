"""Classification models of torchvision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from stages.hub import _weights
from stages.hub._network import Network, lacks
from stages.hub._source import registered

# what their builders change when they load the published weights; the input then is normalised once more inside
_AS_PUBLISHED: dict[str, dict[str, Any]] = {
    "googlenet": {"transform_input": True, "init_weights": False},
    "inception_v3": {"transform_input": True, "init_weights": False},
}
_HEADS = ("fc", "classifier", "heads", "head")
_SIDES = {"aux1", "aux2", "AuxLogits"}


def names() -> list[str]:
    from torchvision import models

    return models.list_models(module=models)


def knows(model: str) -> bool:
    """Whether torchvision's source registers that model. What it does not say plainly, `names` knows."""
    return model in registered("torchvision", r"^@register_model\(\)\n(?:[@ )].*\n)*def (\w+)\(")


def load(model: str, weights: Path | None, upscale: int | None, layer: str) -> Network:
    """The model with the weights of the file, or of the hub. Raises UserError, never takes random weights."""
    from torchvision import models

    name = f"torchvision's {model}"
    if weights is None:
        try:
            module = models.get_model(model, weights=models.get_model_weights(model).DEFAULT)
        except Exception as error:  # URLError, a wrong digest, a full disk
            raise _weights.unavailable(name, error) from None
    else:
        module = _from_file(model, weights, name)
    return _network(model, name, module, upscale, layer)


def empty(model: str, upscale: int | None, layer: str) -> Network:
    """The model with random weights, for others to take their place."""
    return _network(model, f"torchvision's {model}", _make(model), upscale, layer)


def _make(model: str, **options: Any) -> nn.Module:
    """The model with random weights, in the form of its published ones."""
    from torchvision import models

    options |= _AS_PUBLISHED.get(model, {})
    if model.startswith("vit_"):  # a vector for each place
        options["image_size"] = models.get_model_weights(model).DEFAULT.meta["min_size"][0]
    module: nn.Module = models.get_model(model, weights=None, **options)
    return module


def _network(model: str, name: str, module: nn.Module, upscale: int | None, layer: str) -> Network:
    from torchvision import models

    views = models.get_model_weights(model).DEFAULT.transforms()
    _cut(module, layer, name)
    return Network(
        name,
        module.eval(),
        upscale or views.crop_size[0],
        views.crop_size[0],
        tuple(views.mean),
        tuple(views.std),
        views.interpolation.value,
    )


def _from_file(model: str, path: Path, name: str) -> nn.Module:
    found = _weights.read(path)
    module = _make(model)
    # a classifier of any width will do, since it is cut off
    last = [key for key, layer in module.named_modules() if isinstance(layer, nn.Linear)][-1:]
    classes = _weights.classes_in(found, last[0]) if last else 0
    if classes not in (0, 1000):
        module = _make(model, num_classes=classes)
    _weights.check(path, found, module, name)
    module.load_state_dict(found)
    return module


def _cut(module: Any, layer: str, name: str) -> None:
    """Leaves the network up to `layer`: "pool" is what the classifier is given, averaged over the places of the image.

    fc1 and fc2 are the two dense layers of VGG (and AlexNet), after their ReLU, as the layer behind them sees them.
    """
    # in training mode, two networks would give what their side heads say as well
    if hasattr(module, "aux_logits"):
        module.aux_logits = False
        for side in _SIDES & dict(module.named_children()).keys():
            setattr(module, side, None)
    head = next(key for key in _HEADS if hasattr(module, key))
    layers = list(getattr(module, head).children()) or [getattr(module, head)]
    dense = [place for place, one in enumerate(layers) if isinstance(one, nn.Linear)]
    if layer != "pool":
        if len(dense) < 3:
            raise lacks(name, layer)
        stop = dense[int(layer[-1]) - 1] + 2
    else:
        stop = dense[0] if dense else 0
        if len(dense) >= 3:  # their classifier is given the whole map
            module.avgpool = nn.AdaptiveAvgPool2d(1)
    setattr(module, head, nn.Sequential(*layers[:stop]) if dense else nn.AdaptiveAvgPool2d(1))

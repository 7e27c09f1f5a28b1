"""A ready network from a library, with the images it wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from stages.base.errors import UserError

# what libraries call the part in which the layers of most weights stand in a row
_TRUNKS = {"features", "stages", "dense_stages", "blocks", "layers", "levels", "transformers", "trunk_output"}
_TRUNKS |= {"encoder", "body"}


@dataclass
class Network:
    """`module` takes normalised images [N, 3, size, size] and gives vectors [N, d]; it was trained on images of
    `own` px, brought to that size by `interpolation`."""

    name: str
    module: nn.Module
    size: int
    own: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str


def lacks(name: str, layer: str) -> UserError:
    """The refusal of a layer that the network of that name does not have."""
    return UserError(f"{name} has no layer {layer}; set `layer` to pool, or take a VGG")


def blocks(module: nn.Module) -> list[nn.Module]:
    """The parts of a network from input to output, as its builders registered them; each parameter is in exactly one,
    unless the network itself shares it (CoaT).

    The units are its children, and in place of a trunk the trunk's. One without a matrix of weights (a norm, a scale)
    joins what stands before it; tokens and position vectors, which belong to the whole, join the first.
    """
    loose: list[nn.Parameter] = []
    found: list[list[nn.Module]] = []
    for unit in _units(module, loose):
        if found and all(parameter.ndim < 2 for parameter in unit.parameters()):
            found[-1].append(unit)
        elif any(True for _ in unit.parameters()):
            found.append([unit])
    if loose:
        found[0].insert(0, nn.ParameterList(loose))
    return [nn.ModuleList(units) for units in found]


def _units(module: nn.Module, loose: list[nn.Parameter]) -> Iterator[nn.Module]:
    """The children, and the children of trunks; parameters that belong to none of them go to `loose`."""
    loose += module.parameters(recurse=False)
    for name, child in module.named_children():
        if name in _TRUNKS:
            yield from _units(child, loose)
        else:
            yield child

"""How long training would take without a GPU, so that nobody finds out after a night."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from stages import pretraining, regimes
from stages.base.errors import UserError
from stages.project.params import Blocks, Params
from stages.supervision.budget import Labels
from stages.training.device import half, pick

if TYPE_CHECKING:
    from torch import Tensor, nn

Block = TypeVar("Block")

# seen on conv4, WRN-28-2 and ResNet-18, batch 256, on a server's cores: 75 to 160 with bf16, half of it without
_FLOPS_OF_A_CORE = {True: 75e9, False: 40e9}
_LIMIT_HOURS = 12.0


def check(parameters: Params, pool_size: int, section: str | None = None, name: str | None = None) -> None:
    """Without a GPU, says how long pretraining and training would take, all of it or one block of a section; pool_size
    is 0 where it is not known yet.

    Raises UserError beyond 12 hours, unless compute.device=cpu says that it is meant.
    """
    device = pick(parameters.compute)
    if device.type != "cpu" or parameters.compute.device == "cpu" or not pool_size:
        return
    estimate = hours(parameters, pool_size, half(parameters.compute, device), section, name)
    what = f"{section}.{name}" if section else "all of params.yaml"
    about = f"no GPU here: {what} would take about {estimate:,.0f} hours on {os.cpu_count()} CPU cores"
    if estimate > _LIMIT_HOURS:
        raise UserError(
            f"{about}; try `dvc exp run $(python -m stages.preset cpu)`, or set compute.device=cpu to go ahead"
        )
    if estimate > 0.5:
        print(about, file=sys.stderr)


def hours(
    parameters: Params, pool_size: int, in_half: bool, section: str | None = None, only: str | None = None
) -> float:
    """Hours for all seeds of all blocks, or of one block of a section, from each encoder's operations."""
    work = 0.0
    measured: dict[str, float] = {}

    def forward(start: str) -> float:
        if start not in measured:
            measured[start] = operations(parameters.pretrain[start], parameters.data.size)
        return measured[start]

    for name, pretrained in _wanted(parameters.pretrain, section, only):
        if pretraining.trains(pretrained):
            cost = pretraining.trained(pretrained).cost(pretrained)
            work += pretrained.epochs * pretrained.visits(pool_size) * cost * forward(name)
    for _, block in _wanted(parameters.models, section, only):
        told = [pool_size]
        if block.follows != "schedule":
            budget = _told(parameters.labels, pool_size)
            told = parameters.rounds.totals(budget) if block.follows == "rounds" else [budget]
            if block.sees_pool:
                told = [pool_size] * len(told)
        visits = block.epochs * sum(map(block.visits, told)) * regimes.member(block.regime).cost(block)
        # before a model asks it looks at the whole pool, once for all if what it sees there stays the same
        looks = len(told) - 1
        if looks and not block.moves_encoder:
            looks = 1
        work += (visits + looks * pool_size) * forward(block.init)
    work *= len(parameters.seeds)
    if section is None:
        # features come from the encoder of the first seed alone
        for block in parameters.extractors.raw.values():
            way, _, start = str(block.get("weights")).partition("/")
            work += pool_size * forward(start) if way == "encoders" else 0
    return work / (_FLOPS_OF_A_CORE[in_half] * (os.cpu_count() or 1)) / 3600


def _wanted(blocks: Blocks[Block], section: str | None, only: str | None) -> Iterator[tuple[str, Block]]:
    """Those of a section by name and block, or the one block that is meant: no other is parsed."""
    for name in blocks:
        if not section or (blocks.section, name) == (section, only):
            yield name, blocks[name]


def _told(labels: Labels, pool_size: int) -> int:
    """About how many labels the budget buys; a budget that the pool can't give is for others to refuse."""
    try:
        # the classes are not known here
        return labels.count(pool_size, 10)
    except UserError:
        return pool_size


def operations(block: pretraining.Block, size: int) -> float:
    """Floating-point operations of a forward pass of a `pretrain` block's encoder, for one image of size x size. No
    weights are fetched."""
    import torch

    from stages import encoders

    if pretraining.brings(block):
        return _counted(lambda: pretraining.owner(block).untrained(block, size), size)
    # the counter and the meta device import torch's compiler (1.4 s), which these small networks can do without
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        return _of_layers(encoders.build(block.encoder, size, [0.5] * 3, [0.25] * 3).eval(), size)


def _of_layers(network: nn.Module, size: int) -> float:
    """Of the convolutions and dense layers of a network that has no other costly ones; two for each multiplication."""
    import torch

    total = 0.0

    def add(layer: nn.Conv2d | nn.Linear, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        # the weights that make one number of the output
        total += 2.0 * output.numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear):
            layer.register_forward_hook(add)
    network(torch.empty(1, 3, size, size))
    return total


def _counted(build: Callable[[], nn.Module], size: int) -> float:
    """Of any network, by torch's counter, without memory for its weights where it can be built so."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    def count() -> float:
        network = build()
        with FlopCounterMode(display=False) as counter:
            network.eval()(torch.empty(1, 3, size, size))
        return float(counter.get_total_flops())

    with torch.no_grad():
        try:
            with torch.device("meta"):
                return count()
        except NotImplementedError:  # a few (RegNet) compute their widths with tensors
            with torch.random.fork_rng(devices=[]):
                return count()

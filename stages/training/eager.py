"""An optimiser that does not bring torch's compiler.

torch marks its optimisers as nothing to compile, and imports the whole compiler to do so, when one is first used: 1.4 s
of each process that trains, with sympy and triton. Here nothing but an encoder is ever compiled (`compute.compile`),
which brings it then.
"""

from __future__ import annotations

import functools
from typing import Any

import torch

_MARKED = ("add_param_group", "load_state_dict", "state_dict", "zero_grad")


def mark() -> None:
    """To be called before an optimiser is made: has its methods count as marked already, under the name by which
    `torch._disable_dynamo` looks. Where a release of torch does it otherwise, it is slow again, no more."""
    for name in _MARKED:
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None:
            vars(method).setdefault("__dynamo_disable", method)


def unmarked(optimiser: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """The same optimiser, whose `step` is torch's own function without what is around it: a record for profilers, and
    marks for the compiler."""
    step: Any = type(optimiser).step
    while hasattr(step, "__wrapped__"):
        step = step.__wrapped__
    optimiser.step = torch.no_grad()(functools.partial(step, optimiser))  # type: ignore[method-assign]
    return optimiser

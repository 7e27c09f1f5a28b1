"""Several processes for one stage, each with some of the seeds; started by torchrun, which LAUNCHER names.

    LAUNCHER="torchrun --nproc-per-node=4" dvc repro

The launcher stands in the environment, not in dvc.yaml's `cmd`: how a result was computed does not make it another.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import torch.distributed

from stages.base.errors import UserError
from stages.base.files import whole_folder
from stages.training.checkpoint import scratch

Item = TypeVar("Item")


def launch(module: str) -> None:
    """Becomes the launcher's process, which starts this stage anew in each worker; returns within a worker, and where
    LAUNCHER is not set. Raises UserError for a launcher that is not there."""
    launcher = shlex.split(os.environ.get("LAUNCHER", ""))
    if not launcher or "RANK" in os.environ:
        return
    try:
        os.execvp(launcher[0], [*launcher, "-m", module, *sys.argv[1:]])
    except FileNotFoundError:
        raise UserError(f"LAUNCHER={launcher[0]}: no such command; unset it, or try torchrun") from None


def mine(items: Sequence[Item]) -> list[Item]:
    """This worker's part of the items; all of them where there is one process."""
    return list(items)[int(os.environ.get("RANK", 0)) :: int(os.environ.get("WORLD_SIZE", 1))]


@contextmanager
def output(stage: str, key: str, target: Path) -> Iterator[tuple[Path, Path]]:
    """The scratch folder of the run, and a new folder that becomes `target` when all workers are done.

    The first worker holds the locks and renames the folder at the end; all must see one file system.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        with scratch(stage, key, target) as resume, whole_folder(target) as folder:
            yield resume, folder
        return
    # seeds exchange nothing but two paths, for which any backend does
    # the one with less to do waits for the others at the end, for as long as it takes
    torch.distributed.init_process_group("gloo", timeout=timedelta(days=365))
    first = torch.distributed.get_rank() == 0
    with ExitStack() as stack:
        paths: list[Path | None] = [None, None]
        if first:
            paths = [stack.enter_context(scratch(stage, key, target)), stack.enter_context(whole_folder(target))]
        torch.distributed.broadcast_object_list(paths)
        assert paths[0] and paths[1]
        yield paths[0], paths[1]
        torch.distributed.barrier()
    torch.distributed.destroy_process_group()

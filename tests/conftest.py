import os

import pytest

# before torch: forked children of a process with OpenMP threads hang, and two cores are soon full
os.environ.setdefault("OMP_NUM_THREADS", "1")
# else numba, which UMAP loads, gives torch as many threads as there are cores, in the middle of the tests
os.environ["NUMBA_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
os.environ["DVC_NO_ANALYTICS"] = "1"
os.environ.pop("DVC_ROOT", None)
os.environ.pop("DVC_STAGE", None)

# oneDNN takes this limit as the processor's; torch asks the processor itself for bfloat16
if os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper() in {"SSE41", "AVX", "AVX2"}:
    import torch

    torch.cpu._is_avx512_bf16_supported = lambda: False

# a file is one worker's, so that a long one at the end would leave the others idle
FIRST = ["test_pipeline.py", "test_contracts.py", "test_rounds.py", "test_compare.py", "test_train.py", "test_heal.py"]
FIRST += ["test_dvc_reads.py", "test_sandbox.py", "test_lineage.py", "test_figures.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first; make test has xdist keep the order."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))

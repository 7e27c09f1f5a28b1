"""python -m tests.predicted_folder MODEL FOLDER: what predicting a folder's images costs, beside embedding them.

In a project whose MODEL has predicted (data/predictions/MODEL), and that has no .vectors yet. Seconds of processor time
of two processes in turn, twice: the model's encoder alone over images that are packed already, and
`python -m stages.predict`, which keeps no vector.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from stages.datasets import folder
from stages.project import layout, params

EMBED = """
import sys, numpy as np, torch
from pathlib import Path
from stages.training import saved
from stages.training.images import Images
encoder, _ = saved.load(Path(sys.argv[1]))
packed = np.load(sys.argv[2])
Images(packed, np.arange(len(packed)), torch.device("cpu")).vectors(encoder)
"""
TIMES = 2


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.predicted_folder")
    parser.add_argument("model")
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    if Path(".vectors").exists():
        sys.exit(".vectors: vectors are kept there already; move it away, to measure without")
    parameters = params.read()
    model = layout.seed_folder(layout.MODELS / asked.model, parameters.seeds[0])
    with tempfile.TemporaryDirectory() as room:
        packed = Path(room, "packed.npy")
        batches = folder.batches(asked.folder, layout.description("size")["size"], parameters.data.max_pixels)
        np.save(packed, np.concatenate([images for _, images in batches]))
        for _ in range(TIMES):
            embed = seconds([sys.executable, "-c", EMBED, str(model), str(packed)])
            predict = [
                sys.executable,
                "-m",
                "stages.predict",
                asked.model,
                str(asked.folder),
                "--to",
                f"{room}/out.csv",
            ]
            whole = seconds([*predict, "--to", f"{room}/out.csv"], VECTORS_GB="0")
            print(f"embedding {embed:.1f} s, predicting {whole:.1f} s: {whole / embed:.2f} times", flush=True)


def seconds(command: list[str], **environment: str) -> float:
    """Processor time of a process, on one thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())}
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **environment})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()

"""python -m tests.more_photos ARCHIVE: what 100 more photos cost where 3,000 have been embedded, beside embedding all.

ARCHIVE holds CIFAR-10 as folders. Seconds of processor time of EfficientNet-Lite0 at 128 px, and of a choice of 100 by
TypiClust, once each; metrics/reported/speed.md has what it printed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from stages import encoders, hub
from stages.embedding.store import Store
from stages.embedding.stored import Stored
from stages.selection import member
from tests.blocks import settings
from tests.probes import pictures

FIRST, MORE, CHOSEN = 3000, 100, 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.more_photos")
    parser.add_argument("archive", type=Path)
    images, _ = pictures(parser.parse_args().archive)
    device = torch.device("cpu")
    choice = hub.Choice(library="bundled", model="efficientnet_lite0", upscale=128)
    encoder = encoders.wrap(choice, hub.load(choice, None), 32)
    block = settings("strategies", "typiclust", normalise=True)
    with tempfile.TemporaryDirectory() as folder:
        for what, count in ((f"{FIRST:,}, all new", FIRST), (f"{MORE} more", FIRST + MORE)):
            began = time.process_time()
            opened = Stored(images, np.arange(count), device, half=False, store=Store(Path(folder), 2**30))
            vectors = opened.vectors(encoder).numpy()
            embedded = time.process_time()
            member("typiclust").select(vectors, CHOSEN, block, seed=0, device=device)
            chosen = time.process_time()
            print(f"| {what} | {embedded - began:.1f} | {chosen - embedded:.1f} |", flush=True)


if __name__ == "__main__":
    main()

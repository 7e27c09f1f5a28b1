"""Images whose vectors by frozen encoders are kept, so that none is embedded twice."""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from stages import encoders
from stages.embedding.store import KEY, Store, key
from stages.encoders import Encoder
from stages.training.augmentation import plain
from stages.training.device import autocast
from stages.training.images import Images

# between two shards: what a kill costs, and bytes that wait for one
_SECONDS, _BYTES = 30, 2**26


class Stored(Images):
    """As Images; `vectors` are looked up in `store` first.

    What an image gets does not hang on those that are embedded with it: batches are all of one size, for libraries add
    in another order where a batch is smaller.
    """

    def __init__(self, packed: np.ndarray, rows: np.ndarray, device: torch.device, *, half: bool, store: Store) -> None:
        super().__init__(packed, rows, device, half=half)
        self._store = store
        self._keys = np.zeros(len(rows), KEY)
        self._keyed = np.zeros(len(rows), bool)

    def vectors(self, encoder: Encoder, chosen: Tensor | None = None) -> Tensor:
        places = np.arange(len(self)) if chosen is None else chosen.cpu().numpy()
        keys, first, back = np.unique(self._keys_of(places), return_index=True, return_inverse=True)
        found = np.empty((len(keys), encoder.dim), np.float32)
        shelf = self._store.shelf(f"{encoders.digest(encoder)}-{_hardware(self.device, self.half)}")
        missing = shelf.fill(keys, found)
        # as they lie on disk
        missing = missing[np.argsort(first[missing])]
        began = written = time.monotonic()
        pending: list[Tensor] = []
        done = 0
        size = encoder.at_once(self.device)
        training = encoder.training
        # once: to walk through all layers for each batch is an eighth of the time
        encoder.to(memory_format=torch.channels_last).eval()
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            pending.append(self._embedded(encoder, places[first[batch]], size))
            stop, last = start + len(batch), start + size >= len(missing)
            if last or time.monotonic() - written > _SECONDS or (stop - done) * encoder.dim * 4 > _BYTES:
                # fetched together: a GPU would wait for each
                some = missing[done:stop]
                found[some] = torch.cat(pending).cpu().numpy()
                shelf.add(keys[some], found[some])
                pending, done, written = [], stop, time.monotonic()
        encoder.train(training)
        self._store.made += len(missing)
        self._store.seconds += time.monotonic() - began
        return torch.from_numpy(found[back]).to(self.device)

    @torch.inference_mode()
    def _embedded(self, encoder: Encoder, places: np.ndarray, size: int) -> Tensor:
        """float32 [n, dim], of the n images at `places` in a batch of `size`."""
        full = np.concatenate([places, np.repeat(places[:1], size - len(places))])
        with autocast(self.device, self.half):
            found = encoder(plain(self[torch.from_numpy(full).to(self.indexed_on)])).float()
        if len(found) != size:  # numpy would fill all places with a single row
            raise ValueError(f"the network gave {len(found)} vectors for {size} images")
        return found[: len(places)]

    def _keys_of(self, places: np.ndarray) -> np.ndarray:
        """KEY [n], of the images at `places`."""
        unknown = np.unique(places[~self._keyed[places]])
        for start in range(0, len(unknown), self.at_once()):
            some = unknown[start : start + self.at_once()]
            pixels = self[torch.from_numpy(some).to(self.indexed_on)].cpu().numpy()
            self._keys[some] = [key(image.data) for image in pixels]
        self._keyed[unknown] = True
        return self._keys[places]


def _hardware(device: torch.device, half: bool) -> str:
    """What has a say in a vector's last digits."""
    kind = torch.cuda.get_device_name(device) if device.type == "cuda" else torch.backends.cpu.get_cpu_capability()
    return f"{device.type}-{'-'.join(kind.lower().split())}-{'bf16' if half else 'fp32'}"

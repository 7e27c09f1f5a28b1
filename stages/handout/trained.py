"""What a trained model takes images for, and which it would have labelled next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from stages.acquisition import Acquisition, Candidates
from stages.base import families
from stages.encoders import Encoder
from stages.handout.task import Task
from stages.training import measure
from stages.training.images import Images


@dataclass(frozen=True)
class Trained:
    """`encoder` and `head` as training kept them; `acquisition`: the settings of its block; `half`: whether it computes
    in bfloat16."""

    encoder: Encoder
    head: torch.nn.Linear
    acquisition: Acquisition
    device: torch.device
    half: bool

    @property
    def asks(self) -> str | None:
        """The acquisition by which it chooses, or None where it leaves that to the ranking."""
        return None if self.acquisition.name == "ranking" else self.acquisition.name

    @torch.inference_mode()
    def guess(self, asked: Sequence[Task], pictures: np.ndarray, classes: Sequence[str]) -> list[Task]:
        """Adds to each image the likeliest class of its picture, uint8 [n, S, S, 3], and the softmax share of it."""
        head, embedding = self._of(Images(pictures, np.arange(len(pictures)), self.device))
        shares, best = head(embedding).softmax(1).max(1)
        found = zip(asked, best.tolist(), shares.tolist(), strict=True)
        return [replace(one, guess=(classes[label], round(share, 4))) for one, label, share in found]

    def wanted(
        self, packed: np.ndarray, indices: np.ndarray, ranked: np.ndarray, known: np.ndarray, count: int, seed: int
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The `count` images of a pool that it asks about, int64 [count], the most wanted first, and their scores, if
        the acquisition has any.

        packed: uint8 [M, S, S, 3], of which int64 [N] `indices` are the pool; ranked: int64 [n], those that may be
        asked about, in the order of a ranking; known: int64 [l], those whose labels are there. Raises UserError for a
        count above n.
        """
        head, embedding = self._of(Images(packed, indices, self.device))
        candidates = Candidates.among(
            embedding,
            head,
            known=known,
            ranked=ranked,
            count=count,
            seed=seed,
            # as many draws as there were requests: another after these answers
            round=1 + len(known),
        )
        found = families.load("acquisition", self.acquisition.name).ask(candidates, self.acquisition)
        return found.indices.cpu().numpy(), None if found.scores is None else found.scores.cpu().numpy()

    def _of(self, images: Images) -> tuple[torch.nn.Module, torch.Tensor]:
        """The head, and the embeddings [N, d] of the images, on the device."""
        return self.head.to(self.device), measure.embed(self.encoder.to(self.device), images, self.half)

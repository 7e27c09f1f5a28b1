"""What a trained model takes images for, and which it would have labelled next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from stages.acquisition import Acquisition, Candidates, ask
from stages.encoders import Encoder
from stages.handout.task import Task
from stages.training.images import Images


@dataclass(frozen=True)
class Trained:
    """`encoder` and `head` as training kept them; `acquisition`: the settings of its block; `opened`: makes Images of
    packed images uint8 [M, S, S, 3] and the rows int64 [N] that are meant."""

    encoder: Encoder
    head: torch.nn.Linear
    acquisition: Acquisition
    device: torch.device
    opened: Callable[[np.ndarray, np.ndarray], Images]

    @property
    def asks(self) -> str | None:
        """The acquisition by which it chooses, or None where it leaves that to the ranking."""
        return None if self.acquisition.name == "ranking" else self.acquisition.name

    def embed(self, packed: np.ndarray, indices: np.ndarray) -> Tensor:
        """The embeddings [N, d], on the device, of those images uint8 [M, S, S, 3] that int64 [N] `indices` name."""
        return self.opened(packed, indices).vectors(self.encoder.to(self.device))

    @torch.inference_mode()
    def guess(self, tasks: Sequence[Task], embedding: Tensor, classes: Sequence[str]) -> list[Task]:
        """Adds to each task the likeliest class of its image, by the embeddings [n, d], and the softmax share of it."""
        shares, labels = self.head.to(self.device)(embedding).softmax(1).max(1)
        guesses = zip(tasks, labels.tolist(), shares.tolist(), strict=True)
        return [replace(task, guess=(classes[label], round(share, 4))) for task, label, share in guesses]

    def query(
        self,
        embedding: Tensor,
        ranked: np.ndarray,
        labelled: np.ndarray,
        count: int,
        seed: int,
        *,
        seen: np.ndarray,
        first: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The `count` images of a pool that it asks about, int64 [count], the most wanted first, and their scores, if
        the acquisition has any (margin: p1 - p2, small: unsure).

        embedding: [N, d], of the pool; ranked: int64 [n], the images that people may be asked about, in the order of a
        ranking; labelled: int64 [l], those whose labels are there; seen, first: as `acquisition.ask` wants them.
        Raises UserError for a count above n.
        """
        candidates = Candidates.among(
            embedding,
            self.head.to(self.device),
            labelled=labelled,
            ranked=ranked,
            count=count,
            seed=seed,
            # as many draws as there were requests: another after these answers
            round=1 + len(labelled),
        )
        found = ask(candidates, seen, settings=self.acquisition, first=first)
        return found.indices.cpu().numpy(), None if found.scores is None else found.scores.cpu().numpy()

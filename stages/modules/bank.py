"""A memory bank: for each image of the pool the running mean of its unit vectors, by index (Wu et al. 2018)."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from stages.training.augmentation import plain
from stages.training.images import Images
from stages.training.measure import embed

Start = Literal["random", "encoder"]

BLOCK = 2**24  # entries of one block of similarities


class Bank(nn.Module):
    """`vectors` [N, d], a buffer of unit vectors, random at first, as in Zhuang et al. 2019; `filled`: bool [N], those
    that no longer are. `Start`, for settings: whether they stay so until an image's first batch, or the encoder
    introduces it before.

    `rows` and `own` below are indices of the pool, int64; similarities are dot products.
    """

    vectors: Tensor
    filled: Tensor

    def __init__(self, pool_size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("vectors", functional.normalize(torch.randn(pool_size, dim), dim=1))
        self.register_buffer("filled", torch.zeros(pool_size, dtype=torch.bool))

    @torch.no_grad()
    def update(self, indices: Tensor, new: Tensor, momentum: float) -> None:
        """v <- norm(momentum * v + (1 - momentum) * new) at int64 [B]; new: unit vectors [B, d]. Of an image that is in
        a batch twice, the first counts."""
        mixed = torch.lerp(new[firsts(indices)].to(self.vectors.dtype), self.vectors[indices], momentum)
        self.vectors[indices] = functional.normalize(mixed, dim=1)
        self.filled[indices] = True

    @torch.no_grad()
    def introduce(self, shown: Tensor, images: Images, embedder: nn.Module) -> None:
        """Gives those of `shown` not filled so far the vectors that `embedder` makes of them, without views, in
        evaluation mode; the first time after a pass in training mode, or its batch norm would do nothing yet."""
        new = shown[~self.filled[shown]]
        if not len(new):
            return
        if not self.filled.any():
            for some in new.split(images.at_once()):
                if len(some) > 1:
                    embedder.train()(plain(images[some]))
        self.vectors[new] = functional.normalize(embed(embedder, images, half=False, chosen=new), dim=1)
        self.filled[new] = True

    @torch.no_grad()
    def nearest(
        self, queries: Tensor, own: Tensor, rows: Tensor, count: int, *, with_own: bool
    ) -> tuple[Tensor, Tensor]:
        """The `count` images among `rows` [n] most similar to each of `queries` [m, d], fewer where there are no more:
        similarities [m, k] and indices of the pool [m, k], the most similar first.

        own: [m], the image of each query, one of `rows`: always among those found and the first of them, whatever its
        similarity, or never. In blocks: no m x n matrix.
        """
        database = self.vectors[rows]
        place = torch.zeros(len(self.vectors), dtype=torch.int64, device=rows.device)
        place[rows] = torch.arange(len(rows), device=rows.device)
        count = min(count, len(rows) - (not with_own))
        edge = torch.inf if with_own else -torch.inf
        similarities, found = [], []
        step = max(1, BLOCK // len(rows))
        with torch.autocast(queries.device.type, enabled=False):
            for block, mine in zip(queries.split(step), place[own].split(step), strict=True):
                similarity = block @ database.T
                itself = similarity.gather(1, mine[:, None])
                values, which = similarity.scatter_(1, mine[:, None], edge).topk(count)
                if with_own:
                    values[:, :1] = itself
                similarities.append(values)
                found.append(rows[which])
        return torch.cat(similarities), torch.cat(found)

    def similarity(self, queries: Tensor, rows: Tensor) -> Tensor:
        """To all of `rows` [n], [m, n], with gradients to the queries: for a batch, not for a pool."""
        with torch.autocast(queries.device.type, enabled=False):
            return queries @ self.vectors[rows].T

    def background(self, queries: Tensor, own: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """As `nearest` with own, but the similarities [m, k] pass gradients on to the queries; in any order, and all of
        `rows` where `count` is not less."""
        if count >= len(rows):
            return self.similarity(queries, rows), rows.expand(len(queries), -1)
        _, near = self.nearest(queries, own, rows, count, with_own=True)
        with torch.autocast(queries.device.type, enabled=False):
            return torch.bmm(self.vectors[near], queries[:, :, None])[:, :, 0], near


def firsts(indices: Tensor) -> Tensor:
    """The position at which each entry of int64 [B] occurs first. Of several writes to one row a GPU may keep any;
    where all write what the first writes, the result is certain."""
    return (indices[:, None] == indices).to(torch.uint8).argmax(1)

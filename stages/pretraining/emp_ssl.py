"""EMP-SSL: the projections of many patches of an image agree with their mean, while those of different images fill the
space (Tong et al. 2023, "EMP-SSL: Towards Self-Supervised Learning in One Training Epoch")."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from stages.base.numbers import Temperature, Weight, Widths
from stages.encoders import Encoder
from stages.modules.heads import perceptron
from stages.training.augmentation import Views, augment
from stages.training.method import Batch, Method, Training
from stages.training.optimiser import Optimiser


class Settings(Training):
    """`patches` of each image: squares anywhere within, brought back to its size. Their area is fixed: it is the
    `min_area` of `views` (1/4 in the paper, whose colours are jittered, greyed, blurred and solarised).

    `coding_rate` and `invariance` weigh the two losses (1 and 200 in the paper, with distortion 0.2, its epsilon
    squared); without the coding rate all projections may become one. `projection`: widths of the head's layers with
    batch norm between them (4096, 4096, 512; 1024 in the end in the released code).
    """

    method: Literal["emp_ssl"]
    encoder: str
    optimiser: Optimiser
    patches: int = Field(ge=2, le=1000)
    views: Views
    coding_rate: Weight
    invariance: Weight
    distortion: Temperature
    projection: Widths

    @model_validator(mode="after")
    def _learns(self) -> Self:
        if self.coding_rate == self.invariance == 0:
            raise ValueError("coding_rate and invariance are both 0, and nothing would be learnt; raise one")
        return self


class EmpSSL(Method):
    """All patches of a batch go through the network at once, so that batch norm sees them all together.

    What is kept and measured is the encoder on whole images. The paper's figures are for the mean over a bag of patches
    (128 in the released code) of the head's first hidden layer.
    """

    settings: Settings

    def __init__(self, encoder: Encoder, settings: Settings) -> None:
        super().__init__(encoder, settings)
        self.projection = perceptron([encoder.dim, *settings.projection], batch_norm=True)

    def watched(self) -> nn.Module:
        return nn.Sequential(self.encoder, self.projection)

    def updates(self, batch: Batch) -> Iterator[dict[str, Tensor]]:
        chosen = self.settings
        images = batch.images.repeat(chosen.patches, 1, 1, 1)
        patches = augment(images, chosen.views, max_area=chosen.views.min_area)
        projected = self.projection(self.encoder(patches)).unflatten(0, (chosen.patches, -1))
        yield {
            "coding_rate": -chosen.coding_rate * coding_rate(projected, chosen.distortion),
            "invariance": -chosen.invariance * agreement(projected),
        }


def coding_rate(projected: Tensor, distortion: float) -> Tensor:
    """The total coding rate of a set of vectors, the mean over the sets (eqs. 1 and 2): of a set's Z [d, b], whose
    columns have length 1, R(Z) = 1/2 log det(I + d / (b distortion) Z Z^T).

    projected: [patches, b, d], a set for each patch, normalised here. Returns a scalar in float32 (float64 of float64).
    """
    vectors = _normalised(projected)
    b, d = vectors.shape[1:]
    with torch.autocast(vectors.device.type, enabled=False):
        # Z Z^T and Z^T Z share their eigenvalues other than 0: the smaller one does
        gram = vectors @ vectors.mT if b < d else vectors.mT @ vectors
        matrix = torch.eye(min(b, d), dtype=gram.dtype, device=gram.device) + d / (b * distortion) * gram
        # det = product of the factor's diagonal, squared; the _ex variant does not wait for the device to check
        factor, _ = torch.linalg.cholesky_ex(matrix)
        return factor.diagonal(dim1=-2, dim2=-1).log().sum(-1).mean()


def agreement(projected: Tensor) -> Tensor:
    """The cosine similarity of each patch's projection with the mean of those of its image, the mean over all (D in
    eq. 2, with gradient through both sides).

    projected: [patches, b, d], normalised here. Returns a scalar in float32 (float64 of float64).
    """
    vectors = _normalised(projected)
    return functional.cosine_similarity(vectors, vectors.mean(0, keepdim=True), dim=2).mean()


def _normalised(projected: Tensor) -> Tensor:
    wide = projected if projected.dtype == torch.float64 else projected.float()
    return functional.normalize(wide, dim=-1)


def cost(settings: Settings) -> float:
    return 3 * settings.patches


def build(encoder: Encoder, settings: Settings, pool_size: int) -> EmpSSL:
    return EmpSSL(encoder, settings)

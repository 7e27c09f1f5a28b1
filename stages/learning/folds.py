"""What a model says of its labelled images when it has not been told their labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from stages.base import draws
from stages.learning.job import Job
from stages.training import measure
from stages.training.images import Images


def folds_of(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A fold for each label, int64 [n], from 0 to count - 1: at random, and each class as even over the folds as its
    labels allow; so are the folds themselves."""
    order = np.lexsort((draws.rng(seed, "learning.folds").random(len(labels)), labels))
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds


def out_of_fold(
    job: Job,
    seed: int,
    start: Path,
    images: Images,
    bought: np.ndarray,
    judged: np.ndarray,
    folds: np.ndarray,
    scratch: Path,
) -> np.ndarray:
    """Logits float32 [n, C] of the images judged, int64 [n], each by a model that was told the labels bought but for
    those of its own fold, int64 [n]. bought: int64 [b], images in the order of the ranking, those judged among them.
    Each model begins with the encoder in the folder `start`, and is told at once what a model in rounds was told bit by
    bit. A killed run goes on from its last epoch."""
    alone = replace(job, held=np.empty(0, dtype=np.int64))
    logits = np.empty((len(judged), len(job.classes)), dtype=np.float32)
    for fold in np.unique(folds).tolist():
        inside = folds == fold
        told = alone.tell(seed, bought[~np.isin(bought, judged[inside])])
        resume = scratch / f"fold-{fold}.safetensors"
        classifier, _ = alone.learn(seed, start, images, measure.Embedded(images), None, told, resume, None)
        encoder, head = classifier.kept()
        held = torch.from_numpy(judged[inside]).to(images.device)
        vectors = (
            measure.embed(encoder, images, images.half, held)
            if job.settings.moves_encoder
            else images.vectors(encoder, held)
        )
        with torch.inference_mode():
            logits[inside] = head(vectors).float().cpu().numpy()
    return logits

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from stages.regimes.gradual import Falling
from stages.training.augmentation import Views
from stages.training.images import Images
from stages.training.loop import seed_all
from stages.training.method import Batch, Epoch
from tests.blocks import schedule
from tests.tiny import CPU, LABELS, make, pictures, small, train

FALLING = {"ceiling": 0.1, "floor": 1e-3, "decay": 1.0}
STILL = Views(min_area=1, brightness=0, jitter=0, flip=False, zoom=True).model_dump()


def epoch(labelled: int, shown: int = 60) -> Epoch:
    known = torch.full((60,), -1)
    known[:labelled] = torch.from_numpy(LABELS[:labelled])
    return Epoch(0, torch.arange(shown), known)


@pytest.mark.parametrize(
    ("labelled", "least", "expected"), [(30, 1, 10), (3, 1, 1), (3, 4, 3), (6, 5, 5), (60, 1, 20), (0, 1, 0)]
)
def test_a_batch_holds_labelled_images_first_and_in_proportion(labelled: int, least: int, expected: int) -> None:
    method, _ = make("models", "gradual", batch_size=20, least_labelled=least)
    if not labelled:
        return
    known = epoch(labelled)
    batches = list(method.sampler(known))
    assert len(batches) == 3
    for batch in batches:
        assert len(batch) == 20
        assert (batch[:expected] < labelled).all() and (batch[expected:] >= labelled).all()


def test_the_probe_s_loss_moves_the_encoder_or_not() -> None:
    """The second update's gradient reaches the encoder only where it is said to."""
    images = Images(pictures(), np.arange(60), CPU)
    for moves in (True, False):
        method, _ = make("models", "gradual", probe_moves_encoder=moves, batch_size=20)
        known = epoch(30)
        indices = next(iter(method.sampler(known)))
        updates = method.updates(Batch(indices, images[indices], known.labels[indices]))
        contrast, classes = next(updates), next(updates)
        assert set(contrast) == {"contrast"} and set(classes) == {"cross_entropy"}
        classes["cross_entropy"].backward()
        assert (method.encoder.blocks()[0][0].weight.grad is not None) == moves  # type: ignore[operator]
        assert method.head.weight.grad is not None and method.projection[0].weight.grad is None  # type: ignore[index]


def test_the_contrast_moves_no_probe() -> None:
    images = Images(pictures(), np.arange(60), CPU)
    method, _ = make("models", "gradual", batch_size=20)
    known = epoch(30)
    indices = next(iter(method.sampler(known)))
    next(method.updates(Batch(indices, images[indices], known.labels[indices])))["contrast"].backward()
    assert method.head.weight.grad is None


def test_labels_not_told_are_not_in_the_probe_s_loss() -> None:
    """The loss is the mean over the labelled part of the batch, by hand."""
    method, _ = make("models", "gradual", batch_size=20, probe_views=STILL)
    images, known = Images(pictures(), np.arange(60), CPU), epoch(30)
    indices = next(iter(method.sampler(known)))
    updates = method.updates(Batch(indices, images[indices], known.labels[indices]))
    next(updates)
    loss = next(updates)["cross_entropy"]
    told = indices[known.labels[indices] >= 0]
    logits = method.head(method.encoder(images[told].permute(0, 3, 1, 2) / 255))  # type: ignore[operator]
    by_hand = -logits.log_softmax(1)[torch.arange(len(told)), known.labels[told]].mean()
    assert loss.item() == pytest.approx(by_hand.item(), rel=1e-4)


def test_reference_learning_rate() -> None:
    rate = Falling(ceiling=1e-3, floor=1e-5, decay=500)
    assert rate.at(0) == 1e-3
    assert rate.at(250) == pytest.approx(1e-3 * 0.1**0.5)
    assert rate.at(5000) == 1e-5


def test_encoder_and_probe_have_rates_of_their_own_the_same_for_a_whole_epoch() -> None:
    rates = {"encoder_rate": FALLING, "probe_rate": FALLING | {"ceiling": 1.0}}
    method, _ = make("models", "gradual", **rates)
    for at, share in ((0.0, 1.0), (1.0, 0.1), (1.7, 0.1)):
        assert method.rates(at) == pytest.approx({"encoder": 0.1 * share, "probe": share})


def test_a_floor_above_the_ceiling_is_refused() -> None:
    with pytest.raises(ValidationError, match="floor"):
        small("models", "gradual", encoder_rate=FALLING | {"floor": 1.0})


def test_a_block_may_start_with_other_classes_than_the_schedule() -> None:
    assert small("models", "gradual", start_classes=2).told_by(schedule(start_classes=1)).start_classes == 2
    assert small("models", "gradual").told_by(schedule(start_classes=1)).start_classes == 1


def test_without_the_probe_s_pull_the_encoder_is_that_of_contrast_alone(tmp_path: Path) -> None:
    """Labels then change the head and nothing else."""
    options = {"probe_moves_encoder": False}
    first, _ = train("models", "gradual", tmp_path / "a", **options)
    other, _ = train("models", "gradual", tmp_path / "b", labels=(LABELS + 1) % 3, **options)
    seed_all(0, 0)
    same = [torch.equal(a, b) for a, b in zip(first.encoder.parameters(), other.encoder.parameters(), strict=True)]
    assert all(same) and not torch.equal(first.head.weight, other.head.weight)  # type: ignore[union-attr]

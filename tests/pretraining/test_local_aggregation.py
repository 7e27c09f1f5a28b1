from pathlib import Path

import numpy as np
import pytest
import torch

from stages.pretraining import local_aggregation
from stages.pretraining.local_aggregation import LocalAggregation
from stages.training import loop
from stages.training.images import Images
from stages.training.measure import embed
from stages.training.method import Batch, Epoch
from tests.digits import accuracies
from tests.tiny import CPU, make, pictures, train

UNKNOWN = torch.full((60,), -1)
SMALL = {"clusters": 6, "background": 8, "discrimination_epochs": 1}


def begun(number: int, shown: int = 60, **changes: object) -> tuple[LocalAggregation, Batch]:
    """A method at the start of an epoch, and a batch."""
    method, _ = make("pretrain", "local_aggregation", **SMALL | changes)
    assert isinstance(method, LocalAggregation)
    images = Images(pictures(), np.arange(60), CPU)
    method.begin_epoch(Epoch(number, torch.arange(shown), UNKNOWN), images)
    indices = torch.arange(16)
    return method, Batch(indices, images[indices], UNKNOWN[indices])


@pytest.mark.parametrize(("number", "name"), [(0, "instance"), (1, "aggregation")])
def test_gradients_reach_encoder_and_head_and_not_the_bank(number: int, name: str) -> None:
    method, batch = begun(number)
    before = method.bank.vectors.clone()
    updates = method.updates(batch)
    losses = next(updates)
    assert list(losses) == [name]
    losses[name].backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.parameters())
    assert torch.equal(method.bank.vectors, before)
    assert next(updates, None) is None
    changed = (method.bank.vectors != before).any(1)
    assert changed[:16].all() and not changed[16:].any()


def test_the_bank_keeps_unit_vectors(tmp_path: Path) -> None:
    method, _ = train("pretrain", "local_aggregation", tmp_path / "a", **SMALL)
    assert torch.allclose(method.bank.vectors.norm(dim=1), torch.ones(60), atol=1e-5)  # type: ignore[union-attr, operator]


def test_the_bank_begins_as_its_block_says() -> None:
    images = Images(pictures(), np.arange(60), CPU)
    method, _ = begun(0, bank="random")
    assert not method.bank.filled.any()
    method, _ = begun(0, shown=30, bank="encoder")
    assert method.bank.filled.tolist() == [True] * 30 + [False] * 30
    own = torch.nn.functional.normalize(embed(method.watched(), images, False), dim=1)
    assert torch.allclose(method.bank.vectors[:30], own[:30])


def test_a_standardised_head_keeps_embeddings_apart() -> None:
    plain, batch = begun(0, standardised=False)
    method, _ = begun(0, standardised=True)
    for one, low, high in ((plain, 0.5, 1.0), (method, -0.1, 0.1)):
        found = torch.nn.functional.normalize(one.watched().train()(batch.images.permute(0, 3, 1, 2) / 255), dim=1)
        assert low < (found @ found.T).mean() < high


def test_clusters_are_fitted_after_the_discrimination_epochs_and_every_so_many() -> None:
    method, _ = begun(0, refit_every=2, clusterings=2)
    assert (method.clusters == -1).all()
    images, fitted = Images(pictures(), np.arange(60), CPU), []
    for number in range(1, 5):
        before = method.clusters.clone()
        method.bank.update(torch.arange(60), torch.nn.functional.normalize(torch.randn(60, 128), dim=1), 0)
        method.begin_epoch(Epoch(number, torch.arange(60), UNKNOWN), images)
        fitted.append(not torch.equal(before, method.clusters))
    assert fitted == [True, False, True, False]
    assert method.clusters.shape == (2, 60) and method.clusters.max() < 6 and method.clusters.min() == 0
    # each run has a seed of its own
    assert not torch.equal(*method.clusters)


def test_images_not_shown_are_in_no_cluster_and_no_background() -> None:
    method, batch = begun(1, shown=30)
    assert (method.clusters[:, 30:] == -1).all() and (method.clusters[:, :30] >= 0).all()
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        updates = method.updates(batch)
        losses.append(next(updates)["aggregation"].item())
        method.bank.vectors[30:] = method.bank.vectors[:1]
    assert losses[0] == losses[1]
    method, batch = begun(0, shown=30)
    torch.manual_seed(0)
    first = next(method.updates(batch))["instance"].item()
    method.bank.vectors[30:] = method.bank.vectors[:1]
    torch.manual_seed(0)
    assert next(method.updates(batch))["instance"].item() == first


def test_an_image_with_no_friend_near_is_still_close_to_itself() -> None:
    """Else C and B would share nothing, and the loss be infinite."""
    method, batch = begun(1, background=2)
    method.clusters[:] = torch.arange(60)
    # far from its own view of now
    with torch.no_grad():
        method.bank.vectors.neg_()
    assert next(method.updates(batch))["aggregation"].isfinite()


def test_small_pools_have_at_most_half_as_many_clusters_as_images(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = local_aggregation.kmeans
    monkeypatch.setattr(local_aggregation, "kmeans", lambda *a, **k: asked.append(a[1]) or real(*a, **k))
    method, batch = begun(1, clusters=1200, background=1000)
    assert set(asked) == {30} and next(method.updates(batch))["aggregation"].isfinite()


def test_a_run_stopped_between_two_fits_ends_as_if_it_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clusters of an epoch without a fit are those of one before it: they have to be state."""
    options = SMALL | {"discrimination_epochs": 0, "refit_every": 3}
    whole, history = train("pretrain", "local_aggregation", tmp_path / "whole", **options)
    real, saves = loop.checkpoint.save, iter(range(9))

    def save(*arguments):  # type: ignore[no-untyped-def]
        real(*arguments)
        if next(saves) == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.checkpoint, "save", save)
    with pytest.raises(KeyboardInterrupt):
        train("pretrain", "local_aggregation", tmp_path / "stopped", **options)
    resumed, rows = train("pretrain", "local_aggregation", tmp_path / "stopped", **options)
    one, other = whole.state_dict(), resumed.state_dict()
    assert rows == history and all(torch.equal(one[key], other[key]) for key in one)


def test_a_tiny_run_beats_random_features(tmp_path: Path) -> None:
    random, trained = accuracies(
        "pretrain",
        "local_aggregation",
        tmp_path / "run",
        epochs=4,
        batch_size=64,
        clusters=60,
        background=40,
        clusterings=3,
        discrimination_epochs=1,
    )
    assert trained > random

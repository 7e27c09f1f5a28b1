import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from stages.regimes import label_propagation
from stages.regimes.label_propagation import LabelPropagation, log_density, propagate
from stages.training.images import Images
from stages.training.measure import embed
from stages.training.method import Batch, Epoch
from tests.digits import accuracies
from tests.tiny import CPU, LABELS, make, pictures, train, world_of

SMALL = {"background": 12, "density_neighbours": 6, "neighbours": 4, "labelled_in_batch": 5, "discrimination_epochs": 1}


def units(count: int, dim: int = 5) -> torch.Tensor:
    return functional.normalize(torch.randn(count, dim, dtype=torch.float64), dim=1)


def epoch(number: int, labelled: int = 12, shown: int = 60) -> Epoch:
    known = torch.full((60,), -1)
    known[:labelled] = torch.from_numpy(LABELS[:labelled])
    return Epoch(number, torch.arange(shown), known)


def begun(
    number: int = 1, labelled: int = 12, shown: int = 60, **changes: object
) -> tuple[LabelPropagation, Batch, Epoch]:
    """A regime at the start of an epoch, and its first batch."""
    method, _ = make("models", "label_propagation", **SMALL | changes)
    assert isinstance(method, LabelPropagation)
    images, now = Images(pictures(), np.arange(60), CPU), epoch(number, labelled, shown)
    method.bank.filled[:] = True
    method.begin_epoch(now, images)
    indices = next(iter(method.sampler(now)))
    return method, Batch(indices, images[indices], now.labels[indices]), now


def losses(method: LabelPropagation, batch: Batch) -> dict[str, float]:
    torch.manual_seed(0)
    return {name: loss.item() for name, loss in next(method.updates(batch)).items()}


def test_the_bank_begins_as_its_block_says() -> None:
    for bank, seen in (("random", False), ("encoder", True)):
        method, _ = make("models", "label_propagation", **SMALL | {"bank": bank})
        assert isinstance(method, LabelPropagation)
        images = Images(pictures(), np.arange(60), CPU)
        method.begin_epoch(epoch(0), images)
        assert method.bank.filled.tolist() == [seen] * 60
        whole = torch.nn.Sequential(method.encoder, method.projection)
        own = functional.normalize(embed(whole, images, False), dim=1)
        assert torch.allclose(method.bank.vectors, own) is seen


def test_the_first_names_are_right_where_the_encoder_tells_classes_apart() -> None:
    """The tiny world's classes are colours, which random weights see: from the first epoch on, before any step."""
    method, _ = make("models", "label_propagation", **SMALL | {"bank": "encoder", "discrimination_epochs": 0})
    assert isinstance(method, LabelPropagation)
    now = epoch(0)
    method.begin_epoch(now, Images(pictures(), np.arange(60), CPU))
    others = now.unlabelled()
    assert (method.guessed[others] == torch.from_numpy(LABELS)[others]).double().mean() > 0.9


@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_the_density_is_that_of_a_slow_loop(temperature: float) -> None:
    method, _, _ = begun(density_neighbours=6)
    bank = method.bank.double()
    labelled, shown = torch.tensor([3, 8, 40]), torch.arange(0, 60, 2)
    labelled = shown[labelled % 30]
    similarity, _ = bank.nearest(bank.vectors[labelled], labelled, shown, 6, with_own=False)
    for j, found in zip(labelled.tolist(), log_density(similarity, temperature).tolist(), strict=True):
        dots = [float(bank.vectors[j] @ bank.vectors[k]) for k in shown.tolist() if k != j]
        rho = sum(math.exp(dot / temperature) for dot in sorted(dots, reverse=True)[:6])
        assert found == pytest.approx(math.log(rho))


@pytest.mark.parametrize("block", [1, 100, 2**24])
@pytest.mark.parametrize("count", [1, 4, 10, 99])
def test_labels_pass_on_as_in_a_slow_loop(block: int, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_propagation, "BLOCK", block)
    torch.manual_seed(0)
    queries, known, labels = units(9), units(20), torch.randint(4, (20,))
    density = torch.randn(20, dtype=torch.float64)
    names, shares = propagate(queries, known, labels, density, count, 0.3, 5)
    for m in range(9):
        weights = [math.exp(float(queries[m] @ known[j]) / 0.3) / math.exp(float(density[j])) for j in range(20)]
        sums = [0.0] * 5
        for j in sorted(range(20), key=lambda j: -weights[j])[:count]:
            sums[int(labels[j])] += weights[j]
        assert int(names[m]) == sums.index(max(sums))
        assert float(shares[m]) == pytest.approx(max(sums) / sum(sums))


def test_the_neighbours_are_the_nearest_after_weighting_not_before() -> None:
    """The nearer of two lies where it is so dense that the farther one has the say."""
    query, known = torch.tensor([[1.0, 0.0]]), functional.normalize(torch.tensor([[1.0, 0.1], [1.0, 0.5]]), dim=1)
    labels = torch.tensor([0, 1])
    assert propagate(query, known, labels, torch.zeros(2), 1, 0.07, 2)[0].item() == 0
    assert propagate(query, known, labels, torch.tensor([9.0, 0.0]), 1, 0.07, 2)[0].item() == 1


def test_a_low_temperature_overflows_nothing() -> None:
    _, shares = propagate(units(9).float(), units(20).float(), torch.arange(20) % 3, torch.zeros(20), 10, 0.001, 3)
    assert shares.isfinite().all() and (shares > 0).all()


def slow_loss(method: LabelPropagation, batch: Batch, now: Epoch) -> dict[str, float]:
    """The loss of a batch from the paper, one image after the other; views are the images as they are."""
    t, count, bank = method.settings.temperature, method.settings.background, method.bank.vectors
    with torch.no_grad():
        features = method.encoder(batch.images.permute(0, 3, 1, 2) / 255)
        probabilities = method.head(features).softmax(1)
        vectors = functional.normalize(method.projection(features), dim=1)
    known, labelled = now.labels.tolist(), now.labelled().tolist()

    def rho(j: int) -> float:
        dots = sorted((float(bank[j] @ bank[k]) for k in now.shown.tolist() if k != j), reverse=True)
        return sum(math.exp(dot / t) for dot in dots[: method.settings.density_neighbours])

    density = {j: rho(j) for j in labelled}

    def name(vector: torch.Tensor) -> tuple[int, float]:
        weights = {j: math.exp(float(vector @ bank[j]) / t) / density[j] for j in labelled}
        sums = [0.0] * 3
        for j in sorted(labelled, key=lambda j: -weights[j])[: method.settings.neighbours]:
            sums[known[j]] += weights[j]
        return sums.index(max(sums)), max(sums) / sum(sums)

    classes = [known[j] if known[j] >= 0 else name(bank[j])[0] for j in range(60)]
    told = [(known[i], 1.0) if known[i] >= 0 else name(vectors[b]) for b, i in enumerate(batch.indices.tolist())]
    for i, (label, _) in zip(batch.indices.tolist(), told, strict=True):
        classes[i] = label
    entropy, aggregation = [], []
    for b, i in enumerate(batch.indices.tolist()):
        label, confidence = told[b]
        weights = {j: math.exp(float(vectors[b] @ bank[j]) / t) for j in now.shown.tolist()}
        others = sorted((j for j in weights if j != i), key=lambda j: -weights[j])[: count - 1]
        same = weights[i] + sum(weights[j] for j in others if classes[j] == label)
        aggregation.append(-confidence * math.log(same / (weights[i] + sum(weights[j] for j in others))))
        entropy.append(-confidence * math.log(float(probabilities[b, label])))
    return {"cross_entropy": sum(entropy) / len(told), "aggregation": sum(aggregation) / len(told)}


def test_the_loss_is_that_of_a_slow_loop() -> None:
    still = {"min_area": 1.0, "brightness": 0.0, "jitter": 0.0, "flip": False, "zoom": True}
    method, batch, now = begun(views=still, shown=48)
    expected = slow_loss(method, batch, now)
    assert losses(method, batch) == pytest.approx(expected, rel=1e-4)


def test_labels_told_are_kept_at_confidence_one() -> None:
    method, batch, _ = begun()
    names, confidence = method._names(method.bank.vectors[batch.indices], torch.randn(16, 3), batch.labels)
    told = batch.labels >= 0
    assert torch.equal(names[told], batch.labels[told]) and (confidence[told] == 1).all()
    assert (names >= 0).all() and (confidence[~told] > 0).all() and (confidence[~told] < 1).any()


def test_names_come_from_neighbours_in_the_bank_or_by_the_code_s_way_from_the_classifier() -> None:
    for way in (True, False):
        method, batch, _ = begun(propagate=way)
        vectors, logits = method.bank.vectors[batch.indices], torch.randn(16, 3)
        names, confidence = method._names(vectors, logits, batch.labels)
        unknown = batch.labels < 0
        others, _ = method._names(vectors, -logits, batch.labels)
        assert torch.equal(names, others) == way
        if not way:
            assert torch.equal(names[unknown], logits.argmax(1)[unknown])
            assert torch.equal(confidence[unknown], logits.softmax(1).amax(1)[unknown])


def test_an_image_not_yet_seen_has_no_say() -> None:
    """Its vector is random still, and far from all others, so that its weight would be the greatest."""
    method, _, now = begun()
    told = now.labelled()
    method.bank.filled[told[1:]] = False
    method.begin_epoch(now, Images(pictures(), np.arange(60), CPU))
    assert (method.guessed[now.unlabelled()] == now.labels[told[0]]).all()


def test_with_every_label_told_and_some_not_yet_seen_it_learns_from_the_labels() -> None:
    method, batch, now = begun(labelled=60)
    method.bank.filled[:30] = False
    method.begin_epoch(now, Images(pictures(), np.arange(60), CPU))
    assert all(loss > 0 for loss in losses(method, batch).values())


def test_density_and_names_are_made_anew_in_each_epoch() -> None:
    method, _, now = begun()
    density, guessed = method._log_density.clone(), method.guessed.clone()
    method.bank.update(torch.arange(60), functional.normalize(torch.randn(60, 128), dim=1), 0)
    method.begin_epoch(now, Images(pictures(), np.arange(60), CPU))
    assert not torch.equal(density, method._log_density) and not torch.equal(guessed, method.guessed)
    assert (method.guessed[now.unlabelled()] >= 0).all()


def test_no_matrix_of_all_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """In small blocks the epoch begins the same."""
    whole, _, _ = begun()
    monkeypatch.setattr("stages.modules.bank.BLOCK", 7)
    monkeypatch.setattr(label_propagation, "BLOCK", 7)
    blocked, _, _ = begun()
    assert torch.equal(whole.guessed, blocked.guessed)
    assert torch.allclose(whole._log_density, blocked._log_density)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("way", [True, False])
def test_gradients_reach_all_parameters_and_not_the_bank(number: int, way: bool) -> None:
    method, batch, _ = begun(number, propagate=way)
    before = method.bank.vectors.clone()
    updates = method.updates(batch)
    found = next(updates)
    assert list(found) == ["cross_entropy", "aggregation" if number else "instance"]
    torch.stack(list(found.values())).sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.parameters())
    assert torch.equal(method.bank.vectors, before)
    assert next(updates, None) is None and not torch.equal(method.bank.vectors, before)


def test_aggregation_moves_no_head_and_cross_entropy_no_embedding() -> None:
    for name in ("cross_entropy", "aggregation"):
        method, batch, _ = begun()
        next(method.updates(batch))[name].backward()
        assert (method.head.weight.grad is not None) == (name == "cross_entropy")
        assert (method.projection[0].weight.grad is not None) == (name == "aggregation")  # type: ignore[union-attr, index]


def test_images_not_shown_have_no_part() -> None:
    for number in (0, 1):
        method, batch, now = begun(number, shown=40)
        assert (method.guessed[40:] == -1).all()
        first = losses(method, batch)
        method.bank.vectors[40:] = method.bank.vectors[:1]
        method.begin_epoch(now, Images(pictures(), np.arange(60), CPU))
        assert losses(method, batch) == first


@pytest.mark.parametrize(("labelled", "expected", "size"), [(12, 5, 16), (3, 3, 16), (60, 15, 15), (0, 0, 15)])
def test_a_batch_holds_labelled_images_first_and_an_epoch_all_others_once(
    labelled: int, expected: int, size: int
) -> None:
    """Of one kind alone, the batches of a pass are even: four of 15 images."""
    method, _, now = begun(labelled=labelled)
    batches = list(method.sampler(now))
    for batch in batches[:-1]:
        assert len(batch) == size and (batch[:expected] < labelled).all() and (batch[expected:] >= labelled).all()
    seen = torch.cat(batches)
    assert set(range(labelled, 60)) <= set(seen.tolist())


@pytest.mark.parametrize("labelled", [0, 1, 59, 60])
@pytest.mark.parametrize("way", [True, False])
def test_any_number_of_labels_will_do(labelled: int, way: bool) -> None:
    method, batch, _ = begun(labelled=labelled, propagate=way, background=1000, density_neighbours=50, neighbours=10)
    found = losses(method, batch)
    assert all(math.isfinite(value) for value in found.values())
    # where nothing is told there is nothing to pass on
    assert ("instance" in found) == (labelled == 0)


def test_a_label_taken_back_is_known_no_more() -> None:
    """A schedule that redraws does so; no guess has copied the label."""
    method, batch, _ = begun(propagate=False)
    losses(method, batch)
    told = batch.labels >= 0
    assert (method.guessed[batch.indices[told]] == -1).all() and (method.guessed[batch.indices[~told]] >= 0).all()


@pytest.mark.parametrize(("bank", "highest"), [("random", 1), ("encoder", 2)])
def test_it_follows_a_schedule_too(bank: str, highest: int, tmp_path: Path) -> None:
    """Classes and labels come late: images are named by them from the epoch after, or at once where the encoder
    introduces them."""
    changes = SMALL | {"epochs": 4, "bank": bank}
    method, history = train("models", "label_propagation", tmp_path / "a", follows="schedule", **changes)
    assert [row["classes_seen"] for row in history] == [1, 1, 2, 3] and "loss/aggregation" in history[3]
    guessed = method.guessed.numpy()  # type: ignore[union-attr, operator]
    assert {-1, 0, 1} <= set(guessed[LABELS < 2]) and guessed.max() == highest


def test_the_first_epoch_fills_the_bank(tmp_path: Path) -> None:
    """Random vectors at first: who names by them names at random."""
    with pytest.raises(ValueError, match="discrimination_epochs"):
        make("models", "label_propagation", discrimination_epochs=0, bank="random")
    method, _ = make("models", "label_propagation", **SMALL)
    assert (method.guessed == -1).all()  # type: ignore[union-attr]
    trained, history = train("models", "label_propagation", tmp_path / "a", **SMALL)
    assert "loss/instance" in history[0] and "loss/aggregation" in history[1]
    named = trained.guessed.numpy()  # type: ignore[union-attr, operator]
    told = world_of(trained.settings).told(2)
    unknown = np.setdiff1d(np.arange(60), told)
    assert (named[told] == -1).all() and (named[unknown] == LABELS[unknown]).mean() > 0.5


def test_a_tiny_run_beats_random_features(tmp_path: Path) -> None:
    random, trained = accuracies(
        "models",
        "label_propagation",
        tmp_path / "run",
        epochs=7,
        batch_size=64,
        labelled_in_batch=32,
        background=160,
        discrimination_epochs=4,
        optimiser={
            "name": "adam",
            "rate": 0.003,
            "momentum": 0.9,
            "weight_decay": 0,
            "decay": "cosine",
            "warmup": 0,
        },
        views={"min_area": 0.75, "brightness": 0.2, "jitter": 0.0, "flip": False, "zoom": True},
    )
    assert trained > random, (random, trained)

"""Which images are given which pseudo-label, when, and what a restart brings back."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from stages.regimes.pseudo_label import PseudoLabel, log_odds, surest, upper
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from tests.blocks import settings
from tests.digits import accuracies
from tests.tiny import CPU, LABELS, make, pictures, train

CURRICULUM = {"grow": "percentile", "add": 0.5, "rounds": 3, "restart": True, "epochs": 3}
NAIVE = {"grow": "most_confident", "add": 5, "rounds": 3, "restart": False, "epochs": 3}


class Noted(Images):
    """Notes which images are asked for, and holds few at once."""

    def __init__(self) -> None:
        super().__init__(pictures(), np.arange(60), CPU)
        self.asked: list[int] = []

    def at_once(self) -> int:
        return 7

    def __getitem__(self, indices: Tensor) -> Tensor:
        self.asked += indices.tolist()
        return super().__getitem__(indices)


def built(**changes: Any) -> PseudoLabel:
    method = make("models", "pseudo_label", **changes)[0]
    assert isinstance(method, PseudoLabel)
    return method.train()


def epoch(number: int, labelled: int = 15, shown: int = 60) -> Epoch:
    """The first images are told, and the last are not shown."""
    labels = torch.full((60,), -1)
    labels[:labelled] = torch.from_numpy(LABELS[:labelled])
    return Epoch(number, torch.arange(shown), labels)


def softmax(method: PseudoLabel) -> np.ndarray:
    """[60, 3], float64, of images as they are."""
    pixels = torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        logits = method.head(method.encoder(pixels)).double()
    return np.asarray(logits.softmax(1))


# --- the choice, against slow loops ---


def test_log_odds_are_those_of_the_largest_softmax() -> None:
    logits = torch.randn(50, 4, dtype=torch.float64) * 3
    for row, found in zip(logits.tolist(), log_odds(logits).tolist(), strict=True):
        p = max(math.exp(one) / sum(math.exp(other) for other in row) for one in row)
        assert found == pytest.approx(math.log(p / (1 - p)), abs=1e-5)


def test_log_odds_tell_apart_what_softmax_rounds_to_one() -> None:
    logits = torch.tensor([[30.0, 0.0, 0.0], [40.0, 0.0, 0.0], [35.0, 0.0, 0.0]])
    assert (logits.softmax(1).amax(1) == 1).all()
    assert surest(log_odds(logits), 3, 0.9).tolist() == [1, 2, 0]


def test_a_single_class_is_certain() -> None:
    assert surest(log_odds(torch.randn(3, 1)), 2, 0.999).tolist() == [0, 1]


@pytest.mark.parametrize("threshold", [0.0, 0.6, 0.99])
@pytest.mark.parametrize("count", [0, 1, 4, 9, 20])
def test_the_surest_come_first_and_of_equals_the_first(count: int, threshold: float) -> None:
    odds = [0.5, 2.0, -1.0, 2.0, 2.0, 0.5, 7.0, -1.0, 0.0]
    expected: list[int] = []
    while len(expected) < min(count, len(odds)):
        best = None
        for place, one in enumerate(odds):
            if place not in expected and (best is None or one > odds[best]):
                best = place
        assert best is not None
        expected.append(best)
    expected = [place for place in expected if 1 / (1 + math.exp(-odds[place])) >= threshold]
    assert surest(torch.tensor(odds), count, threshold).tolist() == expected


@pytest.mark.parametrize("total", [1, 2, 7, 10, 11, 45, 101])
def test_the_upper_percentile_is_numpy_s(total: int) -> None:
    values = np.random.default_rng(total).permutation(total).astype(float)
    for step in range(1, 11):
        reached = np.percentile(values, 100 - 10 * step)
        assert upper(step * 0.1, total) == np.count_nonzero(values >= reached - 1e-6)
    assert upper(0.5, 0) == 0


@pytest.mark.parametrize(("number", "share"), [(1, 0.5), (2, 1.0)])
def test_percentile_labels_the_upper_share_of_the_unlabelled(number: int, share: float) -> None:
    method = built(**CURRICULUM)
    scores = softmax(method)
    method.begin_epoch(epoch(number, labelled=15, shown=50), Noted())
    unlabelled = range(15, 50)
    reached = np.percentile([scores[i].max() for i in unlabelled], 100 * (1 - share))
    expected = [-1] * 60
    for i in unlabelled:
        if scores[i].max() >= reached - 1e-9:
            expected[i] = int(scores[i].argmax())
    assert method.pseudo.tolist() == expected
    assert sum(label >= 0 for label in expected) == (18 if share < 1 else 35)


def test_a_later_round_gives_all_percentile_labels_anew() -> None:
    method = built(**CURRICULUM)
    method.pseudo[20:40] = 2
    method.begin_epoch(epoch(1), Noted())
    scores = softmax(method)
    given = method.pseudo >= 0
    assert given.sum() == 23  # of 45
    assert method.pseudo[given].tolist() == scores[given].argmax(1).tolist()


@pytest.mark.parametrize(("add", "each"), [(5, 5), (0.2, 9), (0.001, 1), (100, 45)])
def test_most_confident_adds_so_many_and_keeps_those_it_had(add: float, each: int) -> None:
    method = built(**NAIVE | {"add": add})
    scores = softmax(method)
    expected = {15: 2, 16: 1}  # given before, perhaps wrongly
    for place, label in expected.items():
        method.pseudo[place] = label
    for number in (1, 2):
        left = [i for i in range(15, 60) if i not in expected]
        for i in sorted(left, key=lambda i: (-scores[i].max(), i))[:each]:
            expected[i] = int(scores[i].argmax())
        method.begin_epoch(epoch(number), Noted())
        assert {i: int(c) for i, c in enumerate(method.pseudo) if c >= 0} == expected


def test_only_what_reaches_the_threshold_is_labelled() -> None:
    method = built(**CURRICULUM | {"add": 1.0})
    with torch.no_grad():
        method.head.weight.mul_(20)
    scores = softmax(method).max(1)
    threshold = float(np.median(scores))
    sure = built(**CURRICULUM | {"add": 1.0, "threshold": threshold})
    sure.load_state_dict(method.state_dict())
    sure.begin_epoch(epoch(1), Noted())
    assert (sure.pseudo >= 0).tolist() == [i >= 15 and bool(scores[i] >= threshold) for i in range(60)]


# --- what is seen, and when ---


def test_no_image_is_looked_at_that_is_labelled_or_not_shown() -> None:
    for changes in (CURRICULUM, NAIVE):
        method, images = built(**changes), Noted()
        method.begin_epoch(epoch(1, labelled=15, shown=40), images)
        assert sorted(images.asked) == list(range(15, 40))


def test_the_pool_is_looked_at_in_evaluation_mode_and_only_when_a_round_begins() -> None:
    method = built(**CURRICULUM | {"epochs": 7})
    modes = []
    method.encoder.register_forward_hook(lambda module, *_: modes.append(module.training))
    looked = []
    for number in range(7):
        before = len(modes)
        method.begin_epoch(epoch(number), Noted())
        looked.append(len(modes) > before)
        assert method.encoder.training and method.head.training
    assert looked == [False, False, True, False, True, False, False] and not any(modes)


def test_nothing_left_to_label_is_no_harm() -> None:
    for changes in (CURRICULUM, NAIVE):
        method = built(**changes)
        method.begin_epoch(epoch(1, labelled=60), Noted())
        assert (method.pseudo == -1).all()


def test_percentiles_grow_round_by_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    real = PseudoLabel.sampler

    def sampler(self: PseudoLabel, epoch: Epoch) -> Any:
        counts.append(int((self.pseudo >= 0).sum()))
        assert not (self.pseudo[epoch.labelled()] >= 0).any()
        batches = list(real(self, epoch))
        assert sum(map(len, batches)) == len(epoch.labelled()) + counts[-1]
        return iter(batches)

    monkeypatch.setattr(PseudoLabel, "sampler", sampler)
    changes = CURRICULUM | {"add": 0.2, "rounds": 6, "epochs": 6, "batch_size": 20}
    train("models", "pseudo_label", tmp_path / "a", **changes)
    assert counts == [0, 9, 18, 27, 36, 45]  # of 45


# --- true labels ---


def test_a_batch_s_loss_takes_the_true_label_where_one_is_told() -> None:
    """Image 20 has a pseudo-label, and is told later: its true label counts."""
    method = built(**NAIVE | {"views": None})
    method.pseudo[15:25] = 2
    known = epoch(0, labelled=21)
    assert {i for batch in method.sampler(known) for i in batch.tolist()} == set(range(25))
    indices = torch.tensor([3, 20, 22, 24])
    images = Images(pictures(), np.arange(60), CPU)
    loss = next(method.updates(Batch(indices, images[indices], known.labels[indices])))["cross_entropy"]
    by_hand = -np.log(softmax(method)[indices.numpy(), [LABELS[3], LABELS[20], 2, 2]]).mean()
    assert loss.item() == pytest.approx(by_hand, rel=1e-4)


def test_an_image_that_is_not_shown_is_in_no_batch() -> None:
    method = built(**NAIVE)
    method.pseudo[:] = 1
    assert max(i for batch in method.sampler(epoch(0, shown=30)) for i in batch.tolist()) == 29


# --- rounds and restarts ---


@pytest.mark.parametrize(
    ("epochs", "rounds", "starts"),
    [(3, 3, [0, 1, 2]), (20, 6, [0, 3, 6, 9, 12, 15]), (7, 3, [0, 2, 4]), (5, 1, [0]), (5, 2, [0, 2])],
)
def test_rounds_are_even_and_the_last_has_what_is_over(epochs: int, rounds: int, starts: list[int]) -> None:
    method = built(**CURRICULUM | {"epochs": epochs, "rounds": rounds})
    found = [method.settings.round_at(number) for number in range(epochs)]
    assert sorted({one.start for one in found}) == starts
    for number, one in enumerate(found):
        assert one.start == max(start for start in starts if start <= number)
        assert one.epochs == (starts[1] if one.number < rounds - 1 else epochs - starts[-1])
        assert method.forgets(number) == (number > 0 and number in starts)
        assert not built(**NAIVE | {"epochs": epochs, "rounds": rounds}).forgets(number)


def test_the_learning_rate_runs_its_course_in_each_round() -> None:
    for changes in (CURRICULUM, NAIVE):
        method = built(**changes | {"epochs": 7})
        rule = method.settings.optimiser
        for at, within, length in ((0.0, 0.0, 2), (1.5, 1.5, 2), (2.0, 0.0, 2), (4.0, 0.0, 3), (6.9, 2.9, 3)):
            assert method.rates(at) == {"model": pytest.approx(rule.at(within, length))}


def test_a_restart_brings_back_the_first_weights_exactly(tmp_path: Path) -> None:
    fresh = built(**CURRICULUM)
    first = {key: value.clone() for key, value in fresh.state_dict().items()}
    trained, _ = train("models", "pseudo_label", tmp_path / "a", **CURRICULUM)
    assert isinstance(trained, PseudoLabel)
    trained.train()
    learned = [key for key in first if key.startswith(("encoder.body", "head."))]
    assert not any(torch.equal(trained.state_dict()[key], first[key]) for key in learned if key.endswith("weight"))
    scores = softmax(trained)
    trained.begin_epoch(epoch(2), Noted())
    assert all(torch.equal(trained.state_dict()[key], first[key]) for key in first if key != "pseudo")
    # the pseudo-labels are those of the model before it forgot
    assert trained.pseudo[15:].tolist() == scores[15:].argmax(1).tolist()


def test_without_a_restart_weights_stay() -> None:
    method = built(**NAIVE)
    with torch.no_grad():
        method.head.weight.add_(1)
    before = {key: value.clone() for key, value in method.state_dict().items() if key != "pseudo"}
    method.begin_epoch(epoch(1), Noted())
    assert all(torch.equal(method.state_dict()[key], value) for key, value in before.items())
    assert not any(key.startswith("first") for key in before)


def test_the_first_weights_are_not_trained() -> None:
    method = built(**CURRICULUM)
    trained = {id(parameter) for group in method.groups().values() for parameter in group}
    assert trained == {id(p) for module in (method.encoder, method.head) for p in module.parameters()}
    assert not any(parameter.requires_grad for parameter in method.first.parameters())


@pytest.mark.parametrize("changes", [CURRICULUM | {"epochs": 5, "rounds": 2}, NAIVE])
@pytest.mark.parametrize("follows", ["labels", "schedule"])
def test_stopped_in_any_epoch_it_ends_the_same(changes: dict[str, Any], follows: str, tmp_path: Path) -> None:
    """The contract tests kill the first block alone; this stops both, by a fault after a round has begun."""
    changes = changes | {"follows": follows}
    whole, history = train("models", "pseudo_label", tmp_path / "whole", **changes)
    real = PseudoLabel.sampler
    for number in range(changes["epochs"]):

        def fault(self: PseudoLabel, epoch: Epoch, number: int = number) -> Any:
            if epoch.number == number:
                raise InterruptedError
            return real(self, epoch)

        with pytest.MonkeyPatch.context() as patch, pytest.raises(InterruptedError):
            patch.setattr(PseudoLabel, "sampler", fault)
            train("models", "pseudo_label", tmp_path / "stopped", **changes)
    resumed, rows = train("models", "pseudo_label", tmp_path / "stopped", **changes)
    assert rows == history
    assert all(torch.equal(value, resumed.state_dict()[key]) for key, value in whole.state_dict().items())


# --- parameters, and a try ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rounds": 4, "epochs": 3}, "rounds 4 must not be above epochs 3"),
        ({"grow": "percentile", "add": 1}, r"add 1 must be a share such as 0\.2"),
        ({"add": 1.5}, "less than or equal to 1"),
        ({"add": 0}, "greater than"),
        ({"threshold": 1.0}, "less than 1"),
        ({"rounds": 0}, "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings("models", "pseudo_label", **changes)


def test_all_of_them_is_a_share_of_one() -> None:
    assert settings("models", "pseudo_label", grow="percentile", add=1.0).add == 1.0


def test_it_learns_digits(tmp_path: Path) -> None:
    # a mirrored digit is another digit, or none
    changes = CURRICULUM | {"add": 0.8, "rounds": 2, "epochs": 2, "steps": 75, "batch_size": 32, "views": None}
    random, trained = accuracies("models", "pseudo_label", tmp_path / "a", **changes)
    assert trained > random

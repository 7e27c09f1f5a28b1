import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages.pretraining.self_classifier import SelfClassifier, _towards, same_class
from stages.training.images import Images
from stages.training.method import Batch
from tests.digits import beats_random
from tests.tiny import CPU, make, pictures, small


def pair(n: int = 7, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.manual_seed(3)
    return tuple(torch.rand(n, classes, generator=generator, dtype=torch.float64) * 2 - 1 for _ in range(2))  # type: ignore[return-value]


def slow(one: np.ndarray, other: np.ndarray, column: float, row: float) -> float:
    """The paper's loss in one direction: classes of view `one` told to view `other`, by a double loop."""
    n, classes = one.shape
    total = 0.0
    for x in range(n):
        # p(x | y): how much of class y lies on this image, against all images of the batch
        given = [
            math.exp(one[x, y] / column) / sum(math.exp(one[k, y] / column) for k in range(n)) for y in range(classes)
        ]
        for y in range(classes):
            target = given[y] / sum(given)
            # p(y | k) for all images k
            found = [
                math.exp(other[k, y] / row) / sum(math.exp(other[k, c] / row) for c in range(classes)) for k in range(n)
            ]
            total -= target * math.log(n / classes * found[x] / sum(found))
    return total / n


@pytest.mark.parametrize(("n", "classes"), [(7, 4), (3, 5)])
def test_against_a_double_loop(n: int, classes: int) -> None:
    first, second = pair(n, classes)
    numbers = first.numpy(), second.numpy()
    expected = (slow(*numbers, 0.05, 0.1) + slow(*numbers[::-1], 0.05, 0.1)) / 2
    assert same_class(first, second, 0.05, 0.1).item() == pytest.approx(expected, 1e-5)
    assert same_class(second, first, 0.05, 0.1).item() == pytest.approx(expected, 1e-5)


def test_gradients_flow_through_targets_and_predictions() -> None:
    """Numerical derivatives of the whole loss: a stop-gradient on either side would differ from them."""
    first, second = (side.float().requires_grad_() for side in pair())
    same_class(first, second, 0.5, 0.7).backward()
    numbers, step = [side.numpy() for side in pair()], 1e-5

    def loss(sides: list[np.ndarray]) -> float:
        return (slow(*sides, 0.5, 0.7) + slow(*sides[::-1], 0.5, 0.7)) / 2

    for side, given in enumerate((first, second)):
        for place in ((0, 0), (3, 1), (6, 3)):
            moved = []
            for sign in (1, -1):
                changed = [array.copy() for array in numbers]
                changed[side][place] += sign * step
                moved.append(loss(changed))
            assert given.grad[place].item() == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-3, abs=1e-6)


def test_there_is_no_stop_gradient_within_a_direction() -> None:
    first, second = (side.requires_grad_() for side in pair())
    _towards(first, second, 0.05, 0.1).backward()
    assert first.grad.abs().sum() > 0 and second.grad.abs().sum() > 0


def balanced(n: int, classes: int) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(n) % classes, classes).double() * 2 - 1


def test_a_constant_output_does_not_minimise_the_loss() -> None:
    """Whatever the constant, be it one class for all or none, the loss is ln C; balanced classes have 0."""
    for constant in (torch.zeros(4), torch.tensor([1.0, -1.0, -1.0, -1.0]), torch.tensor([0.3, 0.1, -0.5, 0.9])):
        same = constant.expand(12, 4)
        assert same_class(same, same, 0.05, 0.1).item() == pytest.approx(math.log(4), 1e-5)
    right = balanced(12, 4)
    assert same_class(right, right, 0.05, 0.1).item() == pytest.approx(0, abs=1e-4)
    # only two of the four classes in use
    lopsided = balanced(12, 4)[torch.arange(12) % 4 % 2]
    assert same_class(lopsided, lopsided, 0.05, 0.1).item() > 0.5


def test_plain_cross_entropy_would_be_minimised_by_a_constant() -> None:
    """What the two denominators are for: without them one class for all is the best of answers."""
    same = torch.tensor([1.0, -1.0, -1.0, -1.0]).expand(12, 4) / 0.1
    assert -(same.softmax(1) * same.log_softmax(1)).sum(1).mean() < 1e-6


def test_fewer_images_than_classes_end_at_the_log_of_their_ratio() -> None:
    """Three classes are each image's own; no answer can do better."""
    own = torch.eye(4).repeat_interleave(3, dim=1) * 2 - 1
    assert same_class(own, own, 0.05, 0.1).item() == pytest.approx(math.log(12 / 4), abs=1e-4)


def test_the_way_out_of_an_almost_constant_output() -> None:
    start = torch.tensor([1.0, -1.0, -1.0, -1.0]) + 0.01 * torch.randn(12, 4, generator=torch.manual_seed(0))
    start.requires_grad_()
    rule = torch.optim.Adam([start], lr=0.05)
    for _ in range(200):
        loss = same_class(start, start, 0.05, 0.1)
        rule.zero_grad()
        loss.backward()
        rule.step()
    assert loss.item() < math.log(4) / 4


def test_in_full_precision_within_autocast_and_for_large_logits() -> None:
    first, second = pair()
    outside = same_class(first, second, 0.05, 0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        within = same_class(first, second, 0.05, 0.1)
    assert within.dtype == torch.float32 and torch.equal(within, outside)
    assert same_class(first * 100, second * 100, 0.05, 0.1).isfinite()


def method(**changes: Any) -> SelfClassifier:
    made, _ = make("pretrain", "self_classifier", **changes)
    assert isinstance(made, SelfClassifier)
    return made


def batch() -> Batch:
    images = Images(pictures(), np.arange(60), CPU)
    return Batch(torch.arange(16), images[torch.arange(16)], torch.full((16,), -1))


def loss_of(made: SelfClassifier) -> torch.Tensor:
    torch.manual_seed(5)
    updates = made.updates(batch())
    loss = next(updates)["same_class"]
    assert next(updates, None) is None
    return loss


def test_gradients_reach_encoder_projection_and_every_head() -> None:
    made = method(heads=[3, 5])
    loss_of(made).backward()
    assert [tuple(head.shape) for head in made.heads] == [(3, 128), (5, 128)]
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in made.parameters())


def test_heads_are_normalised_and_averaged() -> None:
    made = method(heads=[3, 5])
    both = loss_of(made).item()
    with torch.no_grad():
        for head in made.heads:
            head *= 7
    assert loss_of(made).item() == pytest.approx(both, 1e-5)
    heads, alone = list(made.heads), []
    for head in heads:
        made.heads = torch.nn.ParameterList([head])
        alone.append(loss_of(made).item())
    assert both == pytest.approx(sum(alone) / 2, 1e-5)


def test_a_batch_below_the_number_of_classes_trains() -> None:
    assert loss_of(method(heads=[200], batch_size=16)).isfinite()


def test_a_head_of_one_class_is_refused() -> None:
    with pytest.raises(ValueError, match="heads"):
        small("pretrain", "self_classifier", heads=[10, 1])


def test_it_beats_random_features_on_digits(tmp_path: Path) -> None:
    assert beats_random("pretrain", "self_classifier", tmp_path / "a", epochs=2, batch_size=64, heads=[10, 10])

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from stages.pretraining import emp_ssl
from stages.pretraining.emp_ssl import agreement, coding_rate
from stages.training.images import Images
from stages.training.method import Batch
from tests.digits import beats_random
from tests.tiny import CPU, make, pictures, small, train

SMALL = {"patches": 4, "projection": [32, 16]}


def vectors(patches: int, b: int, d: int) -> Tensor:
    return torch.randn(patches, b, d, dtype=torch.float64, generator=torch.manual_seed(b))


def slow_coding_rate(projected: np.ndarray, distortion: float) -> float:
    """From the eigenvalues of Z Z^T, one patch after the other."""
    rates = []
    for patch in projected:
        b, d = patch.shape
        z = np.stack([row / np.linalg.norm(row) for row in patch], axis=1)
        eigenvalues = np.linalg.eigvalsh(z @ z.T)
        rates.append(sum(math.log(1 + d / (b * distortion) * value) for value in eigenvalues) / 2)
    return float(np.mean(rates))


def slow_agreement(projected: np.ndarray) -> float:
    total, (patches, b, _) = 0.0, projected.shape
    for image in range(b):
        units = [row / np.linalg.norm(row) for row in projected[:, image]]
        mean = sum(units) / patches
        total += sum(float(unit @ mean / np.linalg.norm(mean)) for unit in units)
    return total / (patches * b)


@pytest.mark.parametrize(("b", "d"), [(9, 4), (4, 9), (5, 5), (1, 3)])
def test_against_slow_loops(b: int, d: int) -> None:
    projected = vectors(3, b, d)
    assert coding_rate(projected, 0.2).item() == pytest.approx(slow_coding_rate(projected.numpy(), 0.2), 1e-10)
    assert agreement(projected).item() == pytest.approx(slow_agreement(projected.numpy()), 1e-10)


def test_gradients_against_finite_differences() -> None:
    projected = vectors(2, 3, 4).requires_grad_()
    torch.autograd.gradcheck(lambda z: coding_rate(z, 0.2), projected)
    torch.autograd.gradcheck(agreement, projected)


def test_the_rate_is_least_when_all_are_one_and_most_when_orthogonal() -> None:
    one = torch.ones(1, 4, 4, dtype=torch.float64)
    orthogonal = torch.eye(4, dtype=torch.float64)[None]
    assert coding_rate(one, 0.2).item() == pytest.approx(math.log(1 + 4 / 0.2) / 2)
    assert coding_rate(orthogonal, 0.2).item() == pytest.approx(4 * math.log(1 + 1 / 0.2) / 2)
    assert coding_rate(one, 0.2) < coding_rate(vectors(1, 4, 4), 0.2) < coding_rate(orthogonal, 0.2)


def test_lengths_do_not_matter_and_agreement_is_of_patches_of_one_image() -> None:
    projected = vectors(3, 5, 4)
    assert coding_rate(7 * projected, 0.2).item() == pytest.approx(coding_rate(projected, 0.2).item())
    assert agreement(7 * projected).item() == pytest.approx(agreement(projected).item())
    same = projected[:1].expand(3, -1, -1)
    assert agreement(same).item() == pytest.approx(1)
    assert agreement(projected) < 1


def test_half_precision_is_widened_even_under_autocast() -> None:
    projected = vectors(3, 8, 16).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        found = coding_rate(projected, 0.2), agreement(projected)
    wide = projected.double()
    assert [value.dtype for value in found] == [torch.float32] * 2
    assert found[0].item() == pytest.approx(coding_rate(wide, 0.2).item(), 1e-5)
    assert found[1].item() == pytest.approx(agreement(wide).item(), 1e-5)


def test_what_is_no_number_stays_none() -> None:
    assert coding_rate(torch.full((2, 3, 4), torch.nan), 0.2).isnan()


def test_it_falls_when_trained() -> None:
    projected = vectors(3, 6, 8).requires_grad_()
    rule = torch.optim.Adam([projected], lr=0.05)

    def loss() -> Tensor:
        return -coding_rate(projected, 0.2) - 20 * agreement(projected)

    before = loss().item()
    for _ in range(200):
        rule.zero_grad()
        loss().backward()
        rule.step()
    assert loss().item() < before and agreement(projected).item() == pytest.approx(1, abs=0.01)
    assert coding_rate(projected, 0.2).item() == pytest.approx(6 * math.log(1 + 8 / (6 * 0.2)) / 2, rel=0.01)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """The zoom and shift of every call for patches."""
    from stages.training import augmentation

    calls: list[tuple[Tensor, Tensor]] = []
    real = augmentation.resample

    def resample(images: Tensor, zoom: Tensor, shift: Tensor, *rest: object) -> Tensor:
        calls.append((zoom, shift))
        return real(images, zoom, shift, *rest)

    monkeypatch.setattr(augmentation, "resample", resample)
    yield calls


def batch(size: int = 16) -> Batch:
    images = Images(pictures(), np.arange(60), CPU)
    indices = torch.arange(size)
    return Batch(indices, images[indices], torch.full((size,), -1))


def test_patches_have_one_size_and_lie_within(seen: list[tuple[Tensor, Tensor]]) -> None:
    method, _ = make("pretrain", "emp_ssl", **SMALL)
    area = method.settings.views.min_area
    next(method.updates(batch()))
    ((zoom, shift),) = seen
    assert zoom.shape == (4 * 16, 2)
    torch.testing.assert_close(zoom.abs(), torch.full_like(zoom, area**0.5))
    assert (shift.abs() + area**0.5 / 2 <= 0.5 + 1e-6).all()
    assert len(shift.unique(dim=0)) == len(shift)


def test_one_forward_pass_sees_all_patches_image_by_image() -> None:
    method, _ = make("pretrain", "emp_ssl", **SMALL)
    shapes, projected = [], []
    method.encoder.register_forward_pre_hook(lambda _, given: shapes.append(given[0].shape))
    method.projection.register_forward_hook(lambda *given: projected.append(given[2]))
    losses = list(method.updates(batch()))
    assert shapes == [(4 * 16, 3, 32, 32)] and len(losses) == 1
    sets = torch.stack(projected[0].split(16))
    assert losses[0]["coding_rate"].item() == pytest.approx(-coding_rate(sets, 0.2).item())
    assert losses[0]["invariance"].item() == pytest.approx(-200 * agreement(sets).item())


def test_gradients_reach_encoder_and_head() -> None:
    method, _ = make("pretrain", "emp_ssl", **SMALL)
    for name in ("coding_rate", "invariance"):
        method.zero_grad()
        next(method.updates(batch()))[name].backward()
        assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in method.parameters())
        assert all(parameter.grad.abs().sum() > 0 for parameter in method.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize("size", [2, 3])
def test_small_batches(size: int) -> None:
    method, _ = make("pretrain", "emp_ssl", **SMALL)
    assert all(loss.isfinite() for loss in next(method.updates(batch(size))).values())


def test_it_costs_a_forward_and_a_backward_pass_for_each_patch() -> None:
    assert emp_ssl.cost(small("pretrain", "emp_ssl", patches=20)) == 60


def test_weights_of_nothing_are_refused() -> None:
    with pytest.raises(ValidationError, match="coding_rate and invariance are both 0"):
        small("pretrain", "emp_ssl", coding_rate=0, invariance=0)


def test_without_the_coding_rate_it_collapses_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A head of one layer, since batch norm delays it."""
    rule = {"name": "adam", "rate": 0.01, "momentum": 0.9, "weight_decay": 0, "decay": "constant", "warmup": 0}
    changes = {"patches": 2, "projection": [16], "batch_size": 20, "epochs": 5, "optimiser": rule}
    _, good = train("pretrain", "emp_ssl", tmp_path / "a", **changes)
    assert good[-1]["spread"] > 0.1 and "spread" not in capsys.readouterr().err
    _, bad = train("pretrain", "emp_ssl", tmp_path / "b", **changes, coding_rate=0)
    assert bad[-1]["spread"] < 0.02 and "spread" in capsys.readouterr().err


def test_it_beats_random_features_on_digits(tmp_path: Path) -> None:
    assert beats_random("pretrain", "emp_ssl", tmp_path / "c", epochs=2, patches=3)

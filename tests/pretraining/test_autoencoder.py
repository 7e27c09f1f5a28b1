from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stages import encoders
from stages.base.errors import UserError
from stages.pretraining import autoencoder
from stages.pretraining.autoencoder import Decoder, corrupt, reconstruction
from stages.training.augmentation import plain
from stages.training.images import Images
from stages.training.method import Batch
from tests.digits import beats_random
from tests.tiny import CPU, make, pictures, small, train

DENOISING = {"noise": 0.1, "mask": 0.25, "patch": 4}
GREY = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)


def images(n: int = 16) -> Tensor:
    return Images(pictures(), np.arange(60), CPU)[torch.arange(n)]


def batch(n: int = 16) -> Batch:
    return Batch(torch.arange(n), images(n), torch.full((n,), -1))


def test_the_loss_against_a_slow_loop() -> None:
    found, clean = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64, generator=torch.manual_seed(0))
    total, count = 0.0, 0
    for one, other in zip(found.flatten().tolist(), clean.flatten().tolist(), strict=True):
        total, count = total + (one - other) ** 2, count + 1
    assert reconstruction(found, clean).item() == pytest.approx(total / count, 1e-12)


def test_the_loss_is_in_full_precision_under_autocast() -> None:
    found = torch.rand(4, 3, 8, 8).bfloat16()
    clean = found.float() + 1e-3
    with torch.autocast("cpu", torch.bfloat16):
        loss = reconstruction(found, clean)
    assert loss.dtype == torch.float32 and loss.item() == pytest.approx(1e-6, 1e-3)


@pytest.mark.parametrize("size", [8, 9, 28, 31, 32, 33, 96, 100, 512])
def test_the_decoder_gives_images_of_any_size(size: int) -> None:
    decoder = Decoder(5, size, 32)
    assert decoder(torch.randn(2, 5)).shape == (2, 3, size, size)
    assert decoder[-1].in_channels == 16


def test_channels_are_halved_down_to_sixteen_and_never_raised() -> None:
    def widths(width: int) -> list[int]:
        return [layer.in_channels for layer in Decoder(3, 64, width).modules() if isinstance(layer, nn.Conv2d)]

    assert widths(64) == [64, 32, 16, 16, 16] and widths(8) == [8] * 5


@pytest.mark.parametrize("name", ["conv4", "wrn_28_2"])
def test_any_encoder_of_the_package(name: str) -> None:
    encoder = encoders.build(name, 40, [0.5] * 3, [0.25] * 3)
    method = autoencoder.build(encoder, small("pretrain", "autoencoder", encoder=name), 60)
    pixels = torch.randint(0, 256, (3, 40, 40, 3), dtype=torch.uint8)
    assert next(method.updates(Batch(torch.arange(3), pixels, torch.full((3,), -1))))["reconstruction"].isfinite()


def test_noise_has_its_deviation_and_leaves_the_clean_image_alone() -> None:
    clean = torch.full((8, 3, 32, 32), 0.5)
    given = corrupt(clean, 0.2, 0, 1, GREY)
    assert (clean == 0.5).all()
    assert (given - clean).std().item() == pytest.approx(0.2, rel=0.05)
    assert abs((given - clean).mean().item()) < 0.01


@pytest.mark.parametrize(("size", "patch"), [(16, 1), (32, 4), (30, 4), (32, 7)])
def test_the_mask_drops_whole_squares_of_its_share(size: int, patch: int) -> None:
    torch.manual_seed(0)
    given = corrupt(torch.ones(200, 3, size, size), 0, 0.3, patch, GREY)
    dropped = given[:, 0] != 1
    assert dropped.float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert torch.equal(given, torch.where(dropped[:, None], GREY, torch.ones(())))
    for square in dropped.unfold(1, patch, patch).unfold(2, patch, patch).flatten(0, 2):
        assert square.all() or not square.any()
    assert not torch.equal(dropped[0], dropped[1])


def test_what_is_dropped_bears_no_noise() -> None:
    given = corrupt(torch.ones(4, 3, 32, 32), 0.1, 0.5, 2, GREY)
    assert (given == GREY).all(1).float().mean().item() == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    "views", [None, {"min_area": 0.5, "brightness": 0.2, "jitter": 0.1, "flip": True, "zoom": True}]
)
def test_the_corrupted_image_goes_in_and_the_clean_one_is_asked_back(
    views: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, _ = make("pretrain", "autoencoder", **DENOISING, views=views)
    given, clean = [], []
    method.encoder.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    monkeypatch.setattr(autoencoder, "reconstruction", lambda found, asked: clean.append(asked) or found.mean())
    list(method.updates(batch()))
    assert torch.equal(clean[0], plain(images())) == (views is None)
    untouched = given[0] == clean[0]
    assert not untouched.any(1).all()
    dropped = (given[0] == method.encoder.mean).all(1)
    # away from the squares there is noise alone
    noise = (given[0] - clean[0]).movedim(1, 3)[~dropped]
    assert dropped.any() and noise.std().item() == pytest.approx(0.1, rel=0.1)


def test_without_noise_and_mask_the_image_itself_goes_in() -> None:
    method, _ = make("pretrain", "autoencoder", noise=0, mask=0)
    given = []
    method.encoder.register_forward_pre_hook(lambda _, args: given.append(args[0]))
    list(method.updates(batch()))
    assert torch.equal(given[0], plain(images()))


def test_gradients_reach_encoder_and_decoder() -> None:
    method, _ = make("pretrain", "autoencoder", **DENOISING)
    next(method.updates(batch()))["reconstruction"].backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in method.parameters())


def test_a_square_larger_than_the_image_is_refused() -> None:
    with pytest.raises(UserError, match="patch=32 px covers an image of 32 px"):
        make("pretrain", "autoencoder", mask=0.5, patch=32)
    make("pretrain", "autoencoder", mask=0, patch=32)


def test_denoising_learns_and_does_not_collapse(tmp_path: Path) -> None:
    _, history = train("pretrain", "autoencoder", tmp_path / "a", **DENOISING, epochs=4)
    assert history[-1]["loss"] < history[0]["loss"] / 2 and history[-1]["spread"] > 0.1


@pytest.mark.parametrize("changes", [{}, DENOISING])
def test_it_beats_random_features_on_digits(changes: dict[str, float], tmp_path: Path) -> None:
    assert beats_random("pretrain", "autoencoder", tmp_path / "c", epochs=3, batch_size=64, **changes)

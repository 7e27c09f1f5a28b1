import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode, functional

from stages.regimes._randaugment import OPERATIONS, RANGES, RandAugment, apply, magnitudes, randaugment

PAPER = RandAugment(operations=2, probability=1, cutout=0.5)
ONE = RandAugment(operations=1, probability=1, cutout=0)
# of torchvision's geometry, grey comes in from outside
OUTSIDE = {"interpolation": InterpolationMode.NEAREST, "fill": [127.0]}


def some(n: int = 12, size: int = 32) -> Tensor:
    """uint8 [n, size, size, 3]: smooth pictures of all brightnesses under noise, and at last one of a single colour."""
    generator = torch.manual_seed(0)
    coarse = torch.rand(n, 3, 4, 4, generator=generator)
    pictures = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    pictures = pictures * torch.linspace(0.3, 1, n)[:, None, None, None]
    pictures = (255 * pictures + 8 * torch.randn(pictures.shape, generator=generator)).clamp(0, 255)
    pictures[-1] = 77
    return pictures.round().to(torch.uint8).permute(0, 2, 3, 1)


def shear(image: Tensor, along_x: float, along_y: float) -> Tensor:
    degrees = [math.degrees(math.atan(along_x)), math.degrees(math.atan(along_y))]
    return functional.affine(image, angle=0, translate=[0, 0], scale=1, shear=degrees, center=[0.0, 0.0], **OUTSIDE)


def shift(image: Tensor, along_x: float, along_y: float) -> Tensor:
    # ours is where a pixel is taken from, torchvision's where it goes
    pixels = [-along_x * image.shape[-1], -along_y * image.shape[-2]]
    return functional.affine(image, angle=0, translate=pixels, scale=1, shear=[0, 0], **OUTSIDE)


TORCHVISION: dict[str, Callable[[Tensor, float], Tensor]] = {
    "autocontrast": lambda image, _: functional.autocontrast(image),
    "brightness": functional.adjust_brightness,
    "color": functional.adjust_saturation,
    "contrast": functional.adjust_contrast,
    "equalize": lambda image, _: functional.equalize(image),
    "identity": lambda image, _: image,
    "posterize": lambda image, bits: functional.posterize(image, round(bits)),
    "rotate": lambda image, degrees: functional.rotate(image, degrees, **OUTSIDE),
    "sharpness": functional.adjust_sharpness,
    "shear_x": lambda image, slope: shear(image, slope, 0),
    "shear_y": lambda image, slope: shear(image, 0, slope),
    "solarize": lambda image, threshold: functional.solarize(image, 255 * threshold),
    "translate_x": lambda image, share: shift(image, share, 0),
    "translate_y": lambda image, share: shift(image, 0, share),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_beside_torchvision_s(name: str) -> None:
    """Image by image, each with a magnitude of its own, the ends of the range among them."""
    images = some()
    operation = torch.full((12,), OPERATIONS[name])
    drawn = magnitudes(operation, torch.linspace(0, 1, 12))
    assert drawn[0] == RANGES[name][0] and drawn[-1] == RANGES[name][1]
    ours = apply(images.permute(0, 3, 1, 2).float(), operation, drawn)
    assert (ours == ours.round()).all() and ours.min() >= 0 and ours.max() <= 255
    for image, mine, magnitude in zip(images, ours, drawn.tolist(), strict=True):
        theirs = TORCHVISION[name](image.permute(2, 0, 1), magnitude).float()
        far = (mine - theirs).abs()
        if name in {"rotate", "shear_x", "shear_y", "translate_x", "translate_y"}:
            # where a pixel's source is halfway between two, either is nearest
            assert (far > 0).float().mean() < 0.01, magnitude
        else:
            # torchvision's autocontrast multiplies by an inexact factor before it cuts off
            most = 0.2 if name == "autocontrast" else 0.02
            assert far.max() <= 1 and (far > 0).float().mean() < most, magnitude


def test_autocontrast_in_whole_numbers() -> None:
    images = some()
    ours = apply(images.permute(0, 3, 1, 2).float(), torch.full((12,), OPERATIONS["autocontrast"]), torch.zeros(12))
    for image, mine in zip(images.permute(0, 3, 1, 2).numpy().astype(int), ours.numpy(), strict=True):
        for channel, result in zip(image, mine, strict=True):
            low, high = channel.min(), channel.max()
            assert (result == (channel if low == high else (channel - low) * 255 // (high - low))).all()


def test_a_mixed_batch_is_each_image_by_itself() -> None:
    pixels = some(28).permute(0, 3, 1, 2).float()
    operation = torch.arange(28) % 14
    drawn = magnitudes(operation, torch.rand(28, generator=torch.manual_seed(1)))
    together = apply(pixels, operation, drawn)
    for i in range(28):
        assert torch.equal(together[i], apply(pixels[i : i + 1], operation[i : i + 1], drawn[i : i + 1])[0])


def test_the_gpu_s_way_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """All operations on all images, the result taken where it was drawn."""
    pixels = some(28).permute(0, 3, 1, 2).float()
    operation = torch.arange(28) % 14
    drawn = magnitudes(operation, torch.rand(28, generator=torch.manual_seed(1)))
    sorted_first = apply(pixels, operation, drawn)
    monkeypatch.setattr("stages.regimes._randaugment._sorts", lambda device: False)
    assert torch.equal(apply(pixels, operation, drawn), sorted_first)


def test_magnitudes_fill_their_ranges_evenly() -> None:
    uniform = torch.arange(10_000) / 10_000
    for name, (low, high) in RANGES.items():
        drawn = magnitudes(torch.full((10_000,), OPERATIONS[name]), uniform)
        assert drawn.min() >= low and drawn.max() <= high
        if name == "posterize":
            assert drawn.unique(return_counts=True)[1].tolist() == [2000] * 5
        elif high > low:
            counts, _ = np.histogram(drawn.numpy(), 10, (low, high))
            assert abs(counts - 1000).max() <= 1


def test_all_operations_are_drawn_as_often(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    def note(pixels: Tensor, operation: Tensor, magnitude: Tensor) -> Tensor:
        seen.append(operation)
        return pixels

    monkeypatch.setattr("stages.regimes._randaugment.apply", note)
    torch.manual_seed(0)
    images = torch.zeros(14_000, 1, 1, 3, dtype=torch.uint8)
    randaugment(images, PAPER)
    assert len(seen) == 2
    for operation in seen:
        counts = torch.bincount(operation, minlength=14)
        assert len(counts) == 14 and counts.min() > 850 and counts.max() < 1150
    # drawn anew for each layer
    assert 0.05 < (seen[0] == seen[1]).float().mean() < 0.1
    # the code's way: half are left out, besides those that are the identity
    seen.clear()
    randaugment(images, RandAugment(operations=1, probability=0.5, cutout=0))
    share = (seen[0] == OPERATIONS["identity"]).float().mean()
    assert share.item() == pytest.approx(0.5 + 0.5 / 14, abs=0.02)


def test_parameters_differ_from_image_to_image_and_follow_the_seed() -> None:
    images = some(1).expand(40, -1, -1, -1)
    torch.manual_seed(0)
    views = randaugment(images, PAPER)
    torch.manual_seed(0)
    again = randaugment(images, PAPER)
    assert torch.equal(views, again) and not torch.equal(views, randaugment(images, PAPER))
    assert len({view.numpy().tobytes() for view in views}) == 40


def test_views_are_in_range_channels_last_and_of_the_type_asked_for() -> None:
    torch.manual_seed(0)
    images = some(200)
    for dtype in (torch.float32, torch.bfloat16):
        views = randaugment(images, RandAugment(operations=4, probability=1, cutout=0.5), dtype)
        assert views.shape == (200, 3, 32, 32) and views.dtype == dtype
        assert views.is_contiguous(memory_format=torch.channels_last)
        assert views.min() >= 0 and views.max() <= 1
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.manual_seed(3)
        mixed = randaugment(images, PAPER)
    torch.manual_seed(3)
    assert torch.equal(mixed, randaugment(images, PAPER))


@pytest.mark.parametrize(("size", "cutout", "side"), [(32, 0.5, 16), (9, 0.5, 4), (8, 1.0, 8), (8, 0.0, 0)])
def test_cutout_is_a_square_about_a_centre_anywhere(size: int, cutout: float, side: int) -> None:
    torch.manual_seed(0)
    views = randaugment(
        torch.zeros(600, size, size, 3, dtype=torch.uint8), RandAugment(operations=0, probability=1, cutout=cutout)
    )
    assert set(views.unique().tolist()) <= {0.0, 0.5}
    cut = views[:, 0] == 0.5
    assert all(torch.equal(cut, views[:, channel] == 0.5) for channel in (1, 2))
    for rows in (cut.any(2), cut.any(1)):
        counts = rows.sum(1)
        assert counts.max() == side and (side == 0 or counts.min() == (side + 1) // 2)
        # in one piece
        assert ((rows.int().diff(dim=1) != 0).sum(1) <= 2).all()
    assert torch.equal(cut.sum((1, 2)), cut.any(2).sum(1) * cut.any(1).sum(1))


def test_no_operation_and_no_cutout_leave_the_image() -> None:
    images = some()
    for settings in (
        RandAugment(operations=0, probability=1, cutout=0),
        RandAugment(operations=2, probability=0, cutout=0),
    ):
        assert torch.equal(randaugment(images, settings), images.permute(0, 3, 1, 2).float() / 255)

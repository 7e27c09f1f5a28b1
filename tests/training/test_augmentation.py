import math
from collections import Counter

import numpy as np
import torch

from stages.training.augmentation import Views, augment, plain, resample

STRONG = Views(min_area=0.25, brightness=0.6, jitter=0.2, flip=True, zoom=True)
STILL = Views(min_area=1, brightness=0, jitter=0, flip=False, zoom=True)


def some(n: int = 6, size: int = 8) -> torch.Tensor:
    return torch.randint(0, 256, (n, size, size, 3), dtype=torch.uint8, generator=torch.manual_seed(0))


def slow_resample(images: np.ndarray, zoom: np.ndarray, shift: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Pixel by pixel: bilinear, reflected about the edge, then the colour matrix, clipped."""
    n, size = images.shape[:2]

    def reflected(index: int) -> int:
        period = index % (2 * size)
        return period if period < size else 2 * size - 1 - period

    def source(zoom: float, shift: float, out: int) -> tuple[int, float]:
        at = (zoom * ((out + 0.5) / size - 0.5) + shift + 0.5) * size - 0.5
        return math.floor(at), at - math.floor(at)

    result = np.zeros((n, 3, size, size))
    for i in range(n):
        for y in range(size):
            for x in range(size):
                top, down = source(zoom[i, 0], shift[i, 0], y)
                left, right = source(zoom[i, 1], shift[i, 1], x)
                pixel = np.zeros(3)
                for row, weight_y in ((top, 1 - down), (top + 1, down)):
                    for column, weight_x in ((left, 1 - right), (left + 1, right)):
                        pixel += weight_y * weight_x * images[i, reflected(row), reflected(column)] / 255
                result[i, :, y, x] = np.clip(colour[i] @ pixel, 0, 1)
    return result


def test_resampling_against_a_slow_loop() -> None:
    generator = torch.manual_seed(1)
    images = some()
    zoom = 0.4 + torch.rand(6, 2, generator=generator) * 0.6
    zoom[::2, 1] *= -1
    shift = torch.rand(6, 2, generator=generator) - 0.5
    colour = torch.eye(3) + torch.rand(6, 3, 3, generator=generator) * 0.4 - 0.2
    ours = resample(images, zoom, shift, colour, torch.float32)
    slow = slow_resample(images.numpy(), zoom.numpy(), shift.numpy(), colour.numpy())
    np.testing.assert_allclose(ours.numpy(), slow, atol=2e-5)


def test_no_strength_leaves_the_image() -> None:
    images = some()
    torch.testing.assert_close(augment(images, STILL), plain(images), atol=1e-6, rtol=0)


def test_a_flip_mirrors_left_and_right_in_about_half_of_the_views() -> None:
    images = some(400)
    torch.manual_seed(0)
    views = augment(images, STILL.model_copy(update={"flip": True}))
    kept = (views - plain(images)).abs().amax((1, 2, 3)) < 1e-5
    mirrored = (views - plain(images).flip(3)).abs().amax((1, 2, 3)) < 1e-5
    assert (kept ^ mirrored).all() and 150 < kept.sum() < 250


def test_parameters_differ_from_image_to_image() -> None:
    torch.manual_seed(0)
    views = augment(some(1).expand(5, -1, -1, -1), STRONG)
    assert all(not torch.allclose(views[i], views[0]) for i in range(1, 5))


def test_views_are_in_range_channels_last_and_of_the_type_asked_for() -> None:
    views = augment(some(), STRONG, torch.bfloat16)
    assert views.dtype == torch.bfloat16 and views.is_contiguous(memory_format=torch.channels_last)
    assert views.min() >= 0 and views.max() <= 1


def test_the_crop_keeps_at_least_the_least_area() -> None:
    """A horizontal ramp seen through zooms of up to z = 1/2: neighbouring columns differ by half a step or more."""
    ramp = torch.arange(32, dtype=torch.uint8).mul(8)[None, None, :, None].expand(200, 32, 32, 3)
    torch.manual_seed(0)
    views = augment(ramp, STRONG.model_copy(update={"brightness": 0.0, "jitter": 0.0, "flip": False})) * 255 / 8
    step = (views[:, 0, 16, 17:20] - views[:, 0, 16, 16:19]).abs()
    step = step[(views[:, 0, 16, 16:20] > 2).all(1) & (views[:, 0, 16, 16:20] < 29).all(1)]
    assert step.min() > 0.5 - 1e-3 and step.max() < 1 + 1e-3 and step.max() - step.min() > 0.3


def test_without_zoom_an_image_is_shifted_and_keeps_its_size() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(32, dtype=torch.uint8).mul(8)[None, None, :, None].expand(40, 32, 32, 3).contiguous()
    views = augment(ramp, Views(min_area=0.5625, brightness=0, jitter=0, flip=False, zoom=False)) * 255 / 8
    # where the edge is not reflected, one step a pixel
    steps = views[:, 0, 16, 8:25] - views[:, 0, 16, 7:24]
    torch.testing.assert_close(steps, torch.ones_like(steps), atol=1e-3, rtol=0)
    shifts = views[:, 0, 16, 16] - 16
    assert -4.01 <= shifts.min() < -2 and 2 < shifts.max() <= 4.01


def test_without_zoom_every_shift_by_whole_pixels_is_as_likely_and_nothing_is_blurred() -> None:
    torch.manual_seed(0)
    image = torch.randint(0, 256, (1, 16, 16, 3), dtype=torch.uint8)
    views = augment(
        image.expand(2000, -1, -1, -1), Views(min_area=0.5625, brightness=0, jitter=0, flip=False, zoom=False)
    )
    padded = np.pad(image[0].numpy(), ((2, 2), (2, 2), (0, 0)), mode="symmetric")
    crops = {padded[y : y + 16, x : x + 16].tobytes() for y in range(5) for x in range(5)}
    found = Counter(view.tobytes() for view in (views * 255).round().byte().permute(0, 2, 3, 1).contiguous().numpy())
    assert set(found) == crops and min(found.values()) > 50
    assert (views * 255 - (views * 255).round()).abs().max() < 0.01

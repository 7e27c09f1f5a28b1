import numpy as np
import pytest

from stages.base.errors import UserError
from stages.splitting.stratify import held_out

LABELS = np.repeat([-1, 0, 1, 2], [50, 40, 20, 3])
CLASSES = ["a", "b", "c"]


def test_each_class_gives_its_share_and_unknown_ones_none() -> None:
    mask = held_out(LABELS, CLASSES, 0.1, 0, "share")
    assert [int(mask[label == LABELS].sum()) for label in (-1, 0, 1, 2)] == [0, 4, 2, 1]


def test_seeds_differ_and_repeat() -> None:
    masks = [held_out(LABELS, CLASSES, 0.1, seed, "share") for seed in (0, 0, 1)]
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_leaving_out_one_class_changes_nothing_for_the_others() -> None:
    without = held_out(np.where(LABELS == 1, -1, LABELS), CLASSES, 0.1, 0, "share")
    full = held_out(LABELS, CLASSES, 0.1, 0, "share")
    assert np.array_equal(without[LABELS != 1], full[LABELS != 1])


def test_what_a_class_of_one_image_needs_is_another() -> None:
    labels = np.append(LABELS, len(CLASSES))
    with pytest.raises(UserError) as refused:
        held_out(labels, [*CLASSES, "owl"], 0.2, 0, "data.test_share")
    said = "class owl has 1 image, and needs one to learn from and one to hold out; add an image to it, or take the cl"
    assert said in str(refused.value) and "lower" not in str(refused.value)


def test_a_class_is_never_taken_whole() -> None:
    with pytest.raises(UserError, match=r"data\.test_share=0\.9 would take all 3 images of class c"):
        held_out(LABELS, CLASSES, 0.9, 0, "data.test_share")

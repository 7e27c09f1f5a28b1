"""What probe and finetune leave as it was."""

from pathlib import Path

import numpy as np
import pytest
import torch

from stages.base.errors import UserError
from stages.training.augmentation import plain
from stages.training.images import Images
from stages.training.method import Batch, Epoch
from tests.tiny import CPU, LABELS, make, pictures, train


def start(member: str, **changes: object) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in make("models", member, **changes)[0].encoder.state_dict().items()}


@pytest.mark.parametrize(
    "views", [None, {"min_area": 0.75, "brightness": 0.3, "jitter": 0.1, "flip": True, "zoom": True}]
)
def test_a_probe_never_moves_the_encoder(views: dict | None, tmp_path: Path) -> None:
    before = start("probe", views=views)
    method, history = train("models", "probe", tmp_path / "a", views=views, epochs=10)
    assert all(torch.equal(before[key], value) for key, value in method.encoder.state_dict().items())
    assert history[-1]["loss"] < history[0]["loss"]


def test_features_computed_once_are_those_computed_each_time(tmp_path: Path) -> None:
    still = {"min_area": 1, "brightness": 0, "jitter": 0, "flip": False, "zoom": True}
    once, _ = train("models", "probe", tmp_path / "a", views=None)
    each, _ = train("models", "probe", tmp_path / "b", views=still)
    torch.testing.assert_close(once.head.weight, each.head.weight, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("moving", [1, 2, 5, "all"])
def test_finetune_moves_the_last_blocks_and_no_other(moving: int | str, tmp_path: Path) -> None:
    before = make("models", "finetune", layers=moving)[0].encoder.blocks()
    states = [{key: value.clone() for key, value in block.state_dict().items()} for block in before]
    method, _ = train("models", "finetune", tmp_path / "a", layers=moving)
    still = [
        all(torch.equal(state[key], value) for key, value in block.state_dict().items())
        for state, block in zip(states, method.encoder.blocks(), strict=True)
    ]
    count = 5 if moving == "all" else moving
    assert still == [True] * (5 - count) + [False] * count


def test_more_layers_than_there_are_is_refused() -> None:
    with pytest.raises(UserError, match="layers=6: must be all, or 1 to 5, the blocks of conv4"):
        make("models", "finetune", layers=6)


def test_features_follow_the_images_told_where_their_number_stays() -> None:
    """With labels redrawn at each epoch, the same number of other images is told."""
    method, _ = make("models", "probe", views=None)
    images = Images(pictures(), np.arange(60), CPU)
    for told in (torch.arange(0, 20), torch.arange(20, 40)):
        known = torch.full((60,), -1)
        known[told] = torch.from_numpy(LABELS)[told]
        method.begin_epoch(Epoch(0, torch.arange(60), known), images)
        loss = next(method.updates(Batch(told, images[told], known[told])))["cross_entropy"]
        logits = method.head(method.encoder(plain(images[told])))  # type: ignore[operator]
        assert loss.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, known[told]).item(), rel=1e-4)

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stages.base.errors import UserError
from stages.regimes.supervised import Supervised
from stages.training.method import Batch, shuffled
from tests.tiny import EPOCHS, train


def test_a_row_for_each_epoch_says_what_was_seen_and_told(tmp_path: Path) -> None:
    _, history = train("models", "gradual", tmp_path / "a")
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert [row["classes_seen"] for row in history] == [1, 1, 2]
    assert [row["images_shown"] for row in history] == [20, 20, 40]
    assert history[0]["labels_told"] < history[-1]["labels_told"] <= 15
    for name in ("loss", "loss/contrast", "loss/cross_entropy", "lr/encoder", "lr/probe"):
        assert all(row[name] > 0 for row in history)


def test_a_loss_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Supervised, batch: Batch) -> Iterator[dict[str, Tensor]]:
        yield {"cross_entropy": self.head.weight.sum() * float("nan")}

    monkeypatch.setattr(Supervised, "updates", broken)
    with pytest.raises(UserError, match="'cross_entropy' is nan in epoch 1; lower the learning rate"):
        train("models", "supervised", tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_a_finished_run_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, history = train("models", "supervised", tmp_path / "a")
    monkeypatch.setattr(Supervised, "updates", lambda *_: pytest.fail("trained again"))
    again, rows = train("models", "supervised", tmp_path / "a")
    assert rows == history and len(rows) == EPOCHS
    assert torch.equal(first.head.weight, again.head.weight)


@pytest.mark.parametrize(
    ("images", "size", "expected"),
    [
        (1026, 512, [342, 342, 342]),
        (1024, 512, [512, 512]),
        (10, 4, [4, 3, 3]),
        (3, 4, [3]),
        (1, 4, [1]),
        (5, 2, [2, 2]),
    ],
)
def test_one_pass_takes_every_image_once_in_batches_of_one_size(images: int, size: int, expected: list[int]) -> None:
    """1,026 images at 512 were 512, 512 and 2: a whole step of NT-Xent on two. Only a lone last image is left out."""
    batches = list(shuffled(torch.arange(images), size, None))
    assert [len(batch) for batch in batches] == expected
    seen = torch.cat(batches).tolist()
    assert len(set(seen)) == len(seen) == sum(expected)


def test_a_number_of_steps_takes_as_many_passes_as_it_needs() -> None:
    batches = list(shuffled(torch.arange(10), 4, 5))
    assert [len(batch) for batch in batches] == [4] * 5
    assert sorted(torch.cat(batches).tolist()) == sorted([*range(10)] * 2)
    assert [len(batch) for batch in shuffled(torch.arange(3), 4, 2)] == [3, 3]


def test_collapse_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def all_one(self: Supervised, batch: Batch) -> Iterator[dict[str, Tensor]]:
        with torch.no_grad():
            for parameter in self.encoder.parameters():
                parameter.zero_()
            list(self.encoder.parameters())[-1].fill_(1)
        yield {"cross_entropy": self.head.weight.sum()}

    monkeypatch.setattr(Supervised, "updates", all_one)
    _, history = train("models", "supervised", tmp_path / "a")
    assert [row["spread"] < 0.02 for row in history] == [True] * EPOCHS
    warned = capsys.readouterr().err
    assert warned.count("collapse in epoch 1: embedding spread 0.00") == warned.count("collapse") == 1


def test_few_dimensions_are_reported_once_in_the_second_half_of_what_learns_without_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stages.training.loop.effective_rank", lambda _: 1.6)
    _, history = train("pretrain", "simclr", tmp_path / "a", epochs=4)
    assert [row["effective_rank"] for row in history] == [1.6] * 4
    warned = capsys.readouterr().err
    assert warned.count("collapse") == 1
    assert "collapse in epoch 3: embeddings vary in 1.6 dimensions; take an encoder with batch norm\n" in warned
    train("pretrain", "simclr", tmp_path / "c", batch_norm=True)
    # which has it
    assert "in 1.6 dimensions; lower the learning rate" in capsys.readouterr().err
    # labels of two classes want no more than one
    train("models", "supervised", tmp_path / "b")
    assert "collapse" not in capsys.readouterr().err


def test_a_frozen_encoder_has_no_spread_to_watch(tmp_path: Path) -> None:
    _, history = train("models", "probe", tmp_path / "a")
    assert not any("spread" in row for row in history)


def test_an_optimiser_that_forgets_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = train("models", "supervised", tmp_path / "a")
    monkeypatch.setattr(Supervised, "forgets", lambda self, epoch: epoch == 2)
    second, _ = train("models", "supervised", tmp_path / "b")
    assert not torch.equal(first.head.weight, second.head.weight)

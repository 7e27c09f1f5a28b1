"""What is handed out, from arrays alone: no file is there to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from stages import answers
from stages.answers import Answer
from stages.base import families
from stages.handout import Handout, Origin, batch, picture
from stages.handout.batch import Answered, Choice, Pool
from stages.handout.trained import Trained
from stages.training.images import Images

NAMES = [f"{number}.png" for number in range(8)]
NOBODY = Answered(frozenset(), frozenset())


@pytest.fixture(autouse=True)
def no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    assert not [path for path in tmp_path.iterdir() if path.name != "labels.csv" and path.name != "again.csv"]


def pool(*labels: int) -> Pool:
    """Eight images of ten that are packed, each of one grey, ever lighter; without labels, unless given."""
    greys = np.arange(10, dtype=np.uint8)[:, None, None, None]
    packed = np.broadcast_to(20 * greys, (10, 4, 4, 3)).copy()
    return Pool(NAMES, packed, np.arange(2, 10), np.array(labels or [-1] * 8), np.arange(8))


def choice() -> Choice:
    """The images 7, 6 and 5, in this order, then the others; two clusters."""
    rows = [{"image": NAMES[number], "rank": str(rank)} for rank, number in enumerate((7, 6, 5), 1)]
    return Choice(rows, np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.arange(8)[::-1].copy())


class Counting(torch.nn.Module):
    """Embeds an image as its mean, and counts the images that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = 0

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen += len(images)
        return images.mean((1, 2, 3))[:, None]


def trained(name: str) -> tuple[Trained, Counting]:
    """Light images are of the second class, dark ones of the first; at the middle it is unsure."""
    encoder, head = Counting(), torch.nn.Linear(1, 2)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[-10.0], [10.0]]))
        head.bias.copy_(torch.tensor([4.0, -4.0]))
    settings = families.load("acquisition", name).Settings(name=name)
    opened = partial(Images, device=torch.device("cpu"))
    return Trained(encoder, head, settings, torch.device("cpu"), opened), encoder  # type: ignore[arg-type]


def origin(model: str | None = None) -> Origin:
    return Origin("greys", "kmeans", 0, ["dark", "light"], model)


def images(handed: Handout) -> list[str]:
    return [task.image.removesuffix(".png") for task in handed.tasks]


def test_the_choice_with_the_pictures_of_its_images() -> None:
    handed = batch.hand_out(origin(), pool(), choice(), NOBODY, 3)
    assert images(handed) == ["7", "6", "5"]
    assert [(task.rank, task.cluster) for task in handed.tasks] == [(1, 1), (2, 1), (3, 1)]
    assert list(handed.pictures) == [picture(pool().packed[row]) for row in (9, 8, 7)]
    assert handed.note is not None and "data.name=greys has no other" in handed.note


def test_what_is_labelled_or_skipped_is_left_out_and_others_come_in_its_place() -> None:
    done = Answered(frozenset({"7.png"}), frozenset({"6.png", "4.png"}))
    handed = batch.hand_out(origin(), pool(), choice(), done, 3)
    assert images(handed) == ["5", "3", "2"]
    assert batch.unanswered(pool(), choice(), done).tolist() == [5, 3, 2, 1, 0]


def test_originals_are_those_that_the_function_gives() -> None:
    shape, asked = (6, 9, 3), list[Mapping[str, np.ndarray]]()

    def read(packed: Mapping[str, np.ndarray], side: int) -> Iterator[tuple[str, np.ndarray | None]]:
        asked.append(packed)
        assert side == 384
        yield "6.png", np.zeros(shape, dtype=np.uint8)
        yield "7.png", None

    handed = batch.hand_out(origin(), pool(), choice(), NOBODY, 2, read=read)
    assert [(one.width, one.height) for one in handed.pictures] == [(4, 4), (9, 6)]
    assert list(asked[0]) == ["7.png", "6.png"] and (asked[0]["6.png"] == pool().packed[8]).all()
    assert handed.note is not None and handed.note.startswith("People see the 4 px crop of 1 of 2 images (7.png ...)")


def test_a_model_that_asks_embeds_each_image_of_the_pool_once() -> None:
    model, encoder = trained("entropy")
    handed = batch.hand_out(origin("probe"), pool(), choice(), NOBODY, 2, model)
    # of grey 100 and 120: nearest to the middle
    assert sorted(images(handed)) == ["3", "4"]
    assert encoder.seen == 8
    assert {task.image: task.guess and task.guess[0] for task in handed.tasks} == {"3.png": "dark", "4.png": "light"}
    assert all(list(task.reasons) == ["entropy"] for task in handed.tasks)


def test_a_model_that_leaves_it_to_the_ranking_embeds_what_is_handed_out_alone() -> None:
    model, encoder = trained("ranking")
    handed = batch.hand_out(origin("probe"), pool(), choice(), NOBODY, 2, model)
    assert images(handed) == ["7", "6"] and encoder.seen == 2
    assert [task.guess and task.guess[0] for task in handed.tasks] == ["light"] * 2


def test_a_model_does_not_ask_about_what_is_answered() -> None:
    model, _ = trained("entropy")
    done = Answered(frozenset({"3.png"}), frozenset({"4.png"}))
    handed = batch.hand_out(origin("probe"), pool(), choice(), done, 2, model)
    assert sorted(images(handed)) == ["2", "5"]


def test_the_images_that_have_an_answer(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,label\n1.png,cat\n2.png,?\n9.png,cat\n")
    given = answers.read_all(tmp_path / "labels.csv").answers
    assert batch.answered(given, pool()) == Answered(frozenset({"1.png"}), frozenset({"2.png"}))
    assert batch.answered([], pool()) == NOBODY
    (tmp_path / "again.csv").write_text("image,label\n2.png,dog\n3.png,?\n")
    found = batch.answered(answers.read_all(tmp_path).answers, pool())
    assert found == Answered(frozenset({"1.png", "2.png"}), frozenset({"3.png"}))
    assert found.all == {"1.png", "2.png", "3.png"}


def test_labels_of_the_data_set_count_unless_all_images_have_one() -> None:
    skip = [Answer("0.png", "", "labels.csv, line 2")]
    assert batch.answered(skip, pool(1, 0, *[-1] * 6)) == Answered(frozenset({"0.png", "1.png"}), frozenset())
    assert batch.answered(skip, pool(*[0] * 8)) == Answered(frozenset(), frozenset({"0.png"}))


def test_nobody_is_asked_about_a_copy_of_what_has_an_answer_while_others_are_left() -> None:
    """3 and 1 are copies of 7, which is labelled, and 5 of 6, which nobody could tell."""
    copied = replace(pool(), first=np.array([0, 1, 2, 1, 4, 5, 5, 1]))
    done = Answered(frozenset({"7.png"}), frozenset({"6.png"}))
    for count, expected in ((3, "024"), (4, "0245"), (6, "012345")):
        assert sorted(images(batch.hand_out(origin(), copied, choice(), done, count))) == list(expected)
    for name in ("entropy", "random", "ranking"):
        model, _ = trained(name)
        assert sorted(images(batch.hand_out(origin("probe"), copied, choice(), done, 3, model))) == ["0", "2", "4"]


def set_aside() -> Pool:
    """The two images that are packed before the pool's, to judge models by."""
    return Pool(["a.png", "b.png"], pool().packed, np.arange(2), np.array([-1, -1]), np.arange(2))


def test_images_of_an_audit_lie_among_the_others_and_nothing_tells_them_apart() -> None:
    audit = set_aside()
    handed = batch.hand_out(origin(), pool(), choice(), NOBODY, 3, audit=(audit, np.arange(2)))
    assert sorted(images(handed)) == ["5", "6", "7", "a", "b"] and handed.mixed
    assert [task.rank for task in handed.tasks] == [1, 2, 3, 4, 5]
    assert not any(task.reasons or task.cluster is not None for task in handed.tasks)
    shades = {"a": 0, "b": 20, "5": 140, "6": 160, "7": 180}
    for name, one in zip(images(handed), handed.pictures, strict=True):
        assert np.asarray(one.scaled(4))[0, 0, 0] == shades[name]
    orders = {
        tuple(
            images(
                batch.hand_out(replace(origin(), seed=seed), pool(), choice(), NOBODY, 3, audit=(audit, np.arange(2)))
            )
        )
        for seed in range(5)
    }
    assert len(orders) > 1


def test_guesses_go_with_the_images_of_an_audit_as_with_all_others() -> None:
    model, _ = trained("ranking")
    handed = batch.hand_out(origin("probe"), pool(), choice(), NOBODY, 3, model, audit=(set_aside(), np.arange(2)))
    guessed = {name: task.guess[0] for name, task in zip(images(handed), handed.tasks, strict=True) if task.guess}
    assert guessed == {"a": "dark", "b": "dark", "5": "light", "6": "light", "7": "light"}


def test_what_of_an_audit_has_an_answer_is_not_handed_out_again() -> None:
    audit = set_aside()
    done = batch.answered([Answer("a.png", "dark", "labels.csv, line 2")], audit)
    assert batch.unjudged(audit, done).tolist() == [1]
    alone = batch.hand_out(origin(), pool(), choice(), NOBODY, 0, audit=(audit, batch.unjudged(audit, done)))
    assert images(alone) == ["b"]
    none = batch.hand_out(origin(), pool(), choice(), NOBODY, 2, audit=(audit, np.empty(0, np.int64)))
    assert not none.mixed and images(none) == ["7", "6"]

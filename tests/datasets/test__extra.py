"""Some classes of another set, appended to the main one's."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from stages import download
from stages.base.errors import UserError
from stages.datasets import _extra, _fetch, cifar10, cifar100
from stages.project.params import Params
from stages.supervision.exposure import gradual
from tests.blocks import base, schedule
from tests.datasets.sources import classes, pack, picture, settings
from tests.datasets.test__cifar import batch, hundred, ten, trust

# read before a test leaves the project's folder
BASE, PLAN = base(), schedule(start_classes=10, class_epochs=12, class_order="given")


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's folder of its own, with archives that are taken for the official ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    trust(monkeypatch, cifar10, ten(tmp_path))
    trust(monkeypatch, cifar100, hundred(tmp_path))


def extra(name: str = "cifar100", source: str | None = "cifar-100-python.tar.gz", **changes: Any) -> dict[str, Any]:
    return {"name": name, "source": source, "labels": "fine", "classes": None} | changes


def fetched(name: str, source: str | None, other: dict[str, Any] | None, **changes: Any) -> Any:
    chosen = settings(name, source, extra=other, **changes)
    download.download(chosen, Path("data/raw"), Path(".scratch/download"))
    return json.loads(Path("data/raw/description.json").read_text())


def array(part: str, name: str) -> np.ndarray:
    return np.load(f"data/raw/{part}/{name}.npy")


def test_the_first_classes_of_cifar100_follow_cifar10() -> None:
    fetched("cifar10", "cifar-10-python.tar.gz", None)
    alone = {(part, name): array(part, name) for part in ("train", "test") for name in ("images", "labels", "names")}
    facts = fetched("cifar10", "cifar-10-python.tar.gz", extra(classes=51))
    assert facts["classes"][9:12] == ["class 9", "cifar100/fine 0", "cifar100/fine 1"]
    assert len(facts["classes"]) == 61
    assert facts["extra"] == extra(classes=51)
    assert (facts["train"], facts["test"]) == ({"images": 17, "labelled": 17}, {"images": 3, "labelled": 3})
    # of labels 99, 0 and 50, the last two are among the first 51
    assert array("train", "labels")[15:].tolist() == [10, 60]
    assert array("train", "names")[15:].tolist() == ["cifar100/train/1-1.png", "cifar100/train/1-2.png"]
    rows = batch(1, fine_labels=[99, 0, 50])["data"][1:].reshape(2, 3, 32, 32).transpose(0, 2, 3, 1)
    assert np.array_equal(array("train", "images")[15:], rows)
    assert array("test", "labels").tolist() == [3, 4, 17]
    for (part, name), before in alone.items():
        assert np.array_equal(array(part, name)[: len(before)], before)
    assert not Path(".scratch/download").exists()


def test_classes_by_name_come_in_the_order_named() -> None:
    other = extra(classes=["fine 99", "fine 0"])
    facts = fetched("cifar10", "cifar-10-python.tar.gz", other)
    assert facts["classes"][10:] == ["cifar100/fine 99", "cifar100/fine 0"]
    assert array("train", "labels")[15:].tolist() == [10, 11]
    assert len(array("test", "labels")) == 2


def test_coarse_labels_and_another_size() -> None:
    facts = fetched("cifar10", "cifar-10-python.tar.gz", extra(labels="coarse"), size=16)
    assert facts["classes"][10:] == [f"cifar100/coarse {i}" for i in range(20)]
    assert array("train", "images").shape == (18, 16, 16, 3)
    assert array("train", "labels")[15:].tolist() == [29, 11, 12]


def test_the_digest_tells_what_was_added() -> None:
    source = "cifar-10-python.tar.gz"
    wanted = [None, extra(classes=["fine 0"]), extra(classes=["fine 50"]), extra(labels="coarse", classes=2)]
    digests = {fetched("cifar10", source, other)["digest"] for other in wanted}
    assert len(digests) == len(wanted)
    assert fetched("cifar10", source, wanted[1])["digest"] in digests


def test_a_folder_joins_a_known_set_without_its_unlabelled_images() -> None:
    """Both sets' arrays lie in files of the same names below scratch, here."""
    pack(Path("pets.zip"), classes("train", 3) | classes("test", 2) | {"unlabelled/1.png": picture(99)})
    facts = fetched("cifar10", "cifar-10-python.tar.gz", extra("folder", "pets.zip", classes=["dog"]), size=16)
    assert facts["classes"][10:] == ["folder/dog"]
    assert array("train", "labels")[15:].tolist() == [10, 10, 10]
    assert array("train", "images")[15:, 0, 0, 0].tolist() == [10, 11, 12]
    assert array("test", "images")[2:, 0, 0, 0].tolist() == [10, 11]
    assert array("test", "names")[2:].tolist() == ["folder/test/dog/0.png", "folder/test/dog/1.png"]


def test_a_folder_is_joined_by_a_known_set_and_keeps_its_unlabelled_images() -> None:
    pack(Path("pets"), classes("train", 5) | {"unlabelled/1.png": picture(99)})
    facts = fetched("folder", "pets", extra(classes=1), test_share=0.2)
    assert facts["classes"] == ["cat", "dog", "cifar100/fine 0"]
    assert array("train", "labels").tolist() == [0] * 4 + [1] * 4 + [-1, 2]
    assert facts["train"] == {"images": 10, "labelled": 9}


def test_images_held_out_for_validation_are_so_in_the_joined_set() -> None:
    """Those of the main set, and of the other set's those of the classes that are added."""
    own = pack(Path("own"), classes("train", 4) | classes("val", 2) | classes("test", 1))
    names = ("ant", "bee", "cow")
    other = pack(Path("other"), classes("train", 3, names) | classes("val", 2, names) | classes("test", 1, names))
    fetched("folder", str(own), extra(classes=1))
    assert array("train", "names")[array("train", "validation")].tolist() == [
        f"val/{name}/{number}.png" for name in ("cat", "dog") for number in range(2)
    ]
    fetched("cifar10", "cifar-10-python.tar.gz", extra("folder", str(other), classes=["cow", "ant"]))
    held = array("train", "names")[array("train", "validation")].tolist()
    assert held == [f"folder/val/{name}/{number}.png" for name in ("ant", "cow") for number in range(2)]
    fetched("cifar10", "cifar-10-python.tar.gz", None)
    assert not Path("data/raw/train/validation.npy").exists()


def test_unlabelled_images_alone_can_be_joined_too() -> None:
    facts = fetched("folder", str(pack(Path("flat"), {"1.png": picture(7)})), extra(classes=["fine 50", "fine 7"]))
    assert array("train", "labels").tolist() == [-1, 0]
    assert array("test", "labels").tolist() == [1] and facts["classes"] == ["cifar100/fine 50", "cifar100/fine 7"]


def test_large_sets_are_joined_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures go from file to file by a few at a time, to the same result."""
    pack(Path("pets"), classes("train", 5) | classes("test", 3))
    other = extra("folder", "pets", classes=["dog"])
    whole = fetched("cifar10", "cifar-10-python.tar.gz", other)
    monkeypatch.setattr(_extra, "_BLOCK", 2 * 32 * 32 * 3)
    assert fetched("cifar10", "cifar-10-python.tar.gz", other) == whole


def test_what_is_added_comes_last_in_the_schedule() -> None:
    facts = fetched("cifar10", "cifar-10-python.tar.gz", extra(classes=["fine 50", "fine 0"]))
    labels = array("train", "labels")
    order = PLAN.order(facts["classes"], 0)
    world = gradual(labels, np.arange(len(labels)), order, PLAN, epochs=13, seed=0)
    assert world.introduced(labels, 12)[10:] == [12, 13]


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": 101}, r"^data\.extra\.classes=101: cifar100 has 100 classes$"),
        (
            {"classes": ["fine 3", "fin 4"]},
            r"^data\.extra\.classes: cifar100 has no class 'fin 4'; did you mean fine 4",
        ),
        ({"source": "nowhere"}, r"^data\.extra\.source=nowhere: no such file"),
        ({"source": "ftp://x/y"}, r"^data\.extra\.source=ftp://x/y: only http"),
        ({"name": "mnist", "labels": "coarse"}, r"^data\.extra\.labels=coarse: mnist has only fine labels"),
        ({"name": "folder", "source": None}, r"^data\.extra\.source=null: data\.extra\.name=folder needs"),
        ({"name": "digits"}, r"^data\.extra\.source=cifar-100-python\.tar\.gz: the digits come with scikit-learn"),
    ],
)
def test_what_the_other_set_cannot_give_is_refused_by_name(
    changes: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "load", lambda *_: pytest.fail("the main set was read before"))
    with pytest.raises(UserError, match=said):
        fetched("cifar10", "cifar-10-python.tar.gz", extra(**changes))
    assert not Path("data/raw").exists()


def test_a_refusal_of_the_main_set_keeps_its_own_name() -> None:
    with pytest.raises(UserError, match=r"^data\.source=nowhere: no such file"):
        fetched("cifar10", "nowhere", extra(classes=1))


def test_names_that_collide_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def meta(archive: Path, names: list[str]) -> Any:
        found = real(archive, names)
        if "batches.meta" in found:
            found["batches.meta"]["label_names"][2] = "cifar100/fine 0"
        return found

    real = cifar10._cifar.batches
    monkeypatch.setattr(cifar10._cifar, "batches", meta)
    with pytest.raises(UserError, match=r"^data\.extra: cifar10 has a class cifar100/fine 0 of its own"):
        fetched("cifar10", "cifar-10-python.tar.gz", extra(classes=1))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "cifar10"}, "data: extra.name cifar10 is the main set itself"),
        ({"name": "cifar1000"}, "data.extra.name='cifar1000': did you mean cifar100? known: cifar10, "),
        ({"classes": 0}, "data.extra.classes=0: must be greater than or equal to 1"),
        ({"classes": []}, "data.extra.classes=[]: must be a whole number, or have 1 or more of them"),
        ({"classes": ["apple", "apple"]}, "data.extra.classes=['apple', 'apple']: must not name a class twice"),
        ({"labels": "rough"}, "data.extra.labels='rough': must be 'fine' or 'coarse'"),
        ({"clases": 5}, "data.extra.clases: unknown key; did you mean classes?"),
    ],
)
def test_wrong_parameters_are_refused_before_any_work(changes: dict[str, Any], said: str) -> None:
    raw = copy.deepcopy(BASE)
    raw["data"]["extra"] = extra() | changes
    with pytest.raises(UserError) as caught:
        Params(raw)
    assert f"params.yaml: {said}" in str(caught.value)


def test_the_section_must_say_that_nothing_is_added() -> None:
    raw = copy.deepcopy(BASE)
    del raw["data"]["extra"]
    with pytest.raises(UserError, match=r"data\.extra: missing"):
        Params(raw)


def test_a_broken_download_of_the_other_set_is_kept_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files lie in a folder of their own, where the main set's cannot be taken for them."""
    rooms = []
    monkeypatch.setattr(_fetch, "fetch", lambda address, scratch, digest: rooms.append(scratch) or Path("x"))
    with pytest.raises(Exception, match="x"):
        fetched("cifar10", None, extra(source=None))
    assert rooms == [Path(".scratch/download/extra")]


def test_settings_refuse_the_set_itself() -> None:
    with pytest.raises(ValidationError, match="is the main set itself"):
        settings("cifar100", extra=extra())

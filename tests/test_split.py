import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stages import split
from stages.base.errors import UserError
from stages.project import layout, params
from stages.splitting.parts import Settings


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"seed": 0, "validation": 0.25, "classes": None, "imbalance": None} | changes)


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three classes of 8 images and 6 unknown ones, as download writes them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data" / "raw"
    labels = {"train": np.repeat([0, 1, 2, -1], [8, 8, 8, 6]), "test": np.repeat([0, 1, 2], 2)}
    for part, known in labels.items():
        (folder / part).mkdir(parents=True)
        images = np.random.default_rng(len(known)).integers(0, 256, (len(known), 8, 8, 3), dtype=np.uint8)
        np.save(folder / part / "images.npy", images)
        np.save(folder / part / "labels.npy", known)
        np.save(folder / part / "names.npy", np.array([f"{number}.png" for number in range(len(known))]))
    (folder / "description.json").write_text(json.dumps({"classes": ["ant", "bee", "cat"], "size": 8}))
    return folder


@pytest.fixture
def flat(raw: Path) -> Path:
    """The same images, of which nobody has labelled any."""
    np.save(raw / "train" / "labels.npy", np.full(30, -1))
    np.save(raw / "test" / "labels.npy", np.zeros(0, dtype=np.int64))
    (raw / "description.json").write_text(json.dumps({"classes": [], "size": 8}))
    return raw


def table(path: Path, *labels: str) -> Path:
    """Answers for the first images."""
    path.write_text("image,label\n" + "".join(f"{row}.png,{label}\n" for row, label in enumerate(labels)))
    return path


def test_the_files_and_their_description(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    parameters = SimpleNamespace(
        split=settings(classes=["cat", "ant"]),
        labels=SimpleNamespace(answers=None, audit=0),
        check_data=lambda *facts: asked.append(facts),
    )
    monkeypatch.setattr(params, "read", lambda: parameters)
    split.main()
    ((classes, labels),) = asked
    assert classes == ["cat", "ant"] and np.bincount(labels + 1).tolist() == [6, 6, 6]
    facts = layout.description()
    pool, validation, test = (layout.part(name) for name in ("pool", "validation", "test"))
    assert facts["classes"] == ["cat", "ant"]
    assert facts["size"] == 8
    assert facts["counts"] == {
        "pool": {"cat": 6, "ant": 6, "unknown": 6},
        "validation": {"cat": 2, "ant": 2, "unknown": 0},
        "test": {"cat": 2, "ant": 2, "unknown": 0},
    }
    assert set(pool.indices) | set(validation.indices) == {*range(8), *range(16, 30)}
    assert test.indices.tolist() == [0, 1, 4, 5]
    assert test.labels.tolist() == [1, 1, 0, 0]
    assert pool.labels.dtype == pool.indices.dtype == np.int64
    assert facts["mean"] == pytest.approx((pool.images() / 255).mean(axis=(0, 1, 2)))
    assert facts["std"] == pytest.approx((pool.images() / 255).std(axis=(0, 1, 2)))


def test_the_same_files_twice(raw: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        split.split(settings(), raw, tmp_path / name)
    for file in ("pool.npz", "validation.npz", "test.npz", "description.json"):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()


def test_nothing_labelled(flat: Path, tmp_path: Path) -> None:
    split.split(settings(), flat, tmp_path / "split")
    facts = json.loads((tmp_path / "split" / "description.json").read_text())
    assert facts["counts"] == {"pool": {"unknown": 30}, "validation": {"unknown": 0}, "test": {"unknown": 0}}


def test_a_refusal_leaves_nothing(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split\.classes=4"):
        split.split(settings(classes=4), raw, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_a_pool_of_one_image_is_refused(raw: Path, tmp_path: Path) -> None:
    np.save(raw / "train" / "labels.npy", np.repeat([0, 1, 2, -1], [1, 28, 1, 0]))
    with pytest.raises(UserError, match=r"^1 image is left for the pool; images are chosen among others and learnt by"):
        split.split(settings(validation=0, classes=["ant"]), raw, tmp_path / "split")
    assert not (tmp_path / "split").exists()


def test_raw_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"description\.json is missing"):
        split.split(settings(), tmp_path, tmp_path / "split")


def test_what_the_data_cannot_give_is_refused_before_anything_is_written(raw: Path, tmp_path: Path) -> None:
    def refuse(classes: list[str], labels: np.ndarray) -> None:
        raise UserError(f"{len(labels)} images of {len(classes)} classes")

    with pytest.raises(UserError, match="24 images of 3 classes"):
        split.split(settings(), raw, tmp_path / "split", refuse)
    assert not (tmp_path / "split").exists()


def test_a_list_of_classes_names_them_where_the_data_set_has_none(flat: Path, tmp_path: Path) -> None:
    split.split(settings(classes=["owl", "ant"]), flat, tmp_path / "split")
    facts = json.loads((tmp_path / "split" / "description.json").read_text())
    assert facts["counts"]["pool"] == {"owl": 0, "ant": 0, "unknown": 30}


def test_answers_are_labels_from_here_on(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = table(tmp_path / "labels.csv", "owl", "ant", "owl", "", "ant", "owl", "ant")
    split.split(settings(validation=0.3), flat, layout.SPLIT, answered=answers)
    printed = capsys.readouterr().out
    assert "labels.csv: labels of 6 images that had none" in printed
    assert "labels.csv: classes of the answers: ant 3, owl 3; list them in split.classes" in printed
    facts, pool, validation = layout.description(), layout.part("pool"), layout.part("validation")
    assert facts["classes"] == ["ant", "owl"]
    assert facts["counts"]["validation"] == {"ant": 1, "owl": 1, "unknown": 0}
    given = dict(zip([*pool.indices, *validation.indices], [*pool.labels, *validation.labels], strict=True))
    assert [given[row] for row in range(7)] == [1, 0, 1, -1, 0, 1, 0]
    assert all(given[row] == -1 for row in range(7, 30))


def test_answers_beside_labels_of_the_data_set(raw: Path, tmp_path: Path) -> None:
    answers = tmp_path / "labels.csv"
    answers.write_text("image,label\n0.png,ant\n24.png,cat\n29.png,Bee\n")
    split.split(settings(classes=["cat", "ant"], validation=0), raw, layout.SPLIT, answered=answers)
    pool = layout.part("pool")
    assert pool.indices.tolist() == [*range(8), *range(16, 29)]
    assert pool.labels.tolist() == [1] * 8 + [0] * 9 + [-1] * 4


def looked_at(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the pool's images that have a label, and of those that people left without."""
    found, pool = np.load(folder / "answered.npz"), np.load(folder / "pool.npz")["indices"]
    return tuple([f"{row}.png" for row in pool[found[name]]] for name in ("labelled", "skipped"))  # type: ignore[return-value]


def test_select_is_told_which_images_have_a_label(flat: Path, tmp_path: Path) -> None:
    whole = settings(validation=0)
    split.split(whole, flat, tmp_path / "split")
    assert looked_at(tmp_path / "split") == ([], [])
    answers = table(tmp_path / "labels.csv", "ant", "?", "bee", "bee", "")
    split.split(whole, flat, tmp_path / "split", answered=answers)
    assert looked_at(tmp_path / "split") == (["0.png", "2.png", "3.png"], ["1.png"])
    # an audited image is of no pool, whoever has labelled it
    every = table(tmp_path / "labels.csv", *["ant", "bee"] * 15)
    split.split(whole, flat, tmp_path / "split", answered=every, audited=6)
    assert len(looked_at(tmp_path / "split")[0]) == 24


def test_in_a_rehearsal_no_image_has_a_label(raw: Path, tmp_path: Path) -> None:
    whole = settings(validation=0)
    # six images are without
    split.split(whole, raw, tmp_path / "split")
    assert looked_at(tmp_path / "split")[0] == [f"{row}.png" for row in range(24)]
    np.save(raw / "train" / "labels.npy", np.repeat([0, 1, 2], 10))
    split.split(whole, raw, tmp_path / "split")
    assert looked_at(tmp_path / "split") == ([], [])


def test_a_refused_answer_leaves_nothing(flat: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("image,label\n99.png,owl\n")
    with pytest.raises(UserError, match=r"labels\.csv, line 2: no training image '99\.png'"):
        split.split(settings(), flat, layout.SPLIT, answered=tmp_path / "labels.csv")
    assert not layout.SPLIT.exists()


@pytest.mark.parametrize("of", ["flat", "raw"])
def test_answers_change_nothing_for_pretraining(of: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    source = request.getfixturevalue(of)
    seen = []
    for answers in (None, table(tmp_path / "labels.csv", *["ant"] * 4)):
        split.split(settings(validation=0), source, layout.SPLIT, answered=answers)
        seen.append(layout.SEEN.read_bytes())
    assert seen[0] == seen[1]
    found = layout.PretrainingPool.read(layout.SEEN)
    own = np.load(source / "train" / "labels.npy")
    assert found.indices.tolist() == list(range(30))
    assert found.labels.tolist() == own.tolist()
    assert found.classes == json.loads((source / "description.json").read_text())["classes"]
    facts = layout.description()
    assert (found.size, found.mean, found.std) == (8, facts["mean"], facts["std"])


@pytest.mark.parametrize("validation", [0, 0.3])
def test_what_an_audited_image_is_called_reaches_nothing_that_is_trained_on(
    flat: Path, tmp_path: Path, validation: float
) -> None:
    """No stage up to the trained weights reads audit.npz (dvc.yaml, tests/test_dvc_reads.py); nor do the other parts
    know of it."""
    rules = settings(validation=validation, classes=["owl", "ant"])
    split.split(rules, flat, layout.SPLIT, audited=5)
    judging = layout.part("audit").indices.tolist()
    other = {"owl": "ant", "ant": "owl"}
    written = []
    for flipped in (False, True):
        said = [("owl", "ant")[row % 2] for row in range(30)]
        answers = [other[label] if flipped and row in judging else label for row, label in enumerate(said)]
        split.split(rules, flat, layout.SPLIT, answered=table(tmp_path / "labels.csv", *answers), audited=5)
        files = ("pool", "validation", "test", "seen")
        written.append([(layout.SPLIT / f"{name}.npz").read_bytes() for name in files])
        audit = layout.part("audit")
        assert audit.indices.tolist() == judging
        assert [["owl", "ant"][label] for label in audit.labels] == [answers[row] for row in judging]
    assert written[0] == written[1]


def test_copies_are_counted_and_known(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split.split(settings(), raw, layout.SPLIT)
    assert "copies" not in capsys.readouterr().out
    assert layout.description()["copies"] == {"pool": 0, "validation": 0, "test": 0}
    pool, held = layout.part("pool"), layout.part("validation").indices
    images, tested = (np.load(raw / part / "images.npy") for part in ("train", "test"))
    images[pool.indices[[4, 9, 20]]] = images[pool.indices[2]]
    images[held[[0, 3]]] = images[pool.indices[7]]
    tested[1:4] = images[pool.indices[[7, 2, 2]]]
    tested[5] = tested[4]
    np.save(raw / "train" / "images.npy", images)
    np.save(raw / "test" / "images.npy", tested)
    split.split(settings(), raw, layout.SPLIT)
    expected = np.arange(len(pool.indices))
    expected[[4, 9, 20]] = 2
    assert layout.part("pool").first.tolist() == expected.tolist()
    assert layout.part("test").first.tolist() == [0, 1, 2, 2, 4, 4]
    assert layout.description()["copies"] == {"pool": 3, "validation": 2, "test": 3}
    said = (
        "3 images of the pool are copies of others there, which are labelled last; 2 validation and 3 test images are "
        "copies of some in the pool, so that accuracy on them is too good"
    )
    assert capsys.readouterr().out.splitlines()[-1] == f"data/split: {said}"


def test_what_was_left_without_a_label_is_counted(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    split.split(
        settings(validation=0), flat, layout.SPLIT, answered=table(tmp_path / "labels.csv", "owl", "?", "", "ant")
    )
    printed = capsys.readouterr().out
    assert "labels.csv: labels of 2 images that had none; 1 was left without, and stays unlabelled\n" in printed
    assert "labels.csv: 1 of 4 images have no label yet; ? marks what nobody can tell\n" in printed


@pytest.mark.parametrize("content", ["image,label\n", "image,label\n0.png,\n1.png,\n"])
def test_a_table_that_nobody_filled_in_is_refused(content: str, flat: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(
        UserError, match=r"^labels\.file=.*labels\.csv: no label in it; fill in the column label, or set"
    ):
        split.split(settings(), flat, layout.SPLIT, answered=tmp_path / "labels.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"^labels\.file=.*empty: no label in it; fill in"):
        split.split(settings(), flat, layout.SPLIT, answered=tmp_path / "empty")
    (tmp_path / "empty" / "labels.txt").touch()
    with pytest.raises(
        UserError, match=r"empty: no label in it \(passed over labels\.txt; answers are \.csv, .*\); fill"
    ):
        split.split(settings(), flat, layout.SPLIT, answered=tmp_path / "empty")
    assert not layout.SPLIT.exists()


def test_several_people_are_heard_and_what_they_differ_about_is_kept(
    flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["0.png,cat,eva", "0.png,dog,max", "1.png,cat,eva", "1.png,cat,max", "2.png,dog,eva", "3.png,dog,max"]
    (tmp_path / "labels.csv").write_text("\n".join(["image,label,annotator", *lines]) + "\n")
    split.split(settings(validation=0), flat, tmp_path / "split", answered=tmp_path / "labels.csv")
    printed = capsys.readouterr().out
    assert "labels.csv: people differ on 1 of 2 images that several answered, 1 of them in equal numbers" in printed
    assert "labels of 3 images that had none" in printed
    assert (tmp_path / "split" / "votes.csv").read_text().splitlines() == [
        "row,image,annotator,label,again,counts,was",
        *("0,0.png,eva,cat,0,,cat", "0,0.png,max,dog,0,,cat", "1,1.png,eva,cat,0,cat,", "1,1.png,max,cat,0,cat,"),
    ]


def test_a_budget_above_the_answers_is_said(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    short = (
        "labels.budget=5: with the answers of labels.csv 2 images of the pool have a label, and all of these are told"
    )
    answered = table(tmp_path / "labels.csv", "owl", "ant")
    for line in (short, None):
        split.split(settings(validation=0), flat, layout.SPLIT, lambda *_, line=line: line, answered)
        assert (short in capsys.readouterr().out.splitlines()) is (line is not None)


def test_a_class_that_judges_alone_is_named(flat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split.split(settings(validation=0), flat, layout.SPLIT, audited=5)
    judging = layout.part("audit").indices.tolist()
    for rare, said in ((judging[:2], True), ([judging[0], 0 if 0 not in judging else 1], False)):
        answers = ["owl" if row in rare else ("ant", "bee")[row % 2] for row in range(30)]
        answered = table(tmp_path / "labels.csv", *answers)
        split.split(settings(validation=0), flat, layout.SPLIT, answered=answered, audited=5)
        line = (
            "data/split: labels of owl are in the audit alone, which trains no model: none can learn that; label more"
        )
        assert (line in capsys.readouterr().out) is said


def test_what_lies_in_val_is_the_validation_part(raw: Path, tmp_path: Path) -> None:
    np.save(raw / "train" / "validation.npy", np.array([3, 11, 20]))
    split.split(settings(validation=0), raw, layout.SPLIT)
    held = layout.part("validation")
    assert held.indices.tolist() == [3, 11, 20] and held.labels.tolist() == [0, 1, 2]
    assert not {3, 11, 20} & set(layout.part("pool").indices.tolist())
    with pytest.raises(UserError, match=r"^split\.validation=0\.25: the data holds 3 images in val, .*; set it to 0"):
        split.split(settings(), raw, tmp_path / "other")

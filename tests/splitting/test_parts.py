import unicodedata
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from stages.base.errors import UserError
from stages.splitting.parts import Settings, Split, audit_order, mean_and_std, split

CLASSES = ["ant", "bee", "cat", "dog", "eel"]
TRAIN = np.random.default_rng(0).permutation(np.repeat([-1, 0, 1, 2, 3, 4], [30, 40, 60, 80, 100, 20]))
TEST = np.repeat([0, 1, 2, 3, 4], 10)


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"seed": 0, "validation": 0.1, "classes": None, "imbalance": None} | changes)


def done(train: np.ndarray = TRAIN, classes: list[str] = CLASSES, **changes: Any) -> Split:
    return split(train, TEST if classes else np.zeros(0, dtype=np.int64), classes, settings(**changes))


def counts(labels: np.ndarray) -> dict[int, int]:
    return {int(label): int(count) for label, count in zip(*np.unique(labels, return_counts=True), strict=True)}


def test_pool_and_validation_share_each_class_and_hold_all_images_once() -> None:
    result = done()
    assert counts(result.pool.labels) == {-1: 30, 0: 36, 1: 54, 2: 72, 3: 90, 4: 18}
    assert counts(result.validation.labels) == {0: 4, 1: 6, 2: 8, 3: 10, 4: 2}
    assert sorted([*result.pool.indices, *result.validation.indices]) == list(range(len(TRAIN)))
    assert np.array_equal(result.test.indices, np.arange(50))
    for rows in (result.pool, result.validation):
        assert (np.diff(rows.indices) > 0).all()
        assert np.array_equal(TRAIN[rows.indices], rows.labels)


def test_seeds_differ_and_repeat() -> None:
    assert np.array_equal(done().validation.indices, done().validation.indices)
    assert not np.array_equal(done().validation.indices, done(seed=1).validation.indices)


def test_no_validation() -> None:
    result = done(validation=0)
    assert not len(result.validation.indices)
    assert len(result.pool.indices) == len(TRAIN)


def test_images_that_the_data_set_holds_out_are_the_validation_part() -> None:
    """They are in no other part, whatever is audited, and of classes that are kept; none is drawn beside them."""
    fixed = np.flatnonzero(TRAIN >= 0)[::7]
    order = np.random.default_rng(1).permutation(len(TRAIN))
    result = split(TRAIN, TEST, CLASSES, settings(validation=0), 50, order, fixed)
    assert np.array_equal(result.validation.indices, fixed)
    assert np.array_equal(result.validation.labels, TRAIN[fixed])
    assert len(result.audit.indices) == 50
    everything = [*result.pool.indices, *result.audit.indices, *fixed]
    assert sorted(everything) == list(range(len(TRAIN)))
    assert not set(result.seen().indices) & set(fixed)
    two = split(TRAIN, TEST, CLASSES, settings(validation=0, classes=["dog", "ant"]), fixed=fixed)
    assert np.array_equal(two.validation.indices, fixed[np.isin(TRAIN[fixed], [0, 3])])
    with pytest.raises(UserError) as refused:
        split(TRAIN, TEST, CLASSES, settings(), fixed=fixed)
    said = f"the data holds {len(fixed)} images in val, which are for validation; set it to 0, or take val away"
    assert str(refused.value) == f"split.validation=0.1: {said}"
    # of a class that val alone has nothing can be learnt
    with pytest.raises(UserError, match="class eel has 0 training images"):
        split(np.array([0, 1, 2, 3, 4] * 2), TEST, CLASSES, settings(validation=0), fixed=np.array([4, 9]))


@pytest.mark.parametrize(
    ("wanted", "kept"), [(2, ["ant", "bee"]), (["dog", "bee"], ["dog", "bee"]), (5, CLASSES), (None, CLASSES)]
)
def test_classes_are_kept_by_number_or_name_and_renumbered(wanted: Any, kept: list[str]) -> None:
    result = split(TRAIN, TEST, CLASSES, settings(classes=wanted))
    assert result.classes == kept
    for labels, rows in ((TRAIN, result.pool), (TRAIN, result.validation), (TEST, result.test)):
        for row, label in zip(rows.indices, rows.labels, strict=True):
            assert (labels[row] == -1 and label == -1) or CLASSES[labels[row]] == kept[label]
    assert counts(result.pool.labels)[-1] == 30
    assert counts(result.test.labels) == dict.fromkeys(range(len(kept)), 10)


def test_fewer_classes_keep_the_same_validation_images_of_those_kept() -> None:
    full = done().validation
    few = split(TRAIN, TEST, CLASSES, settings(classes=["dog", "bee"])).validation
    assert np.array_equal(few.indices, full.indices[np.isin(full.labels, [1, 3])])


@pytest.mark.parametrize(
    ("imbalance", "left"),
    [
        ({"share": 0.1, "classes": "half"}, [4, 6, 80, 100, 20]),
        ({"share": 0.5, "classes": ["dog", "eel"]}, [40, 60, 80, 50, 10]),
        ({"ant": 0.25, "cat": 1.0, "dog": 0.033}, [10, 60, 80, 3, 20]),
    ],
)
def test_imbalance_thins_pool_and_validation_and_leaves_test_alone(imbalance: Any, left: list[int]) -> None:
    result = done(imbalance=imbalance)
    labels = np.concatenate([result.pool.labels, result.validation.labels])
    assert counts(labels) == {-1: 30, **dict(enumerate(left))}
    assert len(result.test.indices) == 50
    assert min(counts(result.validation.labels).values()) >= 1


def test_half_is_half_of_the_classes_that_are_kept() -> None:
    imbalance = {"share": 0.1, "classes": "half"}
    result = split(TRAIN, TEST, CLASSES, settings(classes=["dog", "cat"], imbalance=imbalance, validation=0))
    assert counts(result.pool.labels) == {-1: 30, 0: 10, 1: 80}


def test_a_smaller_share_keeps_a_subset() -> None:
    more, less = (set(done(imbalance={"dog": share}, validation=0).pool.indices) for share in (0.5, 0.2))
    assert less < more


def test_nothing_labelled() -> None:
    result = done(np.full(7, -1), [])
    assert result.pool.labels.tolist() == [-1] * 7
    assert not len(result.validation.indices)
    assert not len(result.test.indices)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["bee", "dgo"]}, r"split\.classes: no class dgo is kept; did you mean dog\?"),
        ({"classes": 6}, r"split\.classes=6: the data has 5 classes"),
        ({"imbalance": {"share": 0.1, "classes": ["bea"]}}, r"split\.imbalance: no class bea .* did you mean bee\?"),
        ({"imbalance": {"owl": 0.1}}, r"split\.imbalance: no class owl"),
        ({"imbalance": {"dog": 0.1}, "classes": 2}, r"split\.imbalance: no class dog"),
        (
            {"imbalance": {"eel": 0.05}},
            r"class eel has 1 training image of 20 after split\.imbalance; .*; keep a larger share of it, set ",
        ),
        (
            {"imbalance": {"eel": 0.01}},
            r"class eel has 0 .* of 20 after split\.imbalance; .*; keep a larger share of it, or name the others",
        ),
        ({"validation": 0.98}, r"split\.validation=0\.98 would take all 20 images of class eel"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        split(TRAIN, TEST, CLASSES, settings(**changes))


def test_without_validation_one_image_of_a_class_is_enough() -> None:
    result = split(np.array([0, 0, 1, -1]), TEST[:20], CLASSES[:2], settings(validation=0))
    assert result.pool.labels.tolist() == [0, 0, 1, -1]


def test_among_unknown_images_a_class_may_be_known_of_none() -> None:
    result = split(np.array([0, 0, 0, -1]), TEST[:20], CLASSES[:2], settings(validation=0.4))
    assert counts(result.pool.labels) == {-1: 1, 0: 2}
    assert counts(result.test.labels) == {0: 10, 1: 10}


def test_a_class_of_no_image_is_refused_where_every_image_is_known() -> None:
    with pytest.raises(UserError, match="class bee has 0 training images; each class needs at least 1"):
        split(np.array([0, 0]), TEST[:20], CLASSES[:2], settings(validation=0))


def test_a_class_of_one_image_is_refused() -> None:
    with pytest.raises(
        UserError,
        match=r"bee has 1 training image; .* at least 2; label more of it, set split.validation=0, or name the oth",
    ):
        split(np.array([0, 0, 1, 0]), TEST, ["ant", "bee", *CLASSES[2:]], settings(classes=2))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"validation": 1.0}, "validation"),
        ({"validation": -0.1}, "validation"),
        ({"classes": 0}, "classes"),
        ({"classes": True}, "classes"),
        ({"classes": []}, "classes"),
        ({"classes": ["dog", "dog"]}, "classes"),
        ({"classes": "dog"}, "classes"),
        ({"imbalance": {"share": 0.0, "classes": "half"}}, "share"),
        ({"imbalance": {"share": 0.5}}, "classes"),
        ({"imbalance": {"share": 0.5, "classes": "halves"}}, "classes"),
        ({"imbalance": {"dog": 1.5}}, "dog"),
        ({"imbalance": 0.1}, "imbalance"),
        ({"more": 1}, "more"),
    ],
)
def test_wrong_values_are_refused_at_their_key(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**changes)
    assert place in caught.value.errors()[0]["loc"]


@pytest.mark.parametrize("block", [1, 2000, 1 << 26])
def test_mean_and_std_against_numpy(block: int) -> None:
    images = np.random.default_rng(1).integers(0, 256, (50, 9, 9, 3), dtype=np.uint8)
    images[..., 1] //= 3
    chosen = np.arange(3, 50, 2)
    mean, std = mean_and_std(images, chosen, block)
    assert mean == pytest.approx((images[chosen] / 255).mean(axis=(0, 1, 2)))
    assert std == pytest.approx((images[chosen] / 255).std(axis=(0, 1, 2)))
    assert (mean, std) == mean_and_std(images, chosen, 500)


def test_one_colour_does_not_divide_by_zero() -> None:
    assert mean_and_std(np.full((4, 8, 8, 3), 255, dtype=np.uint8), np.arange(4)) == ([1.0] * 3, [1 / 255] * 3)


def test_classes_are_named_in_either_form_of_their_letters() -> None:
    one, two = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    assert settings(classes=[two, "a"]).classes == [one, "a"]
    assert settings(imbalance={two: 0.5}).imbalance == {one: 0.5}
    assert settings(imbalance={"share": 0.5, "classes": [two]}).imbalance.classes == [one]  # type: ignore[union-attr]
    for twice in ({"classes": [one, two]}, {"imbalance": {one: 0.5, two: 0.1}}):
        with pytest.raises(ValidationError):
            settings(**twice)


NAMES = [f"{number}.png" for number in range(len(TRAIN))]
NO_TEST = np.empty(0, np.int64)


def audited(labels: np.ndarray, count: int, seed: int = 0, names: list[str] = NAMES, **changes: Any) -> Split:
    return split(labels, NO_TEST, CLASSES, settings(**changes), count, audit_order(names, seed))


def test_an_audit_is_drawn_uniformly_and_a_larger_one_holds_the_smaller() -> None:
    parts = audited(TRAIN, 20)
    assert len(parts.audit.indices) == 20 and np.array_equal(parts.audit.labels, TRAIN[parts.audit.indices])
    every = [*parts.pool.indices, *parts.audit.indices, *parts.validation.indices]
    assert sorted(every) == list(range(len(TRAIN)))
    assert sorted(parts.seen().indices) == sorted([*parts.pool.indices, *parts.audit.indices])
    assert np.array_equal(parts.seen().labels, TRAIN[parts.seen().indices])
    assert set(parts.audit.indices) < set(audited(TRAIN, 40).audit.indices)
    assert set(parts.audit.indices) != set(audited(TRAIN, 20, 1).audit.indices)
    counts = np.bincount(np.concatenate([audit_order(NAMES[:100], seed)[:20] for seed in range(500)]), minlength=100)
    # each of 100 with a chance of a fifth: 100 times of 500, within five standard deviations
    assert counts.min() > 55 and counts.max() < 145


@pytest.mark.parametrize("validation", [0, 0.2])
def test_no_answer_moves_an_image_out_of_the_audit_or_into_it(validation: float) -> None:
    """One that leaves it may be learnt from; one that comes in may have been chosen to learn from."""
    before = audited(np.full(len(TRAIN), -1), 60, validation=validation)
    asked = before.pool.indices[:100]
    answered = np.full(len(TRAIN), -1)
    for rows in (asked, before.audit.indices):
        answered[rows] = TRAIN[rows]
    after = audited(answered, 60, validation=validation)
    assert np.array_equal(before.audit.indices, after.audit.indices)
    assert np.array_equal(before.seen().indices, np.setdiff1d(np.arange(len(TRAIN)), before.validation.indices))
    assert len(after.validation.indices) >= 100 * validation * 0.5
    # validation is drawn from what was asked for training, and what it leaves is not of the audit
    assert set(after.validation.indices) <= set(asked)


def test_of_images_that_come_later_no_more_than_their_share_is_audited() -> None:
    names = [*(f"0-{number}.png" for number in range(50)), *NAMES]
    before = audited(np.full(len(NAMES), -1), 60).audit.indices + 50
    after = audited(np.full(len(names), -1), 60, names=names).audit.indices
    new = int((after < 50).sum())
    assert 0 < new < 25 and len(set(before) & set(after)) == 60 - new


def test_a_class_whose_only_labels_judge_is_not_refused_and_one_label_is_not_held_out() -> None:
    one = int(audit_order(NAMES, 0)[0])
    labels = np.where(np.arange(len(TRAIN)) == one, 4, np.where(TRAIN < 4, TRAIN, -1))
    parts = audited(labels, 20, validation=0.2)
    assert one in parts.audit.indices and 4 not in parts.pool.labels and 4 not in parts.validation.labels


def test_no_audit_leaves_the_split_as_it_is_and_too_large_a_one_is_refused() -> None:
    plain, none = split(TRAIN, NO_TEST, CLASSES, settings()), audited(TRAIN, 0)
    assert not len(none.audit.indices) and np.array_equal(none.pool.indices, plain.pool.indices)
    few, names = np.full(5, -1), list("abcde")
    assert len(audited(few, 3, names=names).pool.indices) == 2
    with pytest.raises(UserError, match=r"labels.audit=4: the pool has 5 images, of which two or more must stay"):
        audited(few, 4, names=names)

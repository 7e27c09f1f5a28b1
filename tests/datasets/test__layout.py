import pytest

from stages.base.errors import UserError
from stages.datasets._layout import layout

TRAIN = ["train/cat/1.jpg", "train/dog/1.jpg", "train/cat/2.jpg", "train/dog/deep/2.jpg"]
TEST = ["test/cat/1.jpg", "test/dog/1.jpg"]
VAL = ["val/dog/1.jpg", "val/cat/1.jpg"]


def test_train_and_test() -> None:
    found = layout(TRAIN + TEST, ["train", "test", "train/cat"])
    assert found.classes == ["cat", "dog"]
    assert found.train == [
        ("train/cat/1.jpg", 0),
        ("train/cat/2.jpg", 0),
        ("train/dog/1.jpg", 1),
        ("train/dog/deep/2.jpg", 1),
    ]
    assert found.test == [("test/cat/1.jpg", 0), ("test/dog/1.jpg", 1)]


@pytest.mark.parametrize("top", ["", "photos/"])
def test_val_is_for_validation_beside_train_or_test(top: str) -> None:
    held = [(f"{top}val/cat/1.jpg", 0), (f"{top}val/dog/1.jpg", 1)]
    for files in (TRAIN + TEST, TRAIN, [*TRAIN, "unlabelled/1.jpg"], [*TEST, "1.jpg"], [*TEST, "unlabelled/1.jpg"]):
        without = layout([top + name for name in files], [])
        found = layout([top + name for name in files + VAL], [f"{top}val"])
        assert without.validation == [] and found.validation == held
        assert (found.train, found.test, found.classes) == (without.train, without.test, ["cat", "dog"])


def test_elsewhere_val_is_a_class_or_a_folder_that_means_nothing() -> None:
    found = layout(["cat/1.jpg", "val/1.jpg"], [])
    assert (found.classes, found.validation) == (["cat", "val"], [])
    assert layout(VAL, []).classes == ["cat", "dog"]


@pytest.mark.parametrize("top", ["", "photos/", "photos/2024/"])
def test_folders_that_hold_all_others_mean_nothing(top: str) -> None:
    files = [top + name for name in TRAIN + TEST]
    found = layout(files, [])
    assert found.classes == ["cat", "dog"]
    assert [name for name, _ in found.train] == sorted(top + name for name in TRAIN)


def test_one_folder_of_classes_has_no_test_part() -> None:
    for files in (["cat/1.jpg", "dog/1.jpg"], ["a/cat/1.jpg", "a/dog/1.jpg"], ["train/cat/1.jpg", "train/dog/1.jpg"]):
        found = layout(files, [])
        assert found.test is None
        assert found.classes == ["cat", "dog"]
        assert [label for _, label in found.train] == [0, 1]


@pytest.mark.parametrize("name", ["unlabelled", "unlabeled"])
def test_unlabelled_images_join_train(name: str) -> None:
    more = [f"{name}/1.jpg", f"{name}/x/2.jpg"]
    for files in (TRAIN + TEST, ["cat/1.jpg", "dog/1.jpg"]):
        found = layout(files + more, [name])
        assert found.classes == ["cat", "dog"]
        assert [row for row in found.train if row[1] < 0] == [(path, -1) for path in more]
        assert found.test == layout(files, []).test


@pytest.mark.parametrize("start", ["", "photos/", "unlabelled/", "photos/unlabelled/", "train/"])
def test_images_in_no_class(start: str) -> None:
    if start == "train/":
        with pytest.raises(UserError, match=r"train/1\.jpg is in no class"):
            layout([f"{start}1.jpg"], [])
        return
    found = layout([f"{start}1.jpg", f"{start}2.JPG"], [])
    assert (found.classes, found.test) == ([], None)
    assert found.train == [(f"{start}1.jpg", -1), (f"{start}2.JPG", -1)]


@pytest.mark.parametrize("top", ["", "photos/"])
@pytest.mark.parametrize("start", ["", "unlabelled/", "unlabelled/deep/"])
def test_a_labelled_test_part_beside_images_that_nobody_has_labelled(start: str, top: str) -> None:
    images = [f"{top}{start}1.jpg", f"{top}{start}2.jpg"]
    found = layout([*images, *(top + name for name in TEST)], [f"{top}test", f"{top}test/cat"])
    assert found.classes == ["cat", "dog"]
    assert found.train == [(name, -1) for name in images]
    assert found.test == [(f"{top}test/cat/1.jpg", 0), (f"{top}test/dog/1.jpg", 1)]


@pytest.mark.parametrize(
    ("files", "folders", "words"),
    [
        ([], [], "holds no image"),
        ([], ["cat"], "holds no image"),
        ([*TRAIN, *TEST, "train/zebra/1.jpg"], [], "class zebra is in train and not in test"),
        ([*TRAIN, *TEST, "test/zebra/1.jpg"], [], "class zebra is in test and not in train"),
        (TRAIN + TEST, ["train/zebra"], "train/zebra holds no image"),
        (TRAIN + TEST, ["test/zebra"], "test/zebra holds no image"),
        (TRAIN, ["test"], "test holds no image"),
        (["cat/1.jpg"], ["cat", "dog"], "dog holds no image"),
        (["p/cat/1.jpg", "p/owl/1.jpg"], ["p", "p/cat", "p/dog"], "p/dog holds no image"),
        (TEST, [], "test has no train beside it; name the folder of training images train or, if nobody has labelled"),
        (TEST, ["unlabelled"], "test has no train beside it"),
        ([*TEST, "1.jpg", "shots/2.jpg"], [], "shots stands beside train and test; .* labelled its images?"),
        ([*TRAIN, *TEST, "valid/cat/1.jpg"], [], "valid stands beside train and test; .* for validation. name it val"),
        ([*TRAIN, *TEST, "val/cat/1.jpg"], [], "class dog is in train and not in val; both need the same classes"),
        ([*TEST, "1.jpg", "val/cat/1.jpg"], [], "class dog is in test and not in val; both need the same classes"),
        ([*TRAIN, *VAL, "val/owl/1.jpg"], [], "class owl is in val and not in train; both need the same classes"),
        ([*TRAIN, *TEST, *VAL, "val/3.jpg"], [], r"val/3\.jpg is in no class"),
        (TRAIN + TEST, ["val"], "val holds no image"),
        (["Train/cat/1.jpg", "Test/cat/1.jpg", "Val/cat/1.jpg"], [], "Test must be written test"),
        ([*TRAIN, *TEST, "train/3.jpg"], [], r"train/3\.jpg is in no class"),
        ([*TRAIN, *TEST, "3.jpg"], [], r"3\.jpg is in no class"),
        (["cat/1.jpg", "dog/1.jpg", "3.jpg"], [], r"3\.jpg is in no class"),
        (["cat/1.jpg", "unknown/1.jpg"], [], "can't be named unknown"),
        (["cat/1.jpg", "Unlabelled/1.jpg"], [], "can't be named Unlabelled: put such images into unlabelled"),
        (["train/cat/1.jpg", "train/unlabelled/1.jpg"], [], "can't be named unlabelled"),
        (["Train/cat/1.jpg", "Test/cat/1.jpg"], [], "Test must be written test"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(files: list[str], folders: list[str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        layout(files, folders)

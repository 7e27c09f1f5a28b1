"""From paths to classes: how a folder of images is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import permutations

from stages.base.errors import UserError
from stages.base.names import composed

_UNLABELLED = {"unlabelled", "unlabeled"}

Path = tuple[str, ...]  # the parts of a path


@dataclass(frozen=True)
class Layout:
    """(path, label) of each image, sorted by path, -1 for unknown; `test` is None if there is no such part;
    `validation`: those that the source itself holds out; `notes`: a line on whatever one may want to know."""

    train: list[tuple[str, int]]
    test: list[tuple[str, int]] | None
    classes: list[str]
    notes: list[str] = field(default_factory=list)
    validation: list[tuple[str, int]] = field(default_factory=list)


def layout(files: Iterable[str], folders: Iterable[str]) -> Layout:
    """Reads the paths of a source's pictures and folders, with `/` between their parts, as one of

    - train/<class>/* and test/<class>/*, or train/<class>/* alone,
    - <class>/*: a folder for each of two classes or more,
    - images in no class's folder: all unknown, perhaps with test/<class>/* beside, which then names the classes;

    perhaps below further folders that hold nothing else, and with unlabelled/* beside, and val/<class>/* beside train
    or test. Deeper files belong to
    the class above them. Classes are in alphabetical order, their letters with accents composed; folders whose names
    only differ in that are one class. Raises UserError, which names the file or folder.
    """
    all_files = sorted(tuple(file.split("/")) for file in files)
    all_folders = {tuple(folder.split("/")) for folder in folders}
    top = _top(all_files, all_folders)
    inner = [path[len(top) :] for path in all_files if path[: len(top)] == top]
    if not inner:
        raise UserError("it holds no image; give train/<class>/*, <class>/*, or a folder of images")

    def shown(path: Path) -> str:
        return "/".join((*top, *path))

    unknown = [path for path in inner if path[0] in _UNLABELLED]
    heads = {path[0] for path in inner if len(path) > 1} - _UNLABELLED
    if not heads:
        return Layout([(shown(path), -1) for path in inner], None, [])
    parts = heads & {"train", "test"}
    only_test = parts == {"test"}  # it names the classes, and all other images are unknown
    if parts:  # elsewhere val may be a class
        parts |= heads & {"val"}
    cased = sorted(heads - parts)
    if cased and all(head.lower() in ("train", "val", "test") for head in heads):
        raise UserError(f"{shown((cased[0],))} must be written {cased[0].lower()}")
    depth = 1 if parts else 0  # where the class stands in a path
    groups: dict[str, dict[str, list[Path]]] = {part: {} for part in parts or {""}}
    for path in inner:
        if path[0] in _UNLABELLED:
            continue
        if only_test and len(path) == 1:
            unknown.append(path)
            continue
        if parts and len(path) > 1 and path[0] not in parts:
            raise UserError(
                f"{shown(path[:1])} stands beside train and test; only val and unlabelled may; is it a class? put it "
                "into train; is it for validation? name it val; has nobody labelled its images? name it unlabelled"
            )
        if len(path) < depth + 2:
            raise UserError(f"{shown(path)} is in no class; put it into a class's folder or into unlabelled")
        groups[path[0] if parts else ""].setdefault(composed(path[depth]), []).append(path)
    _none_empty({folder[len(top) :] for folder in all_folders if folder[: len(top)] == top}, inner, depth, top)
    if only_test and not unknown:
        missing = "name the folder of training images train or, if nobody has labelled them, unlabelled"
        raise UserError(f"{shown(('test',))} has no train beside it; {missing}")
    _same_classes(groups)
    of_train = "train" if parts else ""
    classes = sorted(groups["test" if only_test else of_train])
    for name in (name for name in classes if name.casefold() in {"unknown", *_UNLABELLED}):
        raise UserError(f"a class can't be named {name}: put such images into unlabelled, beside the parts or classes")

    def labelled(part: str) -> list[tuple[str, int]]:
        return [(shown(path), label) for label, name in enumerate(classes) for path in groups[part][name]]

    train = ([] if only_test else labelled(of_train)) + [(shown(path), -1) for path in unknown]
    notes = [
        f"class {name} lies in {len(forms)} folders, whose names differ in Unicode's form of a letter alone"
        for group in groups.values()
        for name, paths in group.items()
        if len(forms := {path[depth] for path in paths}) > 1
    ]
    test, validation = (sorted(labelled(part)) if part in parts else None for part in ("test", "val"))
    return Layout(sorted(train), test, classes, notes, validation or [])


def _top(files: list[Path], folders: set[Path]) -> Path:
    """The folders that hold all others, such as `photos` where all is below photos/; they mean no class."""
    top: Path = ()
    while True:
        depth = len(top)
        below = [path for path in files if path[:depth] == top]
        heads = {path[depth] for path in below if len(path) > depth + 1}
        heads |= {path[depth] for path in folders if path[:depth] == top and len(path) > depth}
        loose = any(len(path) == depth + 1 for path in below)
        if loose or len(heads) != 1 or heads & {"train", "test", *_UNLABELLED}:
            return top
        top = (*top, *heads)


def _none_empty(folders: set[Path], files: list[Path], depth: int, top: Path) -> None:
    filled = {path[:length] for path in files for length in (1, 2)}
    for folder in sorted(folders):
        if 0 < len(folder) <= depth + 1 and folder[0] not in _UNLABELLED and folder not in filled:
            raise UserError(f"{'/'.join((*top, *folder))} holds no image; fill it or take it out")


def _same_classes(groups: dict[str, dict[str, list[Path]]]) -> None:
    for here, there in permutations(("train", "test", "val"), 2):
        alone = sorted(groups.get(here, {}).keys() - groups.get(there, groups.get(here, {})).keys())
        if alone:
            raise UserError(f"class {alone[0]} is in {here} and not in {there}; both need the same classes")

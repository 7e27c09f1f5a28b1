"""The labelled set: which images have a class, by whom, and where each lies in folders by class."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from stages.base.names import existing
from stages.calibration.verdict import ACCEPT
from stages.reporting.predictions import write as write_table

if TYPE_CHECKING:
    import pandas

# labels of people that models may be told, those that judge models, and guesses that are taken without a look
LABELLED, AUDIT, ACCEPTED = "labelled", "audit", "accepted"
PARTS = (LABELLED, AUDIT, ACCEPTED)
PEOPLE, MODEL = "people", "model"
IMAGES = "images"
_LONGEST = 60  # characters of a name: below 255 bytes in any script, with a number and an ending


def table(predictions: pandas.DataFrame, audited: np.ndarray, *, drawn: bool) -> pandas.DataFrame:
    """Of what `predict` says of n images, the rows that have a class.

    `file_name`: below the folder that is handed over; `image`: its name in the data; `label`; `by`: people or model;
    `part`: labelled, audit or accepted; `probability`: of the model's alone. audited: bool [n]; drawn: whether the data
    are no files, so that all images become PNG.
    """
    told = (predictions["label"] != "").to_numpy()
    accepted = (predictions["verdict"] == ACCEPT).to_numpy() & ~told
    part = np.where(told, np.where(audited, AUDIT, LABELLED), ACCEPTED)
    found = predictions.assign(part=part)[told | accepted].reset_index(drop=True)
    people = found["part"] != ACCEPTED
    found["label"] = found["label"].where(people, found["guess"])
    found["by"] = np.where(people, PEOPLE, MODEL)
    found["probability"] = found["probability"].where(~people)
    found["file_name"] = _places(found["image"], found["part"], found["label"].tolist(), drawn)
    return found[["file_name", "image", "label", "by", "part", "probability"]]


def folders(classes: Iterable[str]) -> dict[str, str]:
    """A folder's name for each class: the class itself, where every system takes it and no reader of folders passes it
    over, as they do with hidden ones and those that begin with two underscores."""
    taken: set[str] = set()
    return {name: _free(_safe(name), taken) for name in classes}


def write(
    room: Path,
    found: pandas.DataFrame,
    packed: Mapping[str, np.ndarray],
    files: Iterable[tuple[str, bytes | None]],
    linked: Path | None,
) -> tuple[pandas.DataFrame, list[str]]:
    """Writes each image of `table` to its place in `room`: its file, as `files` yields it by its name in the data;
    where that is not to be had, what was packed of it, uint8 [S, S, 3], as PNG. linked: null, or the folder of the
    data, to whose files links are made. Gives the table as it is then, and the names of those that were drawn."""
    places = {image: room / name for image, name in zip(found["image"], found["file_name"], strict=True)}
    for folder in {place.parent for place in places.values()}:
        folder.mkdir(parents=True, exist_ok=True)
    left = dict.fromkeys(places)
    for image, data in files:
        if data is None:
            continue
        if linked:
            places[image].symlink_to(existing(linked / image).resolve())
        else:
            places[image].write_bytes(data)
        del left[image]
    for image in left:
        Image.fromarray(packed[image]).save(places[image].with_suffix(".png"))
    names = [
        PurePosixPath(name).with_suffix(".png").as_posix() if image in left else name
        for image, name in zip(found["image"], found["file_name"], strict=True)
    ]
    return found.assign(file_name=names), list(left)


def write_tables(room: Path, found: pandas.DataFrame) -> None:
    """The table as labels.parquet, and as labels.csv for people."""
    for name in ("labels.parquet", "labels.csv"):
        write_table(found, room / name)


def counts(found: pandas.DataFrame) -> dict[str, int]:
    """How many images each part has, of those that have any."""
    seen = found["part"].value_counts()
    return {part: int(seen[part]) for part in PARTS if part in seen}


def _places(images: Iterable[str], parts: Iterable[str], classes: Sequence[str], drawn: bool) -> list[str]:
    """No two of one folder differ in their ending alone, as it may change."""
    names, taken = folders(sorted(set(classes))), defaultdict[str, set[str]](set)
    found = []
    for image, part, name in zip(images, parts, classes, strict=True):
        folder, path = f"{IMAGES}/{part}/{names[name]}", PurePosixPath(image)
        found.append(f"{folder}/{_free(_safe(path.stem), taken[folder])}{'.png' if drawn else path.suffix}")
    return found


def _safe(name: str) -> str:
    """What every system takes for a file's or folder's name."""
    found = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).rstrip(". ")[:_LONGEST]
    found = re.sub(r"^[._\s]+", "", found)
    return found or "_unnamed"


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number where one that differs in capitals alone has it."""
    found, number = name, 1
    while found.casefold() in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found.casefold())
    return found

"""The labelled set: whose labels are in it, under which names, and what is written where a file is not to be had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from stages.delivery import labelled


def predictions(**changes: object) -> pd.DataFrame:
    """Of six images two are labelled, one audited, one accepted, one to review, one to ask about."""
    return pd.DataFrame(
        {
            "image": ["a/1.jpg", "b/1.JPG", "a/1.png", "2.jpg", "3.jpg", "4.jpg"],
            "label": ["cat", "cat", "dog", "", "", ""],
            "guess": ["dog", "cat", "dog", "cat", "dog", "dog"],
            "probability": [0.9, 0.8, 0.7, 0.99, 0.6, 0.3],
            "verdict": ["labelled", "labelled", "labelled", "accept", "review", "ask"],
        }
        | changes
    )


AUDITED = np.array([False, False, True, False, False, False])


def test_people_come_before_the_model_and_unsure_guesses_stay_out() -> None:
    found = labelled.table(predictions(), AUDITED, drawn=False)
    assert found.drop(columns=["file_name", "probability"]).to_numpy().tolist() == [
        ["a/1.jpg", "cat", "people", "labelled"],
        ["b/1.JPG", "cat", "people", "labelled"],
        ["a/1.png", "dog", "people", "audit"],
        ["2.jpg", "cat", "model", "accepted"],
    ]
    assert found["probability"].isna().tolist() == [True, True, True, False] and found["probability"].iloc[3] == 0.99
    assert labelled.counts(found) == {"labelled": 2, "audit": 1, "accepted": 1}


def test_no_two_files_of_a_folder_differ_in_capitals_or_ending_alone() -> None:
    found = labelled.table(predictions(label=["cat", "cat", "cat", "", "", ""]), np.zeros(6, bool), drawn=False)
    assert found["file_name"].tolist()[:3] == [
        "images/labelled/cat/1.jpg",
        "images/labelled/cat/1-2.JPG",
        "images/labelled/cat/1-3.png",
    ]
    drawn = labelled.table(predictions(image=[f"train/{row}" for row in range(6)]), AUDITED, drawn=True)
    assert drawn["file_name"].tolist()[0] == "images/labelled/cat/0.png"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cat", "cat"),
        ("très gros", "très gros"),
        ("a/b", "a_b"),
        ("..", "_unnamed"),
        (".hidden", "hidden"),
        ("__pycache__", "pycache__"),
        ("dots...", "dots"),
        ("a\\b:c*", "a_b_c_"),
        ("x" * 300, "x" * 60),
    ],
)
def test_every_system_takes_the_folder_of_a_class(name: str, folder: str) -> None:
    assert labelled.folders([name]) == {name: folder}


def test_classes_that_a_system_may_confuse_have_folders_of_their_own() -> None:
    assert list(labelled.folders(["Cat", "cat", "a/b", "a_b"]).values()) == ["Cat", "cat-2", "a_b", "a_b-2"]


def test_files_are_kept_byte_for_byte_and_drawn_where_they_are_gone(tmp_path: Path) -> None:
    found = labelled.table(predictions(), AUDITED, drawn=False)
    packed = {name: np.full((4, 4, 3), 10 * row, np.uint8) for row, name in enumerate(found["image"])}
    files = [("a/1.jpg", b"first"), ("a/1.png", None), ("2.jpg", b"last")]
    after, drawn = labelled.write(tmp_path, found, packed, files, None)
    assert drawn == ["b/1.JPG", "a/1.png"]
    assert after["file_name"].tolist() == [
        "images/labelled/cat/1.jpg",
        "images/labelled/cat/1-2.png",
        "images/audit/dog/1.png",
        "images/accepted/cat/2.jpg",
    ]
    there = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert there == sorted(after["file_name"])
    assert (tmp_path / "images/labelled/cat/1.jpg").read_bytes() == b"first"
    assert np.array_equal(np.asarray(Image.open(tmp_path / "images/audit/dog/1.png")), packed["a/1.png"])


def test_links_lead_to_the_data(tmp_path: Path) -> None:
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "a" / "1.jpg").write_bytes(b"first")
    found = labelled.table(predictions(), AUDITED, drawn=False).iloc[:1]
    labelled.write(tmp_path / "room", found, {}, [("a/1.jpg", b"first")], tmp_path / "data")
    link = tmp_path / "room" / "images/labelled/cat/1.jpg"
    assert link.is_symlink() and link.resolve() == tmp_path / "data" / "a" / "1.jpg"


def test_the_tables_say_the_same_and_spreadsheets_run_nothing_of_them(tmp_path: Path) -> None:
    found = labelled.table(predictions(label=["=1+1", "cat", "dog", "", "", ""]), AUDITED, drawn=False)
    labelled.write_tables(tmp_path, found)
    assert pd.read_parquet(tmp_path / "labels.parquet")["label"].tolist() == ["=1+1", "cat", "dog", "cat"]
    assert pd.read_csv(tmp_path / "labels.csv")["label"].tolist()[0] == "'=1+1"

"""The votes of several people, kept by split for whoever asks."""

from pathlib import Path

import numpy as np
import pytest

from stages.answers import Answer
from stages.answers.giving import give
from stages.answers.opinions import Shared
from stages.base.errors import UserError
from stages.project import votes

NAMES = ["=1.png", "2.png", "3.png"]


def test_votes_are_read_as_they_were_given(tmp_path: Path) -> None:
    said = [("=1.png", "cat", "", "eva"), ("=1.png", "dog", "", ""), ("2.png", "cat", "", "eva")]
    said += [("3.png", "dog", "", "eva"), ("3.png", "-x", "", "max"), ("3.png", "cat", "dog", "pia")]
    given = give([Answer(image, label, "", was, who) for image, label, was, who in said], NAMES, np.full(3, -1), [])
    votes.write(tmp_path / "votes.csv", given, NAMES)
    assert given.classes == ["cat", "dog"]  # what was settled otherwise is none
    eva, pia = {"eva": "cat", "(no name)": "dog"}, {"pia": "cat"}
    assert votes.read(tmp_path / "votes.csv") == [
        Shared("=1.png", 0, eva, eva, "", "cat"),
        Shared("3.png", 2, {"eva": "dog", "max": "-x"}, pia, "cat", ""),
    ]


def test_without_votes_there_is_nothing_to_tell(tmp_path: Path) -> None:
    votes.write(tmp_path / "votes.csv", None, NAMES)
    assert votes.read(tmp_path / "votes.csv") == votes.read(tmp_path / "gone.csv") == []
    (tmp_path / "votes.csv").write_text("row\nx\n")
    with pytest.raises(UserError, match=r"votes\.csv"):
        votes.read(tmp_path / "votes.csv")

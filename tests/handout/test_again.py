"""Suspect labels, handed out to be looked at again; and the answers, which take the place of what was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages import answers, handout
from stages.answers.giving import give
from stages.handout.again import again
from stages.health.report import examine
from tests.health.test_report import CLASSES, world


def test_suspects_are_handed_out_with_their_label_and_a_guess_and_come_back(tmp_path: Path) -> None:
    train, test, features = world()
    report = examine(train, test, features, CLASSES, 0)
    handed = again(report, "shots", "simclr", 0, 5)
    task = next(one for one in handed.tasks if one.image == "train/62.jpg")
    assert task.reasons["was"] == "bee" and task.guess is not None and task.guess[0] == "ant"
    assert len(handed.pictures) == len(handed.tasks) <= 5
    folder = tmp_path / "again"
    handout.write(folder, handed, None)
    assert {path.name for path in folder.iterdir()} == {
        *("index.html", "labels.csv", "tasks.json", "config.xml", "sheet.png"),
    }
    lines = (folder / "labels.csv").read_text().splitlines()
    assert lines[0] == "image,rank,cluster,was,probability,guess,score,label"
    filled = [line + "ant" if line.startswith("train/62.jpg") else line for line in lines]
    (folder / "labels.csv").write_text("\n".join(filled) + "\n")
    labels, _ = give(answers.read_all(folder).labelled, list(train.names), train.labels, CLASSES)
    assert np.flatnonzero(labels != train.labels).tolist() == [62]

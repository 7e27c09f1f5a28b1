"""Suspect and disputed labels, handed out to be looked at again; and the answers, which take the place of what was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages import answers, handout
from stages.answers.giving import give
from stages.handout.again import again, disputed
from stages.health.report import Images, examine
from stages.project import votes
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
    labels = give(answers.read_all(folder).labelled, list(train.names), train.labels, CLASSES).labels
    assert np.flatnonzero(labels != train.labels).tolist() == [62]


def test_what_people_differ_about_is_handed_out_without_names_and_settled_by_one_answer(tmp_path: Path) -> None:
    train, test, features = world()
    labels = train.labels.copy()
    labels[[1, 3]] = -1
    raw = np.arange(120)
    names = list(train.names)
    said = [(names[1], "ant", "eva"), (names[1], "bee", "max"), (names[3], "bee", "eva"), (names[3], "bee", "max")]
    (tmp_path / "labels").mkdir()
    lines = [f"{image},{label},{who}\n" for image, label, who in said]
    (tmp_path / "labels" / "1.csv").write_text("image,label,annotator\n" + "".join(lines))
    given = give(answers.read_all(tmp_path / "labels").labelled, names, labels, CLASSES)
    assert given.labels[[1, 3]].tolist() == [-1, 1]
    votes.write(tmp_path / "votes.csv", given, names)
    shared = votes.read(tmp_path / "votes.csv")
    told = Images(train.packed, raw, names, given.labels, train.parts)
    handed = disputed(examine(told, test, features, CLASSES, 0, shared), "shots", "simclr", 0, 5)
    (task,) = handed.tasks
    assert (task.image, dict(task.reasons)) == (names[1], {"was": "ant", "votes": "ant 1, bee 1"})
    assert task.guess is not None and task.guess[0] == "bee" and handed.origin.model == "logistic regression on simclr"
    folder = tmp_path / "labels" / "again"
    handout.write(folder, handed, None)
    assert "eva" not in (folder / "labels.csv").read_text() + (folder / "tasks.json").read_text()
    text = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(text.rstrip("\n") + "bee\n")
    settled = give(answers.read_all(tmp_path / "labels").labelled, names, labels, CLASSES)
    assert settled.labels[1] == 1 and settled.said() is None

import json
from pathlib import Path
from typing import Any

import pytest

from stages.answers import read, read_all
from stages.base.errors import UserError


def choice(label: str, name: str = "label") -> dict[str, Any]:
    """A result as Label Studio exports it."""
    common = {"id": "x1", "from_name": name, "to_name": "image", "origin": "manual"}
    return common | {"type": "choices", "value": {"choices": [label]}}


def task(number: int, *results: dict[str, Any], cancelled: bool = False) -> dict[str, Any]:
    annotation = {"id": number + 50, "completed_by": 1, "result": list(results), "was_cancelled": cancelled}
    data = {"image": "data:image/png;base64,xyz", "path": f"{number}.png", "rank": number, "cluster": "3"}
    return {"id": number + 100, "annotations": [annotation], "data": data, "predictions": []}


def minimal(number: int, **changes: Any) -> dict[str, Any]:
    data = {"image": "data:image/png;base64,xyz", "path": f"{number}.png", "id": number + 100, "annotation_id": 1}
    return data | {"annotator": 1, "lead_time": 2.5} | changes


def found(path: Path, content: Any) -> list[tuple[str, str, str]]:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return [(one.image, one.label, one.where.removeprefix(f"{path}, ")) for one in read(path)]


TEXT = choice("") | {"type": "textarea", "value": {"text": [" big  dog "]}}


def test_the_full_export(tmp_path: Path) -> None:
    again = task(1, choice("cat"))
    again["annotations"] += task(1, choice("cat"))["annotations"]
    tasks = [
        again,
        task(2, TEXT),
        task(3),
        task(4, choice("dog"), cancelled=True),
        task(5, choice("cluster 3", "cluster"), choice("owl")),
        {"id": 106, "data": {"path": "6.png"}, "annotations": []},
        # as stages.export wrote it
        {"data": {"path": "7.png", "image": "x"}, "predictions": [{"result": [choice("cat")]}]},
        # the task of another project, without a label
        {"id": 108, "data": {"image": "other.png"}, "annotations": []},
    ]
    assert found(tmp_path / "project-1.json", tasks) == [
        ("1.png", "cat", "task 1 (id 101)"),
        ("1.png", "cat", "task 1 (id 101)"),
        ("2.png", "big dog", "task 2 (id 102)"),
        ("5.png", "owl", "task 5 (id 105)"),
    ]


def test_the_minimal_export(tmp_path: Path) -> None:
    tasks = [minimal(1, label="cat"), minimal(2), minimal(3, label={"text": ["dog"]}), minimal(4, label=None)]
    assert found(tmp_path / "project-1.json", tasks) == [
        ("1.png", "cat", "task 1 (id 101)"),
        ("3.png", "dog", "task 3 (id 103)"),
    ]


def test_what_was_skipped_was_seen(tmp_path: Path) -> None:
    tasks = [
        task(1, choice("cat")),
        task(2, choice("dog"), cancelled=True),
        task(3),
        task(4, choice("cluster 3", "cluster")),
    ]
    (tmp_path / "x.json").write_text(json.dumps(tasks))
    assert [one.image for one in read_all(tmp_path / "x.json").answers if not one.label] == ["2.png", "3.png", "4.png"]
    # nothing but skipped tasks is no reason to refuse
    assert found(tmp_path / "y.json", [minimal(1, cluster="3"), minimal(2, rank=7, margin=0.5)]) == []


def test_what_nobody_opened_was_not_skipped(tmp_path: Path) -> None:
    """As in an export of all tasks, and as in one of answered tasks where some were skipped and none labelled."""
    unopened = task(2) | {"annotations": [], "drafts": [], "predictions": [{"result": [choice("cat")]}]}
    (tmp_path / "x.json").write_text(json.dumps([task(1, choice("cat")), unopened, task(3, cancelled=True)]))
    back = read_all(tmp_path / "x.json")
    assert [(one.image, one.label) for one in back.answers] == [("1.png", "cat"), ("3.png", "")]
    assert back.notes == []
    (tmp_path / "x.json").write_text(json.dumps([unopened, task(3, cancelled=True)]))
    assert [(one.image, one.label) for one in read_all(tmp_path / "x.json").answers] == [("3.png", "")]
    (tmp_path / "x.json").write_text(json.dumps([unopened]))
    assert read_all(tmp_path / "x.json").answers == []


def test_json_min_says_what_it_leaves_out(tmp_path: Path) -> None:
    # of four tasks the third was skipped, the second never opened, and the fourth submitted without a choice
    lines = [minimal(1, label="cat"), minimal(2, annotation_id=None), minimal(4)]
    (tmp_path / "x.json").write_text(json.dumps(lines))
    back = read_all(tmp_path / "x.json")
    assert [(one.image, one.label) for one in back.answers] == [("1.png", "cat"), ("4.png", "")]
    said = "JSON-MIN leaves out what was skipped, which is handed out again; export it as JSON"
    assert back.notes == [f"{tmp_path / 'x.json'}: {said}"]


@pytest.mark.parametrize("several", [{"choices": ["cat", "dog"]}, ["cat", "dog"]])
def test_several_choices_are_several_answers(tmp_path: Path, several: Any) -> None:
    where = "task 1 (id 101)"
    full = [task(1, choice("") | {"value": {"choices": ["cat", "dog"]}})]
    for content in (full, [minimal(1, label=several)]):
        assert found(tmp_path / "x.json", content) == [("1.png", "cat", where), ("1.png", "dog", where)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"id": 1},\n oh]', "line 2: not JSON: "),
        ({"id": 1}, "must be a list of tasks; export it from Label Studio as JSON or JSON-MIN"),
        ([task(1), "cat"], "task 2: must be an object"),
        ([task(1, {"value": {"choices": ["cat"]}})], r"task 1 \(id 101\): not in Label Studio's format"),
        ([task(1, choice("cat") | {"value": 3})], r"task 1 \(id 101\): not in Label Studio's format"),
        ([task(1, choice("cat") | {"value": {"rating": 3}})], r"task 1 \(id 101\): not in Label Studio's format"),
        ([minimal(1), minimal(2, label=3)], r"task 2 \(id 102\): not in Label Studio's format"),
        ([minimal(1, label="cat", path=None)], r"task 1 \(id 101\): no path in its data; import the tasks\.json"),
        ([task(1, choice("cat", "choice"))], r"task 1 \(id 101\): an answer named choice, not label; label with conf"),
        ([minimal(1, choice="cat")], "no task has a key label; label with config.xml"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_task(tmp_path: Path, content: Any, said: str) -> None:
    with pytest.raises(UserError, match=rf"project-1\.json(, |: ){said}"):
        found(tmp_path / "project-1.json", content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "x.json: not JSON of Label Studio"),
        ('[{"path": "1.png", "label": ' + "[" * 700 + "]" * 700 + "}]", "x.json"),
        ('[{"id": ' + "9" * 5000 + "}]", "x.json: not JSON of Label Studio"),
        ('[{"path": "1.png", "label": "\\ud83d"}]', "x.json, task 1: not in Label Studio's format"),
    ],
)
def test_json_that_python_reads_by_half_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """Too deep, a number too long, half a letter."""
    with pytest.raises(UserError, match=rf"{said}.*export it again"):
        found(tmp_path / "x.json", text)


def test_a_label_that_was_looked_at_again_comes_with_what_it_was(tmp_path: Path) -> None:
    full = {"id": 1, "data": {"path": "a.png", "was": "7"}, "annotations": [{"result": [choice("cat")]}]}
    short = {"id": 2, "path": "b.png", "was": "dog", "annotation_id": 1, "label": "cat"}
    (tmp_path / "export.json").write_text(json.dumps([full, short]))
    read_again = read_all(tmp_path / "export.json").answers
    assert [(one.image, one.label, one.was) for one in read_again] == [("a.png", "cat", "7"), ("b.png", "cat", "dog")]


def test_each_of_several_annotations_says_whose_it_is(tmp_path: Path) -> None:
    """By the number of an account, by its address, or by neither, where an export has none."""
    several = task(1, choice("cat"))
    for who, label in (({"id": 7, "email": "eva@a.org"}, "dog"), ({"id": 8}, "cat"), (None, "owl")):
        several["annotations"] += [task(1, choice(label))["annotations"][0] | {"completed_by": who}]
    several["annotations"] += task(1, choice("ant"), cancelled=True)["annotations"]
    (tmp_path / "export.json").write_text(json.dumps([several, minimal(2, label="cat", annotator=9)]))
    assert [(one.image, one.label, one.annotator) for one in read_all(tmp_path / "export.json").answers] == [
        ("1.png", "cat", "1"),
        ("1.png", "dog", "eva@a.org"),
        ("1.png", "cat", "8"),
        ("1.png", "owl", ""),
        ("2.png", "cat", "9"),
    ]

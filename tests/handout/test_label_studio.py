"""The formats are Label Studio's: a task, a prediction and a config are checked as its own import checks them."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from stages.answers import read
from stages.handout import Handout, label_studio
from tests.handout.made import handout, noise

KINDS = [{}, {"model": True}, {"classes": ()}, {"clusters": 0}, {"classes": ('a<"&', "b c"), "model": True}]


def written(folder: Path, given: Handout, prefix: str | None = None) -> tuple[list[Any], ElementTree.Element]:
    label_studio.write(folder, given, prefix)
    return json.loads((folder / "tasks.json").read_text()), ElementTree.fromstring((folder / "config.xml").read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_every_prediction_fits_the_config(kind: Any, tmp_path: Path) -> None:
    tasks, config = written(tmp_path, handout(**kind))
    controls = {tag.attrib["name"]: tag for tag in config.iter() if "toName" in tag.attrib}
    objects = {tag.attrib["name"]: tag.attrib["value"] for tag in config.iter("Image")}
    assert objects == {"image": "$image"}
    assert all(tag.attrib["toName"] == "image" for tag in controls.values())
    for task in tasks:
        assert set(task) == {"data", "predictions"} and task["data"]["image"]
        for prediction in task["predictions"]:
            assert 0 <= prediction.get("score", 0) <= 1 and prediction["model_version"]
            for result in prediction["result"]:
                control = controls[result["from_name"]]
                assert result["type"] == control.tag.lower() and result["to_name"] in objects
                choices = [choice.attrib["value"] for choice in control.iter("Choice")]
                assert set(result["value"]["choices"]) <= set(choices) and result["value"]["choices"]


def test_the_known_classes_are_the_choices_and_else_there_is_a_field(tmp_path: Path) -> None:
    _, config = written(tmp_path, handout(classes=('a<"&', "b c")))
    answer = config.find("Choices[@name='label']")
    assert answer is not None and [one.attrib["value"] for one in answer] == ['a<"&', "b c"]
    _, config = written(tmp_path, handout(classes=()))
    assert config.find("Choices[@name='label']") is None and config.find("TextArea[@name='label']") is not None


@pytest.mark.parametrize(
    ("classes", "keys"),
    [
        ([str(number) for number in range(10)], "0123456789"),
        (["3", "1", "2"], "312"),
        ([str(number) for number in range(12)], "0123456789qw"),
        (["cat", "cow", "3", "dog"], "1234"),
        (["A", "a", "B", "r", ""], "a1b23"),
        ([f"class {number}" for number in range(40)], "1234567890qwetasdfgzxcvbyiopjklnm"),
    ],
)
def test_a_key_is_the_class_where_that_is_one_and_no_two_have_the_same(
    classes: list[str], keys: str, tmp_path: Path
) -> None:
    _, config = written(tmp_path, handout(classes=classes))
    answer = config.find("Choices[@name='label']")
    assert answer is not None and [one.attrib["value"] for one in answer] == classes
    assert [one.get("hotkey") for one in answer] == [*keys, *[None] * (len(classes) - len(keys))]


def test_a_prediction_is_our_cluster_or_the_models_guess(tmp_path: Path) -> None:
    tasks, _ = written(tmp_path, handout(6))
    found = [(task["predictions"][0]["model_version"], task["predictions"][0]["result"][0]["value"]) for task in tasks]
    assert found == [("kmeans", {"choices": ["7"]})] * 3 + [("kmeans", {"choices": ["8"]})] * 3
    (task, *_), _ = written(tmp_path, handout(6, model=True))
    (prediction,) = task["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("probe", 0.75)
    assert prediction["result"][0] == {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    }


def test_a_guess_about_what_a_model_is_unsure_of_is_shown_and_not_ticked(tmp_path: Path) -> None:
    given = handout(6, model=True, clusters=0)
    asking = replace(given, origin=replace(given.origin, acquisition="margin"))
    tasks, _ = written(tmp_path, asking)
    assert not any(task["predictions"] for task in tasks)
    assert [(task["data"]["guess"], task["data"]["score"]) for task in tasks[:2]] == [("cat", 0.75), ("dog", 0.75)]


def test_images_are_embedded_or_named_by_a_prefix(tmp_path: Path) -> None:
    given = handout(2)
    (first, second), _ = written(tmp_path, given)
    head, _, data = first["data"]["image"].partition(",")
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), noise(2, 32, 32)[0])
    assert {name: second["data"][name] for name in ("path", "rank", "cluster", "distance", "kind")} == {
        "path": given.tasks[1].image,
        "rank": 2,
        "cluster": "8",
        "distance": 0.142857,
        "kind": "a;b",
    }
    (first, _), _ = written(tmp_path, given, "/data/local-files/?d=photos/")
    expected = "/data/local-files/?d=photos/shots/0%2C%20%22%C3%BC%22%20%3Cb%3E%26.png"
    assert first["data"]["image"] == expected and first["data"]["path"] == given.tasks[0].image


def test_larger_images_are_jpeg(tmp_path: Path) -> None:
    (task,), _ = written(tmp_path, handout(1, size=65))
    assert task["data"]["image"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("minimal", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_is_read(kind: Any, minimal: bool, tmp_path: Path) -> None:
    given = handout(**kind)
    tasks, config = written(tmp_path, given)
    text = config.find("TextArea[@name='label']") is not None
    name = (given.origin.classes or ["owl"])[-1]
    back = []
    for number, task in enumerate(tasks[1:], 1):
        kept = [
            one for prediction in task["predictions"] for one in prediction["result"] if one["from_name"] == "cluster"
        ]
        value = {"text": [name]} if text else {"choices": [name]}
        answer = {"from_name": "label", "to_name": "image", "type": "textarea" if text else "choices", "value": value}
        annotation = {"id": number, "result": [*kept, answer], "was_cancelled": False}
        if minimal:
            # prettify_result of label-studio-sdk: the one choice or text by itself
            back.append(task["data"] | {"id": number, "label": name, "cluster": "7", "annotation_id": number})
        else:
            back.append(task | {"id": number, "annotations": [annotation]})
    back.append(tasks[0] | {"id": 99, "annotations": [{"id": 99, "result": [], "was_cancelled": True}]})
    (tmp_path / "project.json").write_text(json.dumps(back))
    found = [(one.image, one.label) for one in read(tmp_path / "project.json")]
    assert found == [(one.image, name) for one in given.tasks[1:]]

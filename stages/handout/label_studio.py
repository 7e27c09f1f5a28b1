"""For Label Studio: tasks.json, with our cluster or a model's guess as a prediction, and config.xml to label with.

Formats: labelstud.io/guide/task_format, /guide/predictions and /tags; since 2025 a prediction has to fit the config.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from stages.answers import WAS
from stages.answers.label_studio import ANSWER, CLUSTER
from stages.handout.task import Handout, Task, number

# those that Label Studio itself gives to choices, in its order; others are its commands
_KEYS = "1234567890qwetasdfgzxcvbyiopjklnm"


def write(folder: Path, handout: Handout, prefix: str | None) -> None:
    """Writes both files. An image is a data URI or, with a prefix, that and its path, quoted as in a URL."""
    tasks = [
        _task(handout, one, handout.pictures[place].uri if prefix is None else prefix + quote(one.image))
        for place, one in enumerate(handout.tasks)
    ]
    # a line for each task, as the file of a long list is looked into
    text = ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks)
    (folder / "tasks.json").write_text(f"[{text}]\n", encoding="utf-8")
    (folder / "config.xml").write_text(config(handout), encoding="utf-8")


def config(handout: Handout) -> str:
    """The labelling interface: the known classes to choose from, or a field for a word where none is known."""
    clusters = sorted({one.cluster for one in handout.tasks if one.cluster is not None})
    named = f'name="{ANSWER}" toName="image"'
    if handout.origin.classes:
        answer = [
            f'<Choices {named} choice="single-radio" showInline="true">',
            *_choices(handout.origin.classes, _hotkeys(handout.origin.classes)),
            "</Choices>",
        ]
    else:
        answer = [f'<TextArea {named} rows="1" maxSubmissions="1" editable="true" placeholder="its class"/>']
    hidden = [
        "<!-- our clusters, which predictions name; not to be answered -->",
        '<View style="display: none">',
        f'<Choices name="{CLUSTER}" toName="image">',
        *_choices([str(one) for one in clusters]),
        "</Choices>",
        "</View>",
    ]
    lines = ['<Header value="$path"/>', '<Image name="image" value="$image" zoom="true"/>', *answer]
    return "\n".join(["<View>", *lines, *(hidden if clusters else []), "</View>", ""])


def _choices(values: Sequence[str], keys: Mapping[str, str] | None = None) -> list[str]:
    given = {value: f' hotkey="{keys[value]}"' for value in values if keys and value in keys}
    return [f"  <Choice value={quoteattr(value)}{given.get(value, '')}/>" for value in values]


def _hotkeys(classes: Sequence[str]) -> dict[str, str]:
    """A key for each class, as far as there are keys: its name, if that is one, else the next that is free. Left to
    itself, Label Studio has 1 for the first class, which may be 0."""
    own = {name: name.lower() for name in reversed(classes) if name and name.lower() in _KEYS and len(name) == 1}
    # "a" and "A" are one key, of the first of them
    keys = {key: name for name, key in own.items()}
    free = iter(key for key in _KEYS if key not in keys)
    taken = {name: key for key, name in keys.items()}
    found = {name: taken.get(name) or next(free, None) for name in classes}
    return {name: key for name, key in found.items() if key}


def _task(handout: Handout, one: Task, image: str) -> dict[str, Any]:
    # a class may be named by a number
    reasons = {name: value if name == WAS else number(value) for name, value in one.reasons.items()}
    data = {"image": image, "path": one.image, "rank": one.rank, **reasons}
    predictions = []
    if one.cluster is not None:
        data["cluster"] = str(one.cluster)
        predictions = [_prediction(handout.origin.strategy, CLUSTER, str(one.cluster))]
    if one.guess and handout.origin.acquisition:
        # it asks about what it is least sure of: a guess ticked beforehand would be taken over by one key, right or not
        data["guess"], data["score"] = one.guess[0], one.guess[1]
    elif one.guess and handout.origin.model:
        predictions = [_prediction(handout.origin.model, ANSWER, one.guess[0]) | {"score": one.guess[1]}]
    return {"data": data, "predictions": predictions}


def _prediction(by: str, control: str, choice: str) -> dict[str, Any]:
    result = {"from_name": control, "to_name": "image", "type": "choices", "value": {"choices": [choice]}}
    return {"model_version": by, "result": [result]}

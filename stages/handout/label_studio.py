"""For Label Studio: tasks.json, with our cluster or a model's guess as a prediction, and config.xml to label with.

Formats: labelstud.io/guide/task_format, /guide/predictions and /tags; since 2025 a prediction has to fit the config.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from stages.answers.label_studio import ANSWER, CLUSTER
from stages.handout.task import Handout, Task, number


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
            *_choices(handout.origin.classes),
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


def _choices(values: Any) -> list[str]:
    return [f"  <Choice value={quoteattr(value)}/>" for value in values]


def _task(handout: Handout, one: Task, image: str) -> dict[str, Any]:
    reasons = {name: number(value) for name, value in one.reasons.items()}
    data = {"image": image, "path": one.image, "rank": one.rank, **reasons}
    predictions = []
    if one.cluster is not None:
        data["cluster"] = str(one.cluster)
        predictions = [_prediction(handout.origin.strategy, CLUSTER, str(one.cluster))]
    if one.guess and handout.origin.model:
        predictions = [_prediction(handout.origin.model, ANSWER, one.guess[0]) | {"score": one.guess[1]}]
    return {"data": data, "predictions": predictions}


def _prediction(by: str, control: str, choice: str) -> dict[str, Any]:
    result = {"from_name": control, "to_name": "image", "type": "choices", "value": {"choices": [choice]}}
    return {"model_version": by, "result": [result]}

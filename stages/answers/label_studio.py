"""Label Studio's exports: JSON, with all annotations of each task, and JSON-MIN, with one line for each annotation.

In JSON a task that was skipped has an annotation that is cancelled, and one that nobody opened, which is there if all
tasks are exported, has none. JSON-MIN leaves out what was skipped, and gives a task that nobody opened a line whose
annotation_id is null (label_studio/data_export/api.py 1.23.2, label_studio_sdk/converter/converter.py 2.0.5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.answers._answer import ANNOTATOR, VOTES, WAS, Answer, text_of, tidy
from stages.base import readable
from stages.base.errors import UserError

# controls of config.xml: the answer, and our cluster, which comes back with it
ANSWER, CLUSTER = "label", "cluster"

# what a task of JSON-MIN has besides answers: our data and its own
_OWN = {"image", "path", CLUSTER, WAS, VOTES, "guess", "id", ANNOTATOR, "annotators"}
_OWN |= {"annotation_id", "created_at", "updated_at"}


def read(path: Path) -> tuple[list[Answer], list[str]]:
    """The labels of all annotations, each with its annotator's number or address; a task that was skipped, or submitted
    without one, gives one empty answer, and one that nobody opened gives none. And notes, a line each.

    Raises UserError, with the task's number and id.
    """
    try:
        tasks = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise UserError(f"{path}, line {error.lineno}: not JSON: {error.msg}; export it again") from None
    except (RecursionError, ValueError) as error:  # too deep, or a number of thousands of digits
        raise UserError(f"{path}: not JSON of Label Studio ({readable.reason(error)}); export it again") from None
    if not isinstance(tasks, list):
        raise UserError(f"{path}: must be a list of tasks; export it from Label Studio as JSON or JSON-MIN")
    found, minimal = list[Answer](), False
    for number, task in enumerate(tasks, 1):
        where = f"{path}, task {number}"
        if not isinstance(task, dict):
            raise UserError(f"{where}: must be an object; export it from Label Studio as JSON or JSON-MIN")
        where += f" (id {task['id']})" if "id" in task else ""
        full = isinstance(task.get("data"), dict)
        try:
            given = list(_annotated(task, where) if full else _minimal(task))
            "".join(label + annotator for label, annotator in given).encode()  # JSON may hold halves of letters
        except (AttributeError, KeyError, RecursionError, TypeError, UnicodeEncodeError):
            raise UserError(f"{where}: not in Label Studio's format; export it again as JSON or JSON-MIN") from None
        data = task["data"] if full else task
        image, before = data.get("path"), data.get(WAS)
        opened = bool(task.get("annotations")) if full else task.get("annotation_id") is not None
        minimal |= not full
        if isinstance(image, str):
            was = tidy(before) if isinstance(before, str) else ""
            labelled = [one for one in given if one[0]] or [("", "")] * opened
            found += [Answer(image, label, where, was, annotator) for label, annotator in labelled]
        elif any(label for label, _ in given):
            raise UserError(
                f"{where}: no path in its data; import the tasks.json that stages.export wrote, and label that"
            )
    if not any(one.label for one in found) and any(map(_answered_elsewhere, tasks)):
        raise UserError(f"{path}: no task has a key {ANSWER}; label with config.xml, whose answer has that name")
    lost = f"{path}: JSON-MIN leaves out what was skipped, which is handed out again; export it as JSON"
    return found, [lost] * minimal


def _annotated(task: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    """Each label with who gave it."""
    for annotation in task.get("annotations") or []:
        if annotation.get("was_cancelled"):
            continue
        annotator = _annotator(annotation.get("completed_by"))
        for result in annotation["result"]:
            name = result["from_name"]
            if name == ANSWER:
                yield from ((tidy(text), annotator) for text in texts(result["value"]))
            elif name != CLUSTER:
                raise UserError(f"{where}: an answer named {name}, not {ANSWER}; label with config.xml")


def _minimal(task: dict[str, Any]) -> Iterator[tuple[str, str]]:
    annotator = _annotator(task.get(ANNOTATOR))
    return ((tidy(text), annotator) for text in texts(task.get(ANSWER)))


def _annotator(who: Any) -> str:
    """A number, an address, or an account, which has both; "" where it is none of these."""
    if isinstance(who, dict):
        who = who.get("email") or who.get("id")
    return tidy(str(who)) if isinstance(who, str | int) else ""


def _answered_elsewhere(task: dict[str, Any]) -> bool:
    """Whether a task of JSON-MIN has no answer of ours but something like one under another name."""
    others = {key: value for key, value in task.items() if key not in _OWN and not isinstance(value, int | float)}
    return "data" not in task and task.get(ANSWER) is None and any(others.values())


def texts(value: Any) -> list[str]:
    """The texts of a value: of choices or of a text field, several, one by itself, or none. Raises KeyError or
    TypeError for another value."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for one in value for text in texts(one)]
    return texts(value["choices"] if "choices" in value else value["text"])

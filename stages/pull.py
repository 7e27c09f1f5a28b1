"""Fetches what people labelled in a project of a Label Studio server, as a file that labels.file can name.

`LABEL_STUDIO_API_KEY=... python -m stages.pull URL PROJECT FOLDER` writes FOLDER/HOST-PROJECT.json: the tasks that
somebody labelled or skipped, as Label Studio's JSON export has them, without the pictures. Pull again for more. A tool,
no part of the pipeline.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from stages.answers import label_studio
from stages.answers.server import Server
from stages.base.errors import UserError, run
from stages.base.files import whole_file


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m stages.pull", description=__doc__.split("\n")[0])
    parser.add_argument("url", metavar="URL", help="such as http://localhost:8080")
    parser.add_argument("project", metavar="PROJECT", type=int, help="its number, which its address there has")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="labels.file, or a folder in it")
    arguments = parser.parse_args()
    pull(Server(arguments.url), arguments.project, arguments.folder)


def pull(server: Server, project: int, folder: Path) -> None:
    """Writes the file, in the place of the one that an earlier call wrote.

    Raises UserError for tasks that no export of ours made, and where the earlier file has answers that are gone from
    the project: they would be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file has that name; give a folder")
    path, where = folder / f"{server.host}-{project}.json", f"{server.url}, project {project}"
    before = _given(path) if path.exists() else set()
    tasks = server.tasks(project)
    opened = [_without_picture(one) for one in tasks if one.get("annotations")]
    with whole_file(path) as partial:
        # one line a task, as the file of a long list is looked into
        text = ",\n".join(json.dumps(task) for task in opened)
        partial.write_text(f"[{text}]\n", encoding="utf-8")
        try:
            now = _given(partial)
        except UserError as error:
            raise UserError(str(error).replace(str(partial), where)) from None
        if gone := before - now:
            raise UserError(
                f"{path}: {len(gone)} of its answers, such as that for {min(gone)[0]}, are no longer in {where}; "
                "to keep them, rename the file, to take what is there now, move it away"
            )
    labelled, skipped = len({one[0] for one in now if one[2]}), len({one[0] for one in now if not one[2]})
    print(f"{path}: {labelled:,} of {len(tasks):,} images have a label, {skipped:,} were skipped; set labels.file")


def _given(path: Path) -> set[tuple[str, str, bool]]:
    """Of which image, by whom, and whether with a label."""
    answers, _ = label_studio.read(path)
    return {(one.image, one.annotator, bool(one.label)) for one in answers}


def _without_picture(task: dict[str, object]) -> dict[str, object]:
    """The pictures are ours already, and make up nearly all of an export."""
    data = task.get("data")
    if not isinstance(data, dict):
        return task
    return task | {"data": {key: value for key, value in data.items() if key != "image"}}


if __name__ == "__main__":
    run(main)

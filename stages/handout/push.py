"""A handout as a project of a Label Studio server."""

from __future__ import annotations

import json
from pathlib import Path

from stages.answers.server import Server
from stages.base.errors import UserError

_LONGEST = 50  # characters of a title there


def push(server: Server, folder: Path) -> tuple[int, int]:
    """The project's number, and how many tasks it had not before. Its title is the folder's. A project of that title,
    by an earlier call or one that was killed, is given what it lacks, and none of its tasks is touched.

    folder: as handout.write left it. Raises UserError for a project of that title with other images.
    """
    title = "Label " + "/".join(folder.resolve().parts[-3:])
    title = title if len(title) <= _LONGEST else f"…{title[1 - _LONGEST :]}"
    tasks = json.loads((folder / "tasks.json").read_text(encoding="utf-8"))
    projects = server.projects(title)
    if len(projects) > 1:
        raise UserError(f"{server.url}: projects {projects} are named {title!r}, all; rename all but one there")
    if projects:
        project = projects[0]
        there = {one.get("data", {}).get("path") for one in server.tasks(project)}
    else:
        project, there = server.create(title, (folder / "config.xml").read_text(encoding="utf-8")), set()
    if others := there - {one["data"]["path"] for one in tasks}:
        raise UserError(
            f"{server.url}: project {project} is named {title!r} and has {len(others)} other images; pull its labels, "
            "and export into a new folder"
        )
    lacking = [one for one in tasks if one["data"]["path"] not in there]
    server.add(project, lacking)
    return project, len(lacking)

"""python -m stages.code: writes what code each instance of the other stages depends on.

Reads the files of stages/, and all of params.yaml, which it checks: no stage runs before it. Writes
data/code/<stage>.json, for a stage with blocks data/code/<stage>/<name>.json: {file: hash of its syntax tree without
comments and docstrings}, over what that instance imports, but for what only refuses. Every other stage depends on its
own, so that DVC reruns what an edit can change, no more.
"""

from __future__ import annotations

import sys

from stages.base.errors import run
from stages.base.files import whole_folder
from stages.project import layout, lineage, mirrored, params


def main() -> None:
    parameters = params.read()
    if line := mirrored.said(parameters):
        print(line, file=sys.stderr)
    raw = parameters.raw
    instances = lineage.instances(raw)
    stamps = {instance: lineage.stamp(instance, raw) for instance in instances}
    with whole_folder(layout.CODE) as folder:
        for instance, stamp in stamps.items():
            path = folder.joinpath(*filter(None, instance)).with_suffix(".json")
            path.parent.mkdir(exist_ok=True)
            layout.write_json(path, stamp)
    files = {file for stamp in stamps.values() for file in stamp}
    print(f"{layout.CODE}: {len(instances)} stamps, over {len(files)} files of code")


if __name__ == "__main__":
    run(main)

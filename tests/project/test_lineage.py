from __future__ import annotations

import ast
import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stages import preset
from stages.project import lineage, reading
from stages.project.lineage import Instance, instances
from tests import blocks

ROOT = Path(__file__).parent.parent.parent
SOURCE = '''
"""What the module is for."""
import math


class A:
    """A class."""

    rate: float = 0.1

    def area(self, radius: float, /, *, unit: str = "m") -> str:
        """An area."""
        # why
        return f"{math.pi * radius ** 2:.{2}f} {unit!r}" "2" if radius else f"{radius=}" f""
'''


def digest(source: str) -> str:
    return lineage.digest(ast.parse(source))


def parameters(source: str) -> dict[str, Any]:
    """params.yaml or a preset."""
    return blocks.base() if source == "params.yaml" else preset.overlay(blocks.base(), preset.load(source))


def files(verb: str, name: str, raw: dict[str, Any]) -> set[str]:
    return set(lineage.stamp(Instance(verb, name), raw))


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text.replace("# why", "# another why"),
        lambda text: text.replace('"""An area."""', '"""The area\n        of a circle."""'),
        lambda text: text.replace('"""A class."""\n\n', "\n"),
        lambda text: text.replace('"m"', "'m'").replace("    # why\n", "\n\n"),
    ],
)
def test_words_and_blanks_change_no_hash(edit: Callable[[str], str]) -> None:
    assert edit(SOURCE) != SOURCE
    assert digest(edit(SOURCE)) == digest(SOURCE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.1", "0.2"),
        ("0.1", "1e-1 + 0"),
        ('"m"', "None"),
        ('"m"', 'b"m"'),
        (":.{2}f", ":.{3}f"),
        ("!r", "!s"),
        ('"2"', '"3"'),
        (", /, *,", ", *,"),
        ("if radius else", "if not radius else"),
        ("import math", "import math as math"),
        ("class A:", "class A(object):"),
    ],
)
def test_code_changes_the_hash(old: str, new: str) -> None:
    assert old in SOURCE
    assert digest(SOURCE.replace(old, new)) != digest(SOURCE)


def test_hashes_are_the_same_on_every_version_of_python() -> None:
    # measured with Python 3.11, 3.12, 3.13 and 3.14
    assert digest(SOURCE) == "407b817dad7296b5"


def test_a_return_of_none_is_not_a_return_of_nothing_and_no_docstring_is_a_value() -> None:
    assert digest("def f():\n    return") != digest("def f():\n    return None")
    assert digest("x = 'a'") != digest("x = 'b'")
    assert digest("def f():\n    'a'\n    'b'") != digest("def f():\n    'a'")


@pytest.mark.parametrize("source", ["params.yaml", *preset.names()])
def test_every_instance_has_its_stage_and_its_member_and_none_that_only_refuses(source: str) -> None:
    raw = parameters(source)
    own = {"pretrain": ("pretraining", "method"), "extract": ("extractors", "extractor")}
    own |= {"select": ("selection", "strategy"), "train": ("regimes", "regime")}
    for one in instances(raw):
        named = files(one.verb, one.name, raw)
        assert f"stages/{one.verb}.py" in named
        assert not {"stages/project/params.py", "stages/base/errors.py", "stages/export.py", "stages/code.py"} & named
        if one.verb in own:
            family, key = own[one.verb]
            member = raw[lineage.SECTIONS[one.verb]][one.name][key]
            there = {Path(file).stem for file in named if file.startswith(f"stages/{family}/")} - {"__init__"}
            assert {name for name in there if not name.startswith("_")} == {member}


def test_what_a_block_names_has_a_say_and_what_others_name_has_none() -> None:
    raw = blocks.base()
    gradual, probe = files("train", "gradual", raw), files("train", "probe", raw)
    encoder = raw["pretrain"][raw["models"]["gradual"]["init"]]["encoder"]
    assert {"stages/regimes/gradual.py", "stages/modules/contrast.py", f"stages/encoders/{encoder}.py"} <= gradual
    assert "stages/modules/contrast.py" not in probe
    for one in (gradual, probe):
        assert not {"stages/geometry/kmeans.py", "stages/pretraining/simclr.py", "stages/encoders/vgg16.py"} & one
    active = parameters("active")
    asking = {name: files("train", name, active) for name in ("margin_supervised", "bald")}
    asks = {name: {file for file in one if "acquisition" in file} for name, one in asking.items()}
    common = "stages/acquisition/__init__.py"
    assert asks["margin_supervised"] == {common, "stages/acquisition/margin.py"}
    assert asks["bald"] == {common, "stages/acquisition/bald.py"}


def test_what_reads_the_parameters_and_the_answers_has_a_say() -> None:
    raw = blocks.base()
    assert all("stages/project/reading.py" in lineage.stamp(one, raw) for one in instances(raw))
    assert {"stages/supervision/budget.py", "stages/answers/table.py"} <= files("split", "", raw)
    assert "stages/project/evaluation.py" in files("evaluate", "probe", raw)


def test_a_data_set_is_downloaded_anew_for_its_own_file_alone() -> None:
    raw = copy.deepcopy(blocks.base())
    assert {file for file in files("download", "", raw) if "/cifar" in file or "/svhn" in file} == {
        "stages/datasets/cifar10.py"
    }
    raw["data"]["extra"] = {"name": "svhn"}
    assert "stages/datasets/svhn.py" in files("download", "", raw)


def test_a_spelling_that_would_hide_a_file_is_refused(project: Path) -> None:
    path = project / "stages" / "selection" / "random.py"
    text = path.read_text()
    for hidden in ("from ..geometry import turns", "from stages.base.families import load"):
        path.write_text(f"{text}\n{hidden}\n")
        with pytest.raises(subprocess.CalledProcessError):
            stamps(project)
    path.write_text(text)


def test_an_encoder_from_a_file_of_ones_own_may_be_any() -> None:
    raw = copy.deepcopy(blocks.base())
    raw["extractors"]["own"] = raw["extractors"]["simclr"] | {"weights": "mine"}
    assert {"stages/encoders/vgg16.py", "stages/encoders/conv4.py"} <= files("extract", "own", raw)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code and parameters in a folder of their own, in which edits do no harm."""
    folder = tmp_path_factory.mktemp("lineage")
    shutil.copytree(ROOT / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    raw = parameters("learning")
    raw["pretrain"]["swav"] = parameters("pretraining")["pretrain"]["swav"]
    (folder / "params.yaml").write_text(blocks.written(raw))
    return folder


def stamps(folder: Path) -> dict[str, dict[str, str]]:
    """What `python -m stages.code` would write, by instance; the parameters are not checked, which takes seconds."""
    code = (
        "import json, sys\nfrom stages.project import lineage, params, reading\nraw = reading.load_yaml(params.FILE)\n"
        "found = {'@'.join(filter(None, one)): lineage.stamp(one, raw) for one in lineage.instances(raw)}\n"
        "json.dump(found, sys.stdout)"
    )
    found: dict[str, dict[str, str]] = json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=folder))
    return found


@pytest.mark.parametrize(
    "file",
    [
        *("geometry/kmeans.py", "regimes/_randaugment.py", "pretraining/_sinkhorn.py", "modules/contrast.py"),
        *("reporting/sections.py", "supervision/budget.py"),
    ],
)
def test_an_edited_function_changes_the_stamps_of_those_that_import_it_alone(project: Path, file: str) -> None:
    before, path = stamps(project), project / "stages" / file
    text = path.read_text()
    path.write_text(f"{text}\n# a comment\n")
    assert stamps(project) == before
    path.write_text(f"{text}\nEDITED = 1\n")
    after = stamps(project)
    path.write_text(text)
    changed = {name for name in before if before[name] != after[name]}
    users = {name for name, stamp in before.items() if f"stages/{file}" in stamp}
    assert changed == users and 0 < len(users) < len(before)


def test_a_new_member_has_a_stamp_as_soon_as_a_block_names_it(project: Path) -> None:
    copied = project / "stages" / "selection" / "other.py"
    shutil.copy(project / "stages" / "selection" / "random.py", copied)
    raw = reading.load_yaml(project / "params.yaml")
    before = (project / "params.yaml").read_text()
    raw["strategies"]["other"] = raw["strategies"]["random"] | {"strategy": "other"}
    (project / "params.yaml").write_text(blocks.written(raw))
    found = stamps(project)
    copied.unlink()
    (project / "params.yaml").write_text(before)
    assert "stages/selection/other.py" in found["select@other"]

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import ValidationError

from stages.base import excerpt, families

ROOT = Path(__file__).parent.parent.parent
FAMILIES = ("pretraining", "extractors", "selection", "acquisition", "regimes")
MEMBERS = [(family, name) for family in FAMILIES for name in families.names(family)]
SCHEMAS = """
import json, sys
from stages.base import excerpt, families
found = {}
for family in sys.argv[1:]:
    for name in families.names(family):
        found[f"{family}.{name}"] = excerpt.module(f"stages.{family}.{name}").Settings.model_json_schema()
        heavy = {"torch", "torchvision", "timm", "sklearn", "scipy", "pandas"} & set(sys.modules)
        assert not heavy, (family, name, heavy)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def schemas() -> dict[str, object]:
    """Of each member's Settings, from a process that has made excerpts alone, and asserts that it imported no torch."""
    command = [sys.executable, "-c", SCHEMAS, *FAMILIES]
    found: dict[str, object] = json.loads(subprocess.check_output(command, cwd=ROOT))
    return found


@pytest.mark.parametrize(("family", "name"), MEMBERS)
def test_the_settings_of_every_member_are_those_of_its_excerpt(
    family: str, name: str, schemas: dict[str, object]
) -> None:
    whole = families.load(family, name).Settings
    assert schemas[f"{family}.{name}"] == json.loads(json.dumps(whole.model_json_schema()))


Write = Callable[..., ModuleType]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes modules of a package of the test's own, and gives the excerpt of the first."""
    monkeypatch.setattr(excerpt, "_PACKAGE", tmp_path)
    monkeypatch.setattr(excerpt, "_whole", lambda: frozenset())
    excerpt._excerpt.cache_clear()

    def write(**texts: str) -> ModuleType:
        for name, text in texts.items():
            path = tmp_path.joinpath(*name.replace("init", "__init__").split("__", 1)).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text("from __future__ import annotations\n" + text)
        return excerpt.module(f"stages.{next(iter(texts)).replace('__', '.')}")

    yield write
    excerpt._excerpt.cache_clear()


def test_only_what_a_name_needs_runs(write: Write) -> None:
    one = write(one="import nowhere\nfrom nowhere import a, b\nX = 2\nY = X + 1\nZ = a\ndef f():\n    return Y\n")
    assert one.f() == 3
    assert "nowhere" not in sys.modules and "Z" not in vars(one)
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        _ = one.Z
    with pytest.raises(AttributeError, match=r"module 'stages\.one' has no attribute 'other'"):
        _ = one.other


def test_a_class_has_its_bases_fields_validators_and_what_they_call(write: Write) -> None:
    text = """
from typing import TYPE_CHECKING, Annotated, Literal
from pydantic import BaseModel, Field, field_validator
from torch_not_here import nn
if TYPE_CHECKING:
    from nowhere import Array
else:
    LEAST = 3

Kind = Literal["a", "b"]
Small = Annotated[int, Field(le=LEAST + 2)]

class Net(nn.Module):
    settings: Settings

class Inner(BaseModel, extra="forbid"):
    kind: Kind

class Base(BaseModel):
    inner: list[Inner] | None

class Settings(Base):
    small: Small

    @field_validator("small")
    @classmethod
    def _checked(cls, small: int) -> int:
        return _least(small)

def _least(small: int) -> int:
    if small < LEAST:
        raise ValueError(f"below {LEAST}, as {Settings.__name__} says")
    return small

def build(settings: Settings) -> Net:
    return Net(settings)
"""
    settings = write(one=text).Settings
    assert settings(inner=[{"kind": "a"}], small=4).inner[0].kind == "a"
    for wrong, said in (
        ({"inner": [{"kind": "c"}], "small": 4}, "'a' or 'b'"),
        ({"inner": None, "small": 6}, "equal to 5"),
    ):
        with pytest.raises(ValidationError, match=said):
            settings(**wrong)
    with pytest.raises(ValidationError, match="below 3, as Settings says"):
        settings(inner=None, small=2)


def test_a_name_is_as_all_statements_about_it_leave_it(write: Write) -> None:
    text = """
NAMES = {"a"}
NAMES |= {"b"}
TABLE = {}
TABLE["c"] = 1
for name in NAMES:
    TABLE[name] = 2
LIST = []
LIST.append(len(TABLE))
try:
    from nowhere import fast
except ImportError:
    def fast():
        return LIST[0]
class Thing:
    pass
Thing.size = 7
A, (B, *C) = 1, (2, 3, 4)
"""
    one = write(one=text)
    assert one.fast() == 3
    assert one.Thing.size == 7
    assert ([3, 4], {"a", "b"}) == (one.C, one.NAMES)


def test_names_that_need_one_another_are_found_from_either_side(write: Write) -> None:
    text = "def outer(f):\n    return lambda: (f(), Top)\n\n@outer\ndef inner():\n    return Top.value\n\n"
    text += "class Top:\n    value = 5\n    call = inner\n"
    assert write(one=text).inner()[0] == 5
    excerpt._excerpt.cache_clear()
    assert write(one=text).Top.value == 5


def test_imports_within_the_package_are_excerpts_too(write: Write) -> None:
    one = write(
        one="import nowhere\nfrom stages import room\nfrom stages.room import part as p, BIG\n"
        "from stages.two import f as g\ndef h():\n    return room.BIG, p.SMALL, BIG, g()\n",
        room__init="import nowhere\nfrom stages.room import part\nBIG = part.SMALL + 1\n",
        room__part="import nowhere\nSMALL = 1\n",
        two="import os.path\nimport json as j\nimport nowhere\ndef f():\n    return j.dumps(os.path.basename('/x'))\n",
    )
    assert one.h() == (2, 1, 2, '"x"')
    assert excerpt.module("stages.two") is excerpt.module("stages.two")


def test_a_module_that_was_there_before_is_taken_whole() -> None:
    assert excerpt.module("stages.base.errors") is sys.modules["stages.base.errors"]

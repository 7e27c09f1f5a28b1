from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages.base.errors import UserError
from stages.project.reading import load_yaml


def loaded(text: str, folder: Path) -> Any:
    (folder / "params.yaml").write_text(text)
    return load_yaml(folder / "params.yaml")


AS_WRITTEN = ["no", "yes", "on", "off", "y", "n", "Yes", "NO", "1:30", "190:20:30", "1e", "0o9"]
OTHERS = {"017": 17, "0o17": 15, "0x1f": 31, "08": 8, "1e3": 1e3, "1e-3": 1e-3, ".5": 0.5, "1.": 1.0, "True": True}


@pytest.mark.parametrize(("text", "value"), [*((text, text) for text in AS_WRITTEN), *OTHERS.items(), ("~", None)])
def test_a_value_is_read_as_yaml_1_2(text: str, value: object, tmp_path: Path) -> None:
    found = loaded(f"a: {text}\nb:\n- {text}\n", tmp_path)
    assert found == {"a": value, "b": [value]} and type(found["a"]) is type(value)


@pytest.mark.parametrize("text", [*AS_WRITTEN, *OTHERS, "~", "null", "2024-01-01", "1_000", "true"])
def test_a_quoted_text_stays_one_through_an_experiment(text: str, tmp_path: Path) -> None:
    """`dvc exp run -S` on anything writes the whole file anew, and drops the quotes that YAML 1.2 can do without."""
    from dvc.utils.hydra import apply_overrides
    from dvc.utils.serialize import load_yaml as as_dvc_reads

    path = tmp_path / "params.yaml"
    wanted = {"split": {"classes": [text, "yes"], "imbalance": {text: 0.5}}, "seed": 1}
    before = loaded(f"split:\n  classes: ['{text}', 'yes']\n  imbalance: {{'{text}': 0.5}}\nseed: 0\n", tmp_path)
    assert before == wanted | {"seed": 0}
    apply_overrides(path, ["seed=1"])
    assert load_yaml(path) == wanted == as_dvc_reads(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3, column 1: the key a stands twice; keep one of the two"),
        ("models:\n  probe: {x: 1}\n  probe: {y: 2}\n", ", line 3, column 3: the key probe stands twice; keep one of "),
        ("data: [1\nseeds: 2", ", line 2, column 6: not YAML: "),
        ("data:\tname: x", ", line 1, column 6: not YAML: found character '\\t' that cannot start any token"),
        ("a: 2024-13-45", ": not YAML: month must be in 1..12"),
        ("a: &a [*a]", ": not YAML: Circular reference detected"),
        ("a: " + "[" * 3000, ": not YAML: maximum recursion depth exceeded"),
        ("a: " + "1" * 5000, ": not YAML: Exceeds the limit"),
        ("a: \x01", ": not YAML: unacceptable character #x0001"),
        ("a: !!bool maybe", ": not YAML: 'maybe'"),
        ("a: *b", ", line 1, column 4: not YAML: found undefined alias 'b'"),
        ("a: 1\n---\nb: 1", ", line 2, column 1: not YAML: but found another document"),
        ("a: !!python/object:os.system x", ", line 1, column 4: not YAML: could not determine a constructor"),
        ("- a", ": must hold sections, such as `data:` and `models:`"),
        ("", ": must hold sections"),
    ],
)
def test_what_is_no_yaml_is_refused_in_one_line_with_its_place(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        loaded(text, tmp_path)
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / 'params.yaml'}{said}")
    assert "\n" not in line


def test_a_merged_key_may_be_written_over(tmp_path: Path) -> None:
    assert loaded(".x: &x {a: 1, b: 2}\nc:\n  <<: *x\n  a: 3\n", tmp_path)["c"] == {"a": 3, "b": 2}


def test_other_bytes_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(UserError, match="is missing; run this from the project's folder"):
        load_yaml(path)
    path.write_bytes(b"data: \xff\xfe")
    with pytest.raises(UserError, match="not YAML"):
        load_yaml(path)

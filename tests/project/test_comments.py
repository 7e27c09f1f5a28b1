from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

# DVC brings it: a reader of YAML 1.1
import yaml

from stages import preset
from stages.base.errors import UserError
from stages.project import params, reading
from stages.project.comments import commented
from tests import blocks

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / params.FILE).read_text()
OLDER = """\
# head

seeds:        # of each
- 0

# what there is
data:
  size: 8     # px
  name: a

models:
  # mine
  one:        # the first
    rate: 0.000001  # how fast
    warmup: 0
  two:
    rate: 2   # tuned
# the end
"""


def read(text: str, folder: Path) -> dict[str, Any]:
    """As the stages do."""
    (folder / "params.yaml").write_text(text)
    return reading.load_yaml(folder / "params.yaml")


@pytest.mark.parametrize("name", preset.names())
def test_the_stages_read_what_the_preset_means_in_its_order(name: str, tmp_path: Path) -> None:
    wanted = preset.overlay(blocks.base(), preset.load(name))
    assert json.dumps(read(commented(wanted, TEXT), tmp_path)) == json.dumps(wanted)


def test_what_does_not_change_is_written_to_the_letter() -> None:
    assert commented(blocks.base(), TEXT) == TEXT


@pytest.mark.parametrize("name", preset.names())
def test_no_comment_is_lost_whose_key_is_still_there(name: str) -> None:
    written = commented(preset.overlay(blocks.base(), preset.load(name)), TEXT)
    families = TEXT.index("pretrain:")
    for line in TEXT[:families].splitlines():
        _, mark, comment = line.partition(" # ")
        assert mark + comment in written
    explained = {line.split(":")[0].strip() for line in TEXT[families:].splitlines() if " # " in line}
    for key in explained & {"method", "epochs", "rate", "projection", "regime", "follows", "acquisition"}:
        first = next(line for line in TEXT[families:].splitlines() if line.strip().startswith(f"{key}:"))
        assert (f" # {first.split(' # ')[1]}" in written) == (f" {key}:" in written), key


def test_comments_stay_with_their_keys_and_an_explanation_goes_on_to_the_next_block() -> None:
    raw = {"seeds": [0, 1], "data": {"name": "b", "size": 16}, "models": {"two": {"rate": 2, "warmup": 1}}}
    assert commented(raw, OLDER) == textwrap.dedent("""\
        # head

        seeds:        # of each
        - 0
        - 1

        # what there is
        data:
          name: b
          size: 16    # px

        models:
          two:
            rate: 2   # tuned
            warmup: 1
        # the end
        """)
    raw["models"] = {"three": {"rate": 3}, "four": {"rate": 4}}
    assert "  three:\n    rate: 3         # how fast\n  four:\n    rate: 4\n" in commented(raw, OLDER)


def test_an_explanation_goes_on_to_a_family_after_its_own_and_never_back() -> None:
    text = "pretrain:\n  a:\n    classes: 1  # images of so many\nextractors:\n  b:\n    weights: x  # a file\n"
    written = commented({"pretrain": {"c": {"weights": "z"}}, "models": {"d": {"classes": 2}}}, text)
    assert written == "pretrain:\n  c:\n    weights: z\nmodels:\n  d:\n    classes: 2  # images of so many\n"


def test_a_block_that_is_shared_is_written_out_and_a_number_as_it_was(tmp_path: Path) -> None:
    shared = {"rate": 0.000001, "heads": [1, 2]}
    written = commented({"models": {"one": shared, "two": shared}}, OLDER)
    assert "&" not in written and written.count("heads") == 2
    assert "rate: 0.000001" in written


TEXTS = [
    *("no", "yes", "on", "off", "y", "n", "Y", "N", "No", "OFF", "true", "null", "~", "010"),
    *("017", "0o17", "0x1f", "0b11", "1_000", "1e3", "1.", ".5", "1:30", "190:20:30", "12:30.5", ".inf"),
    *("nan", "2024-01-01", "=", "<<", "-", "4/class", "%x", "#x", "[", "{a}"),
]


@pytest.mark.parametrize("text", [*TEXTS, "", "a: b: c", "two words"])
def test_a_text_stays_a_text(text: str, tmp_path: Path) -> None:
    """To us and DVC, which read YAML 1.2, and to readers of YAML 1.1."""
    raw = {"data": {"name": text, "classes": [text, "cat"], "shares": {text: 1}}}
    written = commented(raw, OLDER)
    assert read(written, tmp_path) == raw
    assert yaml.safe_load(written) == raw
    if text in ("y", "n", "Y", "N"):
        # a boolean in YAML 1.1, though not to that library
        assert f"name: '{text}'" in written


@pytest.mark.parametrize("number", [1e-6, 1e-3, 1.5e-7, 1e16, 0.1, 2.0, 1e300, -1e-5, float("inf"), 10**20, 7])
def test_a_number_stays_a_number(number: float, tmp_path: Path) -> None:
    raw = {"data": {"rate": number, "rates": [number]}}
    written = commented(raw, OLDER)
    assert read(written, tmp_path) == raw
    assert yaml.safe_load(written) == raw


def test_maps_in_a_line_and_merged_blocks_are_written_out(tmp_path: Path) -> None:
    text = "# head\na: {b: 1, c: 2}  # both\nx: &x\n  d: 1  # one\ny:\n  <<: *x\n  e: 2\n"
    raw = read(text, tmp_path)
    written = commented(raw, text)
    assert read(written, tmp_path) == raw
    assert written.startswith("# head\na:") and written.count("# head") == 1


def test_what_dvc_could_not_read_is_refused() -> None:
    with pytest.raises(UserError, match="duplicate key"):
        commented({}, "a: 1\na: 2\n")

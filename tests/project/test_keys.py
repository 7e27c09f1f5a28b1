from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stages.base.errors import UserError
from stages.project import params
from tests import blocks

TEXT = (Path(__file__).parent.parent.parent / params.FILE).read_text()
QUOTES = "a key must be a text; put it in quotes, or give it another name"
PASSED_OVER = "DVC's run cache passes over a key of this name"


def refusal(old: str, new: str, folder: Path) -> str:
    assert old in TEXT
    (folder / params.FILE).write_text(TEXT.replace(old, new, 1))
    with pytest.raises(UserError) as refused:
        params.read(folder / params.FILE)
    return str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        # DVC makes no stage of a block with such a key, and says nothing
        ("  probe:\n", "  18:\n", "models.18"),
        ("  probe:\n", "  1.5:\n", "models.1.5"),
        ("  probe:\n", "  null:\n", "models.null"),
        ("  probe:\n", "  true:\n", "models.true"),
        ("  pixels:\n", "  2024-01-01:\n", "extractors.2024-01-01"),
        ("subsets: {}", "subsets: {1: 2}", "evaluation.subsets.1"),
        ("subsets: {}", "subsets: {~: 2}", "evaluation.subsets.null"),
        ("imbalance: null", "imbalance: {0: 0.5, 1: 0.5}", "split.imbalance.0"),
        ("imbalance: null", "imbalance: {false: 0.5}", "split.imbalance.false"),
        ("imbalance: null", "imbalance: {share: 0.5, 3: half}", "split.imbalance.3"),
        ("seed: 0 ", "7: 0 ", "data.7"),
        ("seeds: ", "1: 2\nseeds: ", "1"),
        ("- 0\n- 1\n", "- 0\n- {1: 2}\n", "seeds.1.1"),
    ],
)
def test_a_key_that_is_no_text_is_refused(old: str, new: str, key: str, tmp_path: Path) -> None:
    assert refusal(old, new, tmp_path) == f"params.yaml: {key}: {QUOTES}"


@pytest.mark.parametrize(
    ("old", "new", "key", "way"),
    [
        ("  probe:\n", "  size:\n", "models.size", "give it another name"),
        ("  margin_probe:", "  nfiles:", "models.nfiles", "give it another name"),
        ("subsets: {}", "subsets: {size: 2}", "evaluation.subsets.size", "give it another name"),
        (
            "imbalance: null",
            "imbalance: {cat: 0.5, size: 0.1}",
            "split.imbalance.size",
            "give {share: 0.1, classes: [size]} in place of {size: 0.1}",
        ),
    ],
)
def test_a_name_that_the_run_cache_passes_over_is_refused(
    old: str, new: str, key: str, way: str, tmp_path: Path
) -> None:
    assert refusal(old, new, tmp_path) == f"params.yaml: {key}: {PASSED_OVER}; {way}"


@pytest.mark.parametrize(("key", "known"), [("size", "unknown key; known: start"), ("sise", "unknown key; known: st")])
def test_of_a_key_that_is_unknown_that_is_said(key: str, known: str, tmp_path: Path) -> None:
    assert refusal("  restart:", f"  {key}: 1\n  restart:", tmp_path).startswith(f"params.yaml: rounds.{key}: {known}")


def test_a_class_of_that_name_may_be_thinned(tmp_path: Path) -> None:
    raw: dict[str, Any] = blocks.base()
    raw["split"]["imbalance"] = {"share": 0.1, "classes": ["size"]}
    params.Params(raw).check_blocks()

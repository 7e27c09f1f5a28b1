"""A pipeline that is killed again and again ends as one that never was."""

from pathlib import Path

import pytest

from tests import kills

pytestmark = [pytest.mark.slow, pytest.mark.anywhere]


def test_a_pipeline_that_is_killed_again_and_again_ends_as_one_that_never_was(tmp_path: Path) -> None:
    """Twenty times; `python -m tests.kills` does it two hundred times."""
    counts = kills.trial(tmp_path.resolve(), 20, seed=1)
    assert counts["gone through"]

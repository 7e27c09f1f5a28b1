"""What is written of the project beside the code: the tables of members, the links, the length of the first page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import members

ROOT = Path(__file__).parent.parent
HIDDEN = {".venv", ".demo", ".git", ".scratch", ".pytest_cache"}
PAGES = [page for page in sorted(ROOT.rglob("*.md")) if not HIDDEN & {*page.relative_to(ROOT).parts}]


@pytest.mark.parametrize("family", members.FAMILIES)
def test_the_table_of_members_is_that_of_the_docstrings(family: str) -> None:
    page = ROOT / "stages" / family / "README.md"
    assert page.read_text() == members.written(family), "run python -m tests.members"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else page.parent / path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text()), link


def anchors(text: str) -> set[str]:
    """Those that GitHub makes of headings."""
    heads = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_first_page_is_short_and_shows_both_commands_first() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 200
    assert len(text.encode()) <= 14_000
    first_screen = "\n".join(text.splitlines()[:40])
    assert "make demo" in first_screen and "dvc " in first_screen

"""python -m tests.members: writes the table of members in each family's README.md, from the docstrings of its files."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from pydantic import BaseModel

from stages.base import families

STAGES = Path(__file__).parent.parent / "stages"
FAMILIES = ("datasets", "encoders", "pretraining", "extractors", "selection", "acquisition", "regimes")
BEGIN, END = "<!-- members -->", "<!-- end of members -->"


def table(family: str) -> str:
    """Markdown: each member with the first paragraph of its docstring and, if any has some, the options of its own."""
    names = families.names(family)
    own = {name: options(family, name) for name in names}
    head = ["member", "what it is", *(["its own options"] if any(own.values()) else [])]
    rows = [[f"[`{name}`]({name}.py)", summary(STAGES / family / f"{name}.py"), own[name]] for name in names]
    lines = [head, ["---"] * len(head), *(row[: len(head)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def summary(file: Path) -> str:
    """The first paragraph of the docstring, in one line."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", r"\|")


def options(family: str, name: str) -> str:
    """The keys of the member's Settings that at most half of the members have."""
    names = families.names(family)
    settings = [getattr(families.load(family, one), "Settings", None) for one in names]
    count = Counter(key for kind in settings if kind for key in kind.model_fields)
    kind: type[BaseModel] | None = getattr(families.load(family, name), "Settings", None)
    if kind is None or family == "datasets":
        return ""
    return ", ".join(f"`{key}`" for key in kind.model_fields if 2 * count[key] <= len(names))


def written(family: str) -> str:
    """The README with its table as it should be. Raises ValueError where the two marks are not there."""
    text = (STAGES / family / "README.md").read_text(encoding="utf-8")
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not begun or not ended:
        raise ValueError(f"stages/{family}/README.md: no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table(family)}\n\n{END}{after}"


if __name__ == "__main__":
    for family in FAMILIES:
        (STAGES / family / "README.md").write_text(written(family), encoding="utf-8")

"""What is told of how far people agree: a sentence, and a table of them."""

from __future__ import annotations

from stages.health.agreement import Agreement

TITLE = "People who labelled the same images"
MEANING = (
    "Agrees: in how many comparisons, of one image with one other person, both said the same; kappa: what of it chance "
    "would not give (Cohen's, 1 at best, 0 by chance), a mean over the others; quality: by all of them and a model "
    "that has not seen these labels (CROWDLAB, by cleanlab; 1 at best)."
)


def sentence(found: Agreement) -> str:
    """How far they agree, and what to do where they do not."""
    kappa = f" (Cohen's kappa {found.kappa:.2f})" if found.kappa is not None else ""
    said = f"several people labelled {found.images:,} images, and said the same of {found.alike:,}{kappa}"
    if not found.disputes:
        return f"{said}; nothing is left to settle"
    ties = sum(not one.image.label for one in found.disputes)
    return (
        f"{said}; to settle: {len(found.disputes):,} ({ties:,} without a label until then; "
        "python -m stages.show health --disagreements FOLDER hands them out)"
    )


def table(found: Agreement) -> list[list[str]]:
    """A line for each person, the one who agrees least first; its head first."""
    lines = [["person", "images", "agrees (%)", "kappa", "quality"]]
    for one in found.people:
        figures = ["–" if figure is None else f"{figure:.2f}" for figure in (one.kappa, one.quality)]
        lines.append([one.name, f"{one.images:,}", f"{100 * one.alike:.1f}", *figures])
    return lines

"""One page of HTML that holds its tables and pictures in itself: it opens without a network, on a phone too."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from stages.base.style import STYLE

_SIDE = 96  # px at which the pixels of an image are shown
_CARDS = """
.cards { display: flex; flex-wrap: wrap; gap: 0.8rem; margin: 0.7rem 0 }
.card { font-size: 0.78rem; line-height: 1.35; color: var(--soft); overflow-wrap: anywhere }
.card img { display: inline-block; margin-right: 3px; image-rendering: pixelated }
"""


@dataclass(frozen=True)
class Card:
    """Small images side by side, as `uri` gives them, and lines of text below."""

    images: Sequence[str]
    lines: Sequence[str]


@dataclass(frozen=True)
class Section:
    """A heading, a caption, a list of sentences, a table (its head first; or none), pictures (a file and what it shows)
    with a legend, cards, and what lies folded below it, or `opened`."""

    title: str
    caption: str
    points: Sequence[str] = ()
    table: Sequence[Sequence[str]] = ()
    legend: str = ""
    pictures: Sequence[tuple[Path, str]] = ()
    folded: Sequence[Section] = field(default=())
    cards: Sequence[Card] = ()
    opened: bool = False


def html(title: str, sections: Sequence[Section]) -> str:
    """The whole page. Reads the pictures, PNG files."""
    links = " ".join(f'<a href="#{number}">{escape(one.title)}</a>' for number, one in enumerate(sections))
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}{_CARDS}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f"<nav>{links}</nav>",
    ]
    for number, section in enumerate(sections):
        parts += [f'<section id="{number}"><h2>{escape(section.title)}</h2>', _body(section)]
        parts += [
            f"<details{' open' * one.opened}><summary>{escape(one.title)}</summary>{_body(one)}</details>"
            for one in section.folded
        ]
        parts.append("</section>")
    return "\n".join([*parts, "</body></html>", ""])


def _body(section: Section) -> str:
    points = "".join(f"<li>{escape(point)}</li>" for point in section.points)
    pictures = "".join(_picture(*one) for one in section.pictures)
    parts = [_paragraph(section.caption), f"<ul>{points}</ul>" if points else "", _table(section.table)]
    cards = "".join(_card(one) for one in section.cards)
    shown = f'<div class="cards">{cards}</div>' if cards else ""
    return "".join([*parts, _paragraph(section.legend) if pictures else "", pictures, shown])


def uri(pixels: np.ndarray) -> str:
    """An image uint8 [h, w, 3] as the address of itself."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode('ascii')}"


def _card(one: Card) -> str:
    size = f'width="{_SIDE}" height="{_SIDE}"'
    images = "".join(f'<img alt="{escape(one.lines[0])}" {size} src="{image}">' for image in one.images)
    width = len(one.images) * (_SIDE + 3)
    return f'<div class="card" style="width: {width}px">{images}<div>{"<br>".join(map(escape, one.lines))}</div></div>'


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _table(lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in lines[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in line) + "</tr>" for line in lines[1:])
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _picture(file: Path, shows: str) -> str:
    data = base64.b64encode(file.read_bytes()).decode("ascii")
    # the width is that of the print (200 dots to the inch, 120 to the inch on the screen)
    width = round(int.from_bytes(file.read_bytes()[16:20], "big") * 0.6)
    return f'<figure><img alt="{escape(shows)}" width="{width}" src="data:image/png;base64,{data}"></figure>'

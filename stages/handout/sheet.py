"""The contact sheet: all images at a glance, as PNG."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from stages.handout.task import Handout, Task

COLUMNS, ROWS = 12, 20  # on a page
_SMALL, _LARGE = 96, 144  # px, the side of a cell, for small pictures alone and for others
_GAP, _CAPTION, _HEAD, _MARGIN, _EDGE = 12, 18, 56, 16, 3  # px
_INK, _SOFT, _PAPER, _BANDS = "#1c1c1e", "#5f6368", "#ffffff", ("#dfe7f2", "#f1e8da")


def write(folder: Path, handout: Handout) -> None:
    """Writes sheet.png, and sheet-2.png and so on for more than 240 images."""
    pages = -(-len(handout.tasks) // (COLUMNS * ROWS))
    for page in range(pages):
        name = "sheet.png" if page == 0 else f"sheet-{page + 1}.png"
        _page(handout, page, pages).save(folder / name)


def _page(handout: Handout, page: int, pages: int) -> Image.Image:
    first = page * COLUMNS * ROWS
    side = _SMALL if all(one.small for one in handout.pictures) else _LARGE
    tasks = handout.tasks[first : first + COLUMNS * ROWS]
    tall = max(one.within(side)[1] for one in handout.pictures)  # alike on all pages
    wide, high = side + _GAP, tall + _CAPTION + _GAP
    rows = -(-len(tasks) // COLUMNS)
    sheet = Image.new("RGB", (2 * _MARGIN + COLUMNS * wide - _GAP, _HEAD + rows * high + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(sheet)
    _title(draw, handout, page, pages)
    groups = [cluster for cluster, places in handout.groups() if cluster is not None and len(places) > 1]
    bands = {cluster: _BANDS[number % 2] for number, cluster in enumerate(groups)}
    for place, one in enumerate(tasks):
        row, column = divmod(place, COLUMNS)
        left, top = _MARGIN + column * wide, _HEAD + row * high
        if one.cluster in bands:  # behind the images of a cluster, on into the gap to its next one
            after = tasks[place + 1] if place + 1 < len(tasks) and column + 1 < COLUMNS else None
            right = left + side + (_GAP if after is not None and after.cluster == one.cluster else _EDGE)
            draw.rectangle((left - _EDGE, top - _EDGE, right, top + tall + _CAPTION + 2), fill=bands[one.cluster])
        picture = handout.pictures[first + place].scaled(side)
        sheet.paste(picture, (left + (side - picture.width) // 2, top + (tall - picture.height) // 2))
        _caption(draw, one, left, top + tall + 3, side)
    return sheet


def _title(draw: ImageDraw.ImageDraw, handout: Handout, page: int, pages: int) -> None:
    origin = handout.origin
    text = f"{len(handout.tasks):,} images of {origin.data} to label, chosen by {origin.chooser}"
    clusters = any(one.cluster is not None for one in handout.tasks)
    what = "number" if handout.mixed else "rank"
    below = f"Below each its {what}" + (", and c with the number of its cluster" if clusters else "")
    of_pages = f"; page {page + 1} of {pages}" if pages > 1 else ""
    draw.text((_MARGIN, 8), text, fill=_INK, font=ImageFont.load_default(17))
    draw.text((_MARGIN, 31), below + of_pages, fill=_SOFT, font=ImageFont.load_default(12))


def _caption(draw: ImageDraw.ImageDraw, one: Task, left: int, top: int, side: int) -> None:
    font = ImageFont.load_default(12)
    draw.text((left, top), str(one.rank), fill=_INK, font=font)
    if one.cluster is not None:
        draw.text((left + side, top), f"c{one.cluster}", fill=_SOFT, font=font, anchor="ra")

"""index.html: one page to look at the images and to label them, in any browser, without a network."""

from __future__ import annotations

import hashlib
import json
from html import escape

from stages.answers import SKIPPED
from stages.base.style import STYLE
from stages.handout import table
from stages.handout.pictures import Picture
from stages.handout.task import Handout, Task, number

_LEAST, _MOST = 128, 256  # px, the longer side of a picture

_STYLE = """
body { max-width: 110rem }
.bar { position: sticky; top: 0; z-index: 1; display: flex; gap: 1rem; align-items: center; flex-wrap: wrap;
       padding: 0.5rem 0; background: var(--paper); border-bottom: 1px solid var(--line) }
.bar button { padding: 0.25rem 0.8rem; font: inherit; color: #ffffff; background: #0072B2; border: 0;
              border-radius: 4px; cursor: pointer }
.flow { display: flex; flex-wrap: wrap; gap: 0.7rem; align-items: flex-start; margin: 1rem 0 }
fieldset { margin: 0; padding: 0.2rem 0.5rem 0.5rem; border: 1px solid var(--line); border-radius: 6px; min-width: 0 }
legend { padding: 0 0.3rem; font-size: 0.8rem; color: var(--soft) }
.cards { display: flex; flex-wrap: wrap; gap: 0.7rem }
.card { width: var(--wide); max-width: 100%; font-size: 0.8rem; line-height: 1.35 }
.card .shot { height: var(--high); justify-content: center; align-items: center; margin-bottom: 0.15rem;
              background: var(--stripe) }
/* level with those in the frames beside them */
.flow:has(fieldset) > .card { margin-top: 1.4rem }
.card img { background: #ffffff }
.crisp { image-rendering: pixelated }
.card div { display: flex; justify-content: space-between; gap: 0.4rem }
.card span { color: var(--soft); text-align: right }
.card code { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; direction: rtl;
             text-align: left; color: var(--soft); font-size: 0.72rem }
.card input { width: 100%; margin-top: 0.15rem; padding: 0.2rem 0.3rem; font: inherit; font-size: 0.9rem;
              color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: 4px }
.card input.given { border-color: #009E73; box-shadow: 0 0 0 1px #009E73 }
.card input.wrong { border-color: #D55E00; box-shadow: 0 0 0 1px #D55E00 }
.card button { width: 100%; padding: 0.1rem; font: inherit; color: inherit; background: var(--stripe);
               border: 1px solid var(--line); border-radius: 4px; cursor: pointer }
"""

# what is typed stays in the browser's own store until the file is fetched, in case the page is closed
_SCRIPT = """
"use strict";
const table = JSON.parse(document.getElementById("table").textContent);
const inputs = [...document.querySelectorAll(".card input")];
const who = document.getElementById("who");
const classNames = new Set(table.classes.map((name) => name.toLowerCase()));
const label = (input) => input.value.trim().replace(/\\s+/g, " ");
// as guarded() of stages/base/cells.py: no spreadsheet may take a cell for a formula
const guarded = (text) => /^'*[=+\\-@\\t\\r\uff1d\uff0b\uff0d\uff20]/.test(text)
  && !/^-\\d+(\\.\\d+)?([eE][-+]?\\d+)?$/.test(text) ? "'" + text : text;
const quoted = (text) => /[",\\r\\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
const cell = (text) => quoted(guarded(text));
let fetched = true;

function csv() {
  const name = label(who), named = name ? ["annotator"] : [];
  const rows = table.rows.map((row, place) => {
    const given = label(inputs[place]);
    return [...row, ...named.map(() => given && name), given];
  });
  return [[...table.columns, ...named, "label"], ...rows].map((row) => row.map(cell).join(",") + "\\n").join("");
}

function show() {
  let given = 0, wrong = 0, skipped = 0;
  for (const input of inputs) {
    const name = label(input);
    const fits = !classNames.size || name === table.skipped || classNames.has(name.toLowerCase());
    input.classList.toggle("given", name !== "" && fits);
    input.classList.toggle("wrong", name !== "" && !fits);
    skipped += name === table.skipped;
    given += name !== "" && name !== table.skipped;
    wrong += name !== "" && !fits;
  }
  document.getElementById("count").textContent = given + " of " + inputs.length + " labelled"
    + (skipped ? ", " + skipped + " that nobody can tell" : "")
    + (wrong ? ", " + wrong + (wrong > 1 ? " are" : " is") + " none of the classes" : "");
}

function changed() {
  fetched = false;
  show();
  try { localStorage.setItem(table.key, JSON.stringify([...inputs, who].map((input) => input.value))); } catch {}
}

function fetchTable() {
  const text = csv(), link = document.createElement("a");
  const mark = /[^\\x00-\\x7f]/.test(text) ? "\\ufeff" : "";
  link.href = URL.createObjectURL(new Blob([mark, text], {type: "text/csv"}));
  const name = label(who).replace(/[^\\p{L}\\p{N}]+/gu, "-");
  link.download = name ? "labels-" + name + ".csv" : "labels.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  fetched = true;
}

try {
  const kept = JSON.parse(localStorage.getItem(table.key)) || [];
  kept.slice(0, inputs.length + 1).forEach((value, place) => { (inputs[place] || who).value = value; });
} catch {}
show();
who.addEventListener("input", changed);
inputs.forEach((input, place) => {
  input.addEventListener("input", changed);
  input.addEventListener("keydown", (event) => {
    const next = inputs[place + (event.shiftKey ? -1 : 1)];
    if (event.key === "Enter" && next) { next.focus(); next.scrollIntoView({block: "nearest"}); }
  });
});
for (const button of document.querySelectorAll(".card button")) {
  button.addEventListener("click", () => { button.nextElementSibling.value = button.dataset.guess; changed(); });
}
document.getElementById("fetch").addEventListener("click", fetchTable);
addEventListener("beforeunload", (event) => { if (!fetched) event.preventDefault(); });
"""

# the browser itself keeps the page from the network
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def html(handout: Handout) -> str:
    """The whole page, with the images in it."""
    origin = handout.origin
    title = f"{len(handout.tasks):,} images of {origin.data} to label"
    groups = "".join(_group(handout, cluster, places) for cluster, places in handout.groups())
    sizes = [_size(one) for one in handout.pictures]
    wide, high = max([_LEAST, *(width for width, _ in sizes)]), max(height for _, height in sizes)
    options = "".join(f'<option value="{escape(name)}">' for name in origin.classes)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        *(f"<p>{escape(line)}</p>" for line in _about(handout)),
        '<div class="bar"><button type="button" id="fetch">Download labels.csv</button><b id="count"></b>'
        '<label>Your name, if several label: <input id="who" autocomplete="off" spellcheck="false"></label></div>',
        f'<datalist id="classes">{options}</datalist>',
        f'<div class="flow" style="--wide: {wide}px; --high: {high}px">{groups}</div>',
        f'<script type="application/json" id="table">{_table(handout)}</script>',
        f"<script>{_SCRIPT}</script>",
    ]
    return "\n".join([*parts, "</body></html>", ""])


def _about(handout: Handout) -> list[str]:
    origin = handout.origin
    clusters = any(_framed(cluster, places) for cluster, places in handout.groups())
    near = "nearest to the centre" if any("distance" in one.reasons for one in handout.tasks) else "best rank"
    order = f"a cluster's images in a frame, the {near} first" if clusters else "the best rank first"
    classes = f" The classes: {', '.join(origin.classes)}." if origin.classes else ""
    guess = f" A button takes over the guess of {origin.model}." if origin.model else ""
    return [
        f"Write the class of each image below it; Enter goes on to the next.{classes}{guess} "
        f"Write {SKIPPED} where nobody can tell; what is left empty is handed out again. Then download labels.csv.",
        "In an order drawn at random: some are there to judge how good models are. Bold: a number."
        if handout.mixed
        else f"Chosen by {origin.chooser}; {order}. Bold: the rank.",
    ]


def _framed(cluster: int | None, places: list[int]) -> bool:
    return cluster is not None and len(places) > 1


def _group(handout: Handout, cluster: int | None, places: list[int]) -> str:
    cards = "".join(_card(handout.tasks[place], handout.pictures[place]) for place in places)
    if not _framed(cluster, places):
        return cards
    return f'<fieldset><legend>cluster {cluster}</legend><div class="cards">{cards}</div></fieldset>'


def _size(picture: Picture) -> tuple[int, int]:
    return picture.fitted(_LEAST, _MOST)


def _card(one: Task, picture: Picture) -> str:
    (width, height), look = _size(picture), "crisp" if picture.small else "smooth"
    path, shape = escape(one.image), f'width="{width}" height="{height}"'
    reasons = "".join(
        f"<div>{escape(name)}<span>{escape(_short(value))}</span></div>" for name, value in one.reasons.items()
    )
    guess = ""
    if one.guess:
        name, share = escape(one.guess[0]), f"{100 * one.guess[1]:.0f} %"
        guess = f'<button type="button" data-guess="{name}">{name} {share}</button>'
    return (
        '<div class="card"><div class="shot">'
        f'<img alt="{path}" {shape} class="{look}" decoding="async" src="{picture.uri}"></div>'
        f'<div><b>{one.rank}</b><code title="{path}"><bdi>{path}</bdi></code></div>{reasons}{guess}'
        f'<input list="classes" autocomplete="off" spellcheck="false" aria-label="class of {path}"></div>'
    )


def _short(value: str) -> str:
    read = number(value)
    return f"{read:.4g}" if isinstance(read, float) else read


def _table(handout: Handout) -> str:
    """The cells of labels.csv, for the script; `key` tells this handout from others in the browser's store."""
    names = table.columns(handout)
    rows = [table.line(one, names) for one in handout.tasks]
    content = {"columns": names, "rows": rows, "classes": list(handout.origin.classes), "skipped": SKIPPED}
    key = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]
    # "<" could end the script
    return json.dumps(content | {"key": key}, ensure_ascii=False).replace("<", "\\u003c")

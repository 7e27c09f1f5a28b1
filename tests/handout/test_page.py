"""The page in a real browser: it shows every image, asks for nothing, and gives the table that people filled in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stages.answers import read
from stages.handout import Handout, page, picture, table
from tests.browser import Browser, browser
from tests.handout.made import handout, noise

pytestmark = pytest.mark.anywhere

TYPE = """(place, text) => {
  const input = document.querySelectorAll(".card input")[place];
  input.focus(); input.value = text; input.dispatchEvent(new Event("input", {bubbles: true}));
}"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def opened(chromium: Browser, folder: Path, given: Handout) -> None:
    (folder / "index.html").write_text(page.html(given), encoding="utf-8")
    chromium.requests.clear()
    chromium.open(folder / "index.html")


def count(chromium: Browser) -> str:
    return str(chromium.run("document.getElementById('count').textContent"))


@pytest.mark.parametrize("size", [8, 32, 96, 300])
def test_every_image_is_shown_large_enough_and_nothing_is_asked_for(
    chromium: Browser, tmp_path: Path, size: int
) -> None:
    given = handout(7, size=size, model=True)
    opened(chromium, tmp_path, given)
    shown = chromium.run("[...document.images].map((one) => [one.naturalWidth, one.width, one.height, one.alt])")
    side = max(128, min(size, 256))
    assert shown == [[size, side, side, one.image] for one in given.tasks]
    drawn = chromium.run("[...document.images].map((one) => getComputedStyle(one).imageRendering)")
    assert set(drawn) == {"pixelated" if size <= 64 else "auto"}
    assert chromium.requests == [(tmp_path / "index.html").as_uri()]
    assert chromium.complaints == []


@pytest.mark.parametrize("wide", [360, 1200])
def test_pictures_of_unequal_shapes_fit_their_cards(chromium: Browser, tmp_path: Path, wide: int) -> None:
    shapes = [(384, 256), (216, 384), (384, 40), (30, 384), (32, 20), (100, 90), (384, 384)]
    given = replace(handout(7, model=True), pictures=[picture(noise(1, *shape)[0]) for shape in shapes])
    chromium.call("Emulation.setDeviceMetricsOverride", width=wide, height=900, deviceScaleFactor=1, mobile=False)
    opened(chromium, tmp_path, given)
    shown = chromium.run(
        "[...document.images].map((one) => [one.naturalWidth, one.naturalHeight, one.width, one.height])"
    )
    for shape, (*natural, width, height) in zip(shapes, shown, strict=True):
        assert tuple(natural) == shape
        # but for the rounding of a side to a pixel
        assert abs(width * shape[1] - height * shape[0]) <= max(shape)
        assert 96 <= max(width, height) <= 256
    outside = """[...document.querySelectorAll(".card")].flatMap((card) => {
      const room = card.getBoundingClientRect();
      return [...card.querySelectorAll("*")].map((one) => one.getBoundingClientRect()).filter((one) =>
        one.left < room.left - 0.5 || one.right > room.right + 0.5 || one.bottom > room.bottom + 0.5);
    }).length"""
    assert chromium.run(outside) == 0
    rooms = chromium.run("[...document.querySelectorAll('.shot')].map((one) => [one.clientWidth, one.clientHeight])")
    assert rooms == [[256, 256]] * 7
    broad = chromium.run("document.documentElement.scrollWidth")
    chromium.call("Emulation.clearDeviceMetricsOverride")
    assert broad == wide


def test_only_a_cluster_of_several_images_has_a_frame(chromium: Browser, tmp_path: Path) -> None:
    given = handout(6)
    clusters = [4, 4, 5, 6, None, None]
    tasks = [replace(one, cluster=cluster) for one, cluster in zip(given.tasks, clusters, strict=True)]
    opened(chromium, tmp_path, replace(given, tasks=tasks))
    assert chromium.run("[...document.querySelectorAll('legend')].map((one) => one.innerText)") == ["cluster 4"]
    assert chromium.run("document.querySelectorAll('.flow > .card').length") == 4
    assert "a cluster's images in a frame" in chromium.run("document.body.innerText")
    opened(chromium, tmp_path, handout(6, clusters=6))
    assert chromium.run("document.querySelectorAll('fieldset').length") == 0
    assert "frame" not in chromium.run("document.body.innerText")


def test_path_rank_and_reasons_are_told_by_cluster(chromium: Browser, tmp_path: Path) -> None:
    given = handout(4)
    opened(chromium, tmp_path, given)
    groups = chromium.run("[...document.querySelectorAll('fieldset')].map((one) => one.innerText)")
    assert [text.split()[:2] for text in groups] == [["cluster", "7"], ["cluster", "8"]]
    cards = chromium.run("[...document.querySelectorAll('.card')].map((one) => one.innerText)")
    for one, text in zip(given.tasks, cards, strict=True):
        assert one.image in text and str(one.rank) in text.split()
        assert f"{float(one.reasons['distance']):.4g}" in text


def test_without_clusters_there_are_no_groups(chromium: Browser, tmp_path: Path) -> None:
    opened(chromium, tmp_path, handout(4, clusters=0))
    assert chromium.run("document.querySelectorAll('fieldset').length") == 0
    assert chromium.run("document.images.length") == 4


@pytest.mark.parametrize("model", [False, True])
def test_what_is_typed_comes_as_the_table(chromium: Browser, tmp_path: Path, model: bool) -> None:
    given = handout(6, classes=("cat", 'big, "red" dog'), model=model)
    opened(chromium, tmp_path, given)
    assert count(chromium) == "0 of 6 labelled"
    chromium.run(f"({TYPE})(0, '  Cat ')")
    chromium.run(f"({TYPE})(2, 'big,   \"red\" dog')")
    chromium.run(f"({TYPE})(5, 'cat')")
    assert count(chromium) == "3 of 6 labelled"
    chromium.run("document.getElementById('fetch').click()")
    path = chromium.fetched("labels.csv").rename(tmp_path / "labels.csv")
    names = [one.image for one in given.tasks]
    expected = [(names[0], "Cat"), (names[2], 'big, "red" dog'), (names[5], "cat")]
    assert [(one.image, one.label) for one in read(path)] == expected
    # but for the labels, the file that was handed out
    for place in range(6):
        chromium.run(f"({TYPE})({place}, '')")
    chromium.run("document.getElementById('fetch').click()")
    empty = chromium.fetched("labels.csv").rename(tmp_path / "empty.csv")
    table.write(tmp_path / "handed.csv", given)
    assert empty.read_bytes() == (tmp_path / "handed.csv").read_bytes()
    assert chromium.complaints == []


def test_another_word_than_a_class_is_seen_at_once(chromium: Browser, tmp_path: Path) -> None:
    opened(chromium, tmp_path, handout(3))
    chromium.run(f"({TYPE})(1, 'dgo')")
    assert count(chromium) == "1 of 3 labelled, 1 is none of the classes"
    assert chromium.run("[...document.querySelectorAll('.card input')].map((one) => one.className)") == [
        "",
        "wrong",
        "",
    ]
    chromium.run(f"({TYPE})(1, 'DOG')")
    assert count(chromium) == "1 of 3 labelled"
    chromium.run(f"({TYPE})(0, ' ?')")
    assert count(chromium) == "1 of 3 labelled, 1 that nobody can tell"


def test_who_gives_a_name_signs_the_answers(chromium: Browser, tmp_path: Path) -> None:
    given = handout(3)
    opened(chromium, tmp_path, given)
    name = "=\u00c9va  M./x"
    chromium.run(f"({TYPE})(1, 'dog')")
    chromium.run(f"{{who.value = '{name}'; who.dispatchEvent(new Event('input', {{bubbles: true}}))}}")
    chromium.open(tmp_path / "index.html")  # which still has the name
    chromium.run("document.getElementById('fetch').click()")
    path = chromium.fetched("labels--\u00c9va-M-x.csv")
    assert [(one.image, one.label, one.annotator) for one in read(path)] == [
        (given.tasks[1].image, "dog", "=\u00c9va M./x")
    ]
    table.write(tmp_path / "handed.csv", given)
    handed = (tmp_path / "handed.csv").read_text(encoding="utf-8-sig").splitlines()[0]
    assert path.read_text(encoding="utf-8-sig").splitlines()[0] == handed.removesuffix("label") + "annotator,label"


def test_where_no_class_is_known_any_word_is_one(chromium: Browser, tmp_path: Path) -> None:
    opened(chromium, tmp_path, handout(3, classes=()))
    chromium.run(f"({TYPE})(1, 'dgo')")
    assert count(chromium) == "1 of 3 labelled"


def test_enter_goes_on_and_a_button_takes_the_guess(chromium: Browser, tmp_path: Path) -> None:
    opened(chromium, tmp_path, handout(3, model=True))
    chromium.run("document.querySelectorAll('.card input')[0].focus()")
    for key in ("rawKeyDown", "keyUp"):
        chromium.call("Input.dispatchKeyEvent", type=key, key="Enter", code="Enter", windowsVirtualKeyCode=13)
    assert chromium.run("[...document.querySelectorAll('.card input')].indexOf(document.activeElement)") == 1
    chromium.run("document.querySelectorAll('.card button')[1].click()")
    assert chromium.run("[...document.querySelectorAll('.card input')].map((one) => one.value)") == ["", "dog", ""]
    assert count(chromium) == "1 of 3 labelled"
    # whoever leaves before the table is fetched is asked
    chromium.questions.clear()
    opened(chromium, tmp_path, handout(3, clusters=0))
    assert chromium.questions == ["beforeunload"]


def test_a_page_that_was_closed_still_has_what_was_typed(chromium: Browser, tmp_path: Path) -> None:
    given, other = handout(5), handout(6)
    opened(chromium, tmp_path, given)
    chromium.run(f"({TYPE})(3, 'cat')")
    opened(chromium, tmp_path, other)
    assert count(chromium) == "0 of 6 labelled"
    opened(chromium, tmp_path, given)
    assert count(chromium) == "1 of 5 labelled"
    assert chromium.run("document.querySelectorAll('.card input')[3].value") == "cat"

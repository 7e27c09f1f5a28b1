from pathlib import Path

import pytest

from tests.browser import browser

pytestmark = pytest.mark.anywhere


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_browser_a_test_is_skipped_but_fails_in_ci(
    ci: str, outcome: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no chromium here"), browser(tmp_path / "room"):
        pass


def test_it_hears_what_a_page_asks_for_and_complains_of(tmp_path: Path) -> None:
    """Or else a page with neither would prove nothing."""
    (tmp_path / "page.html").write_text(
        "<img src='gone.png'><script>console.error('oh'); fetch('http://127.0.0.1:9/x').catch(() => 0);"
        "setTimeout(() => nobody.there, 0)</script>"
    )
    with browser(tmp_path / "room") as page:
        page.open(tmp_path / "page.html")
        assert page.run("new Promise((done) => setTimeout(() => done(6 * 7), 300))") == 42
    assert [url.rpartition("/")[2] for url in page.requests] == ["page.html", "gone.png", "x"]
    complaints = " ".join(page.complaints)
    assert "oh" in complaints and "nobody is not defined" in complaints

import unicodedata
from pathlib import Path

from stages.base.names import composed, existing

ONE, TWO = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))


def test_a_name_has_one_form() -> None:
    assert ONE != TWO
    assert composed(ONE) == composed(TWO) == ONE


def test_a_path_is_found_in_either_form(tmp_path: Path) -> None:
    for form, other in ((ONE, TWO), (TWO, ONE)):
        place = tmp_path / str(form == ONE) / form / "x" / form
        place.mkdir(parents=True, exist_ok=True)
        assert existing(place) == place
        assert existing(tmp_path / str(form == ONE) / other / "x" / form).samefile(place)
        gone = tmp_path / other / "gone"
        assert existing(gone) == gone
    assert existing(Path(TWO)) == Path(TWO)

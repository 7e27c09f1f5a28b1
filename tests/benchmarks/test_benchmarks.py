"""Each benchmark at a tiny size: that it measures what it says, never how long that takes."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from stages import preset
from stages.training.augmentation import Views, plain, resample
from stages.training.loop import Hardware
from tests.benchmarks import __main__ as program
from tests.benchmarks import augmentation, distances, loop, methods, repro, selection, views
from tests.benchmarks.rows import Row, alternating, faster, ratios, table

pytestmark = pytest.mark.anywhere

CPU = torch.device("cpu")


def is_measured(row: Row) -> None:
    assert all((row.what, row.ours, row.other, row.ratio))
    assert row.goal.startswith((">= ", "<= "))
    assert row.met in (True, False)


def test_loop() -> None:
    is_measured(loop.compared("conv4", CPU, count=32, batch=16, rounds=1))


def test_both_loops_do_the_same_work(tmp_path: Path) -> None:
    pictures, labels = loop.data(40)
    hardware = loop.automatic(CPU)
    ours = loop.model("conv4", 16, None)
    first = copy.deepcopy(ours.state_dict())
    bare = copy.deepcopy(nn.Sequential(ours.encoder, ours.head))
    loop.epoch_of_ours(ours, pictures, labels, hardware, tmp_path)()
    loop.epoch_of_bare(bare, pictures, labels, 16, hardware)()
    for expected, found in zip(bare.state_dict().values(), ours.state_dict().values(), strict=True):
        assert torch.equal(found, expected)
    assert not torch.equal(ours.state_dict()["head.weight"], first["head.weight"])


def test_augmentation() -> None:
    is_measured(augmentation.share("conv4", CPU, batch=8, steps=2, rounds=1))
    threads = torch.get_num_threads()
    is_measured(augmentation.beside_torchvision(count=8, batch=4, rounds=1))
    is_measured(augmentation.randaugment_beside_torchvision(count=8, batch=4, rounds=1))
    assert torch.get_num_threads() == threads


def test_torchvision_makes_the_same_views() -> None:
    still = Views(min_area=1, brightness=0, jitter=0, flip=False, zoom=True)
    image = torch.arange(3 * 8 * 8, dtype=torch.uint8).view(3, 8, 8)
    torch.testing.assert_close(augmentation.by_torchvision(image, still), plain(image.permute(1, 2, 0)[None])[0])


def test_torchvision_crops_and_reflects_as_ours_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """All rows, moved up by a quarter, so that the topmost four lie outside; the middle half of the columns."""
    # drawn: shift and zoom in units of their ranges, no flip, brightness, jitter
    one = torch.ones(())
    draws = iter([torch.tensor([0.0, 0.5]), torch.tensor([0.0, 1.0]), one, one, torch.zeros(3, 3)])
    monkeypatch.setattr(torch, "rand", lambda *shape: next(draws))
    image = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8, generator=torch.manual_seed(0))
    found = augmentation.by_torchvision(image, Views(min_area=0.25, brightness=0, jitter=0, flip=True, zoom=True))
    zoom, shift = torch.tensor([[1.0, 0.5]]), torch.tensor([[-0.25, 0.0]])
    ours = resample(image.permute(1, 2, 0)[None], zoom, shift, torch.eye(3)[None], torch.float32)[0]
    # torchvision rounds to whole grey levels, and ends a box at its edge where ours looks one pixel further
    torch.testing.assert_close(found[:, :, 1:-1], ours[:, :, 1:-1], atol=0.51 / 255 + 1e-6, rtol=0)


def test_distances() -> None:
    points = distances.features(300)
    for row in (
        distances.neighbours(points, points[:20], CPU),
        distances.neighbours_by_faiss(points, points[:20], CPU),
        distances.centroids(points, 5, CPU),
        distances.centroids_by_faiss(points, 5, CPU),
        distances.centres(points, 20, 20, CPU),
        distances.centres(points, 20, 5, CPU),
    ):
        is_measured(row)
        assert "DIFFERENT" not in row.ours


def test_selection() -> None:
    points = nn.functional.normalize(distances.features(400))
    for row in (selection.typiclust(points, 5, CPU), selection.covered(points, 200, 20, CPU)):
        is_measured(row)
        assert "DIFFERENT" not in row.ours
    assert "extrapolated" not in selection.covered(points, 400, 20, CPU).what


def test_repro() -> None:
    row = repro.unchanged(rounds=1)
    is_measured(row)
    assert "stages" in row.what


def test_a_repro_that_has_something_to_do_is_no_unchanged_one(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo\n    always_changed: true\n")
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet", "--no-scm"], cwd=tmp_path, check=True)
    with pytest.raises(RuntimeError, match="something to do"):
        repro.repro(tmp_path)


def test_views() -> None:
    assert views.views_a_second("conv4", Hardware(CPU, half=False, compile=False), count=16, batch=8, epochs=2) > 0
    (row,) = views.rows(False, CPU)
    assert row.met is None and "no GPU" in row.ours


def test_the_median_of_alternating_rounds() -> None:
    called: list[str] = []
    times = alternating(lambda: called.append("ours"), lambda: called.append("other"), 2)
    assert called == ["ours", "other", "other", "ours", "ours", "other"]
    assert [len(seconds) for seconds in times] == [2, 2]
    assert ratios(([1, 1, 1], [3, 2, 7])) == (3, 2, 7)


def test_a_wrong_result_meets_no_goal() -> None:
    assert faster("a", 1, 10, 3).met
    assert not faster("a", 1, 10, 3, right=False).met
    assert not faster("a", 1, 2, 3).met


def test_table() -> None:
    missed = Row("a", "1 s", "2 s", "2.0 x", ">= 3 x", False)
    lines = table([missed, Row("b", "no GPU here", "", "", "", None)]).splitlines()
    assert lines[0].split("|")[-2].strip() == "met?"
    assert len(lines) == 4 and len({len(line) for line in lines}) == 1
    assert "**no**" in lines[2]


def test_header_and_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("threads", torch.__version__, "cores"):
        assert word in program.header(CPU)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "lop"])
    with pytest.raises(SystemExit):
        program.main()
    assert "no benchmark 'lop'" in capsys.readouterr().err


def test_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: preset.load("pretraining")["pretrain"][name] for name in ("scratch", "simclr", "byol")}
    monkeypatch.setattr(methods, "BATCH", 8)
    monkeypatch.setattr(methods.preset, "load", lambda _: {"pretrain": kept})
    (row,) = methods.rows(False, CPU)
    assert row.what.startswith("byol / SimCLR") and "its passes: 0.75" in row.goal

"""What is handed out of a finished selection, and when it is not."""

from __future__ import annotations

import base64
import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from stages import encoders, export, preset
from stages.base import families
from stages.base.errors import UserError
from stages.datasets.folder import load
from stages.handout import picture, pictures
from stages.project import layout
from stages.supervision.budget import Labels
from stages.training.augmentation import plain
from stages.training.device import Compute
from tests.datasets.sources import pack, settings

IMAGES, SEEDS, FOLDER = 30, [3, 1], Path("out")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool of all images but the first two, of which nobody has labelled any; 6 of each ranking are chosen."""
    monkeypatch.chdir(tmp_path)
    for folder in (layout.RAW / "train", layout.SPLIT, layout.SELECTION / "kmeans"):
        folder.mkdir(parents=True)
    pictures = np.random.default_rng(0).integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8)
    np.save(layout.RAW / "train" / "images.npy", pictures)
    np.save(layout.RAW / "train" / "names.npy", np.array([f"{number}.png" for number in range(IMAGES)]))
    layout.write_json(layout.RAW / "description.json", {"name": "folder", "source": "../my photos"})
    layout.write_json(layout.SPLIT / "description.json", {"classes": ["cat", "dog"]})
    label(np.full(IMAGES - 2, -1))
    audit(0)
    choose()


def audit(count: int) -> None:
    """The first images, which are not in the pool, judge models: so many of the two."""
    np.savez(layout.SPLIT / "audit.npz", indices=np.arange(count), labels=np.full(count, -1), first=np.arange(count))


def label(labels: np.ndarray) -> None:
    np.savez(layout.SPLIT / "pool.npz", indices=np.arange(2, IMAGES), labels=labels, first=np.arange(IMAGES - 2))


def choose(budget: int = 6, **columns: Any) -> None:
    """Seed 3 chooses the images from 2 on, seed 1 those from the last down; clusters of four."""
    folder = layout.SELECTION / "kmeans"
    orders = {3: range(2, 2 + budget), 1: range(IMAGES - 1, IMAGES - 1 - budget, -1)}
    rows = [
        {"seed": seed, "rank": rank, "image": f"{number}.png", **columns}
        for seed in SEEDS
        for rank, number in enumerate(orders[seed], 1)
    ]
    layout.write_table(folder / "chosen.csv", rows)
    np.save(folder / "clusters.npy", np.stack([np.arange(IMAGES - 2) // 4] * 2))
    np.save(folder / "ranking.npy", np.stack([np.arange(IMAGES - 2), np.arange(IMAGES - 2)[::-1]]))
    quality = {"budget": budget, "seeds": [{"seed": seed} for seed in SEEDS]}
    layout.write_json(folder / "quality.json", quality)


def handed(budget: int | str = 6, file: str = "data/none", **options: Any) -> list[dict[str, str]]:
    """Exports, and reads labels.csv."""
    parameters: Any = SimpleNamespace(
        seeds=SEEDS,
        data=SimpleNamespace(max_pixels=180),
        compute=Compute(device="cpu", precision="fp32", compile=False),
        labels=Labels(strategy="kmeans", budget=budget, file=file, audit=0),
        models={
            "probe": SimpleNamespace(
                acquisition=options.get("acquisition") or acquisition("ranking"), moves_encoder=False
            )
        },
    )
    given = {name: options.get(name) for name in ("seed", "model", "prefix")}
    export.export(parameters, "kmeans", FOLDER, **given)
    with (FOLDER / "labels.csv").open(newline="") as file_:
        return list(csv.DictReader(file_))


def acquisition(name: str, **options: Any) -> Any:
    return families.load("acquisition", name).Settings(name=name, **options)


def images(rows: list[dict[str, str]]) -> list[int]:
    return [int(row["image"].removesuffix(".png")) for row in rows]


@pytest.mark.usefixtures("project")
def test_the_choice_of_a_seed_by_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    rows = handed()
    assert images(rows) == [2, 3, 4, 5, 6, 7]
    assert [(row["rank"], row["cluster"], row["label"]) for row in rows[3:5]] == [("4", "0", ""), ("5", "1", "")]
    assert "out: 6 images. Label them in index.html" in capsys.readouterr().out
    assert "<h1>6 images of my photos to label</h1>" in (FOLDER / "index.html").read_text()
    assert images(handed(seed=1)) == [29, 28, 27, 26, 25, 24]


@pytest.mark.usefixtures("project")
def test_the_pictures_are_those_of_the_paths() -> None:
    packed = np.load(layout.RAW / "train" / "images.npy")
    handed(seed=1)
    tasks = json.loads((FOLDER / "tasks.json").read_text())
    assert [task["data"]["image"] for task in tasks] == [picture(packed[number]).uri for number in range(29, 23, -1)]
    handed(prefix="http://x/")
    assert json.loads((FOLDER / "tasks.json").read_text())[0]["data"]["image"] == "http://x/2.png"


@pytest.fixture
def photos(project: None, request: pytest.FixtureRequest) -> Path:
    """Photos of 300x200, a red block at the left edge of each, which the centred squares that are packed lack; the
    third was taken with the camera turned. The parameter: a directory, or the name of an archive."""
    files = {}
    for number in range(IMAGES):
        image = Image.new("RGB", (300, 200), (5 * number, 60, 90))
        image.paste((250, 0, 0), (0, 60, 40, 140))
        exif = Image.Exif()
        if number == 2:
            exif[0x0112] = 6
            image = image.transpose(Image.Transpose.ROTATE_90)
        image.save(out := io.BytesIO(), "JPEG", quality=95, exif=exif)
        files[f"{number}.png"] = out.getvalue()
    source = pack(Path(request.param), files)
    part = load(settings("folder", source), Path.cwd()).train
    assert (part.images[..., 0].astype(int) - part.images[..., 1] < 120).all()
    rows = [part.names.index(f"{number}.png") for number in range(IMAGES)]
    np.save(layout.RAW / "train" / "images.npy", part.images[rows])
    layout.write_json(layout.RAW / "description.json", {"name": "folder", "source": str(source)})
    return source


def seen() -> list[np.ndarray]:
    """The pictures of tasks.json, which are those of the page."""
    tasks, html = json.loads((FOLDER / "tasks.json").read_text()), (FOLDER / "index.html").read_text()
    uris = [task["data"]["image"] for task in tasks]
    assert all(f'src="{uri}"' in html for uri in uris)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))) for uri in uris]


def reds(pixels: np.ndarray) -> int:
    return int(((pixels[..., 0] > 200) & (pixels[..., 1] < 60)).sum())


@pytest.mark.parametrize(
    "photos", ["photos", "photos.tar", "photos.tar.gz", "photos.tar.xz", "photos.zip"], indirect=True
)
def test_people_see_the_whole_photo(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handed()
    found = seen()
    assert [one.shape for one in found] == [(200, 300, 3)] * 6
    for one in found:
        assert reds(one[60:140, :40]) > 3000 and reds(one[:, 45:]) == 0
    # 144 px wide: 48 % of the photo
    sheet = np.asarray(Image.open(FOLDER / "sheet.png"))
    assert reds(sheet) == pytest.approx(6 * 40 * 80 * 0.48**2, rel=0.15)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "People see" not in said


@pytest.mark.parametrize("photos", ["photos"], indirect=True)
def test_without_its_original_what_was_packed_is_seen(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photos / "3.png").unlink()
    (photos / "4.png").write_bytes((photos / "4.png").read_bytes()[:900])
    handed()
    packed = np.load(layout.RAW / "train" / "images.npy")
    found = seen()
    assert [one.shape[1] for one in found] == [300, 32, 32, 300, 300, 300]
    assert np.array_equal(found[1], packed[3]) and np.array_equal(found[2], packed[4])
    why = "not in data.source now, not to be read, or changed since the download"
    said = f"People see the 32 px crop of 2 of 6 images (3.png ...) that the network sees: {why}"
    assert capsys.readouterr().out.splitlines()[1:] == [said]

    photos.rename("elsewhere")
    handed()
    assert all(np.array_equal(one, packed[2 + place]) for place, one in enumerate(seen()))
    said = "People see the 32 px crop of each image that the network sees: data.source=photos: no such file or folder"
    assert said in capsys.readouterr().out.splitlines()[1]


@pytest.mark.usefixtures("project")
def test_a_set_that_has_no_originals(capsys: pytest.CaptureFixture[str]) -> None:
    layout.write_json(layout.RAW / "description.json", {"name": "digits", "source": None})
    handed()
    said = "People see the 32 px picture of each image that the network sees: data.name=digits has no other"
    assert capsys.readouterr().out.splitlines()[1:] == [said]


@pytest.mark.parametrize("photos", ["photos"], indirect=True)
def test_of_many_images_the_pictures_are_smaller(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "SIDE", 120)
    handed()
    assert {one.shape for one in seen()} == {(80, 120, 3)}
    monkeypatch.setattr(pictures, "FULL", 3)
    handed()
    assert {one.shape for one in seen()} == {(57, 85, 3)}


@pytest.mark.usefixtures("project")
def test_other_columns_of_the_choice_are_reasons() -> None:
    choose(cluster=77, typicality=1.5)
    assert handed()[0] == {"image": "2.png", "rank": "1", "cluster": "0", "typicality": "1.5", "label": ""}


@pytest.mark.usefixtures("project")
def test_what_has_an_answer_is_left_out_and_counts() -> None:
    Path("answers.csv").write_text("image,label\n3.png,cat\n20.png,dog\n0.png,cat\n5.png,?\n6.png,\n")
    # 3 is of the choice, 20 further down the ranking, 0 held out for validation: of 6 labels 4 are left to buy. Nobody
    # could tell what 5 is, and nobody has yet looked at 6
    assert images(handed(file="answers.csv")) == [2, 4, 6, 7]


@pytest.mark.usefixtures("project")
def test_in_place_of_what_was_left_without_a_label_come_others(capsys: pytest.CaptureFixture[str]) -> None:
    text = "image,label\n2.png,?\n3.png,?\n4.png,?\n5.png,cat\n"
    Path("answers.csv").write_text(text)
    rows = handed(file="answers.csv")
    assert images(rows) == [6, 7, 8, 9, 10]
    assert [row["rank"] for row in rows] == ["5", "6", "7", "8", "9"]
    assert "5 images. 3 images that were left without a label are not among them. Label them" in capsys.readouterr().out
    train(torch.linspace(-1, 1, 256).reshape(2, -1), [0.0, 0.0])
    for name in ("margin", "random"):
        found = images(handed(file="answers.csv", model="probe", acquisition=acquisition(name)))
        assert len(found) == 5 and not {2, 3, 4, 5} & set(found)
    rest = "".join(f"{number}.png,{'dog' if number % 2 else '?'}\n" for number in range(6, IMAGES))
    Path("answers.csv").write_text(text + rest)
    with pytest.raises(UserError, match="no image to ask about: 13 of 28 have a label, 15 were left without one"):
        choose(budget=20)
        handed(budget=20, file="answers.csv")


@pytest.mark.usefixtures("project")
def test_labels_of_the_data_set_count_where_not_all_images_have_one() -> None:
    label(np.array([0, 1] + [-1] * (IMAGES - 4)))
    assert images(handed()) == [4, 5, 6, 7]
    label(np.zeros(IMAGES - 2, int))
    assert images(handed()) == [2, 3, 4, 5, 6, 7]


@pytest.mark.usefixtures("project")
def test_a_long_choice_comes_in_parts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(export, "MOST", 4)
    assert images(handed()) == [2, 3, 4, 5]
    assert "out: 4 images (of 6; export again when they are labelled)" in capsys.readouterr().out


def train(weight: torch.Tensor | float, bias: list[float]) -> encoders.Encoder:
    """A model of seed 3 with that head."""
    torch.manual_seed(0)
    encoder, folder = encoders.build("conv4", 32, [0.5] * 3, [0.25] * 3), layout.MODELS / "probe" / "seed-3"
    encoders.save(encoder, folder)
    head = {"weight": torch.zeros(2, encoder.dim) + weight, "bias": torch.tensor(bias)}
    save_file(head, folder / "head.safetensors")
    layout.write_json(folder / "introduced.json", {"cat": 1, "dog": 1})
    return encoder


@pytest.mark.usefixtures("project")
def test_a_models_guess_goes_with_it() -> None:
    # whatever the picture: softmax of (0, log 3)
    train(0.0, [0.0, np.log(3)])
    rows = handed(model="probe")
    assert [(row["guess"], row["score"]) for row in rows] == [("dog", "0.7500")] * 6
    task = json.loads((FOLDER / "tasks.json").read_text())[0]
    assert task["predictions"][0]["model_version"] == "probe"
    layout.write_json(layout.SPLIT / "description.json", {"classes": ["cat", "owl"]})
    with pytest.raises(UserError, match=r"--model probe: it was trained for other classes than .* train@probe`"):
        handed(model="probe")


@pytest.mark.usefixtures("project")
def test_a_model_with_an_acquisition_says_which_images() -> None:
    """The six of the smallest margin among those without an answer, not those of the ranking."""
    encoder = train(torch.tensor([[1.0], [-1.0]]), [0.0, 0.3])
    pictures = np.load(layout.RAW / "train" / "images.npy")[2:]
    with torch.inference_mode():
        sums = encoder.eval()(plain(torch.from_numpy(pictures))).double().sum(1)
    margins = torch.tanh((2 * sums - 0.3).abs() / 2).numpy()
    order = [place + 2 for place in np.argsort(margins)]
    known = order[0]
    Path("answers.csv").write_text(f"image,label\n{known}.png,cat\n")
    rows = handed(budget=6, file="answers.csv", model="probe", acquisition=acquisition("margin"))
    assert sorted(images(rows)) == sorted(order[1:6])
    ranks = {image: rank for rank, image in enumerate(order[1:6], 1)}
    for row in rows:
        image = int(row["image"].removesuffix(".png"))
        assert int(row["rank"]) == ranks[image]
        assert int(row["cluster"]) == (image - 2) // 4
        assert float(row["margin"]) == pytest.approx(margins[image - 2], rel=1e-3)
    assert "Chosen by probe (margin), seed 3;" in (FOLDER / "index.html").read_text()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", families.names("acquisition"))
def test_every_acquisition_hands_out_what_has_no_answer(name: str) -> None:
    train(torch.linspace(-1, 1, 256).reshape(2, -1), [0.0, 0.0])
    options = next(
        one["acquisition"] for one in preset.load("active")["models"].values() if one["acquisition"]["name"] == name
    )
    Path("answers.csv").write_text("image,label\n3.png,cat\n20.png,dog\n")
    rows = handed(file="answers.csv", model="probe", acquisition=acquisition(**options))
    assert len(set(images(rows))) == 4
    assert not {3, 20} & set(images(rows))
    assert handed(file="answers.csv", model="probe", acquisition=acquisition(**options)) == rows
    # before the first answer
    assert len(set(images(handed(model="probe", acquisition=acquisition(**options))))) == 6


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"seed": 7},
            r"seed 7: data/selection/kmeans was made with seeds \[3, 1\]; give one of them by --seed, or run",
        ),
        ({"model": "probe"}, r"--model probe: data/models/probe/seed-3 is missing; run `dvc repro train@probe`"),
        ({"budget": 8}, "kmeans: chose 6 of 28 images, where it should now be 8 of 28; run `dvc repro select@kmeans`"),
        ({"budget": 29}, "labels.budget=29: 29 labels, but the pool has 28 images"),
        ({"file": "gone.csv"}, "labels.file=gone.csv: no such file"),
    ],
)
def test_what_is_missing_or_out_of_date_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        handed(**options)
    assert not FOLDER.exists()


@pytest.mark.usefixtures("project")
def test_a_selection_is_needed() -> None:
    (layout.SELECTION / "kmeans" / "quality.json").unlink()
    with pytest.raises(UserError, match="data/selection/kmeans is missing; run `dvc repro select@kmeans`"):
        handed()


@pytest.mark.usefixtures("project")
def test_a_budget_that_is_spent_is_refused() -> None:
    rows = "".join(f"{number}.png,cat\n" for number in range(2, 8))
    Path("answers.csv").write_text(f"image,label\n{rows}")
    said = (
        r"labels.budget=6: 6 images have a label already; raise it, to 12 say, run `dvc repro select@kmeans`, and exp"
    )
    with pytest.raises(UserError, match=said):
        handed(file="answers.csv")


@pytest.mark.usefixtures("project")
def test_labels_that_were_filled_in_stay() -> None:
    handed()
    (FOLDER / "labels.csv").write_text("image,label\n2.png,cat\n")
    with pytest.raises(UserError, match=r"out/labels\.csv: it holds 1 labels; give a new folder"):
        handed()


@pytest.mark.usefixtures("project")
def test_images_of_an_audit_are_handed_out_among_the_others_until_they_have_answers(tmp_path: Path) -> None:
    audit(2)
    rows = handed()
    assert sorted(images(rows)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert {row["cluster"] for row in rows} == {""} and [row["rank"] for row in rows] == [*map(str, range(1, 9))]
    everything = " ".join(path.read_text() for path in FOLDER.iterdir() if path.suffix in (".html", ".json", ".xml"))
    assert "audit" not in everything
    answers = tmp_path / "answers.csv"
    answers.write_text("image,label\n0.png,cat\n" + "".join(f"{number}.png,dog\n" for number in range(2, 8)))
    # the budget is spent: what judges is left
    assert images(handed(file=str(answers))) == [1]
    answers.write_text(answers.read_text() + "1.png,dog\n")
    with pytest.raises(UserError, match="6 images have a label already"):
        handed(file=str(answers))


def test_with_push_the_server_is_asked_first_and_the_way_back_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    strategies = SimpleNamespace(named=lambda names: names[0])
    monkeypatch.setattr(export.params, "read", lambda: SimpleNamespace(strategies=strategies))
    monkeypatch.setattr(export, "Server", lambda url: done.append("sign in") or SimpleNamespace(url=url))
    monkeypatch.setattr(export, "export", lambda *_, **__: done.append("export"))
    monkeypatch.setattr(export, "push", lambda _, folder: done.append(f"push {folder}") or (12, 5))
    monkeypatch.setattr("sys.argv", ["export", "kmeans", "my labels/1", "--push", "http://localhost:8080"])
    export.main()
    assert done == ["sign in", "export", "push my labels/1"]
    said = capsys.readouterr().out
    assert "http://localhost:8080/projects/12: 5 tasks are new" in said
    assert said.splitlines()[-1] == "python -m stages.pull http://localhost:8080 12 'my labels/1'"

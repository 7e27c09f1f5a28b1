"""A classifier as ONNX, and the script that goes with it: the probabilities are ours, without torch."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stages import encoders, hub
from stages.datasets._decoding import decode
from stages.delivery import SCRIPT, network

SIZE, CLASSES = 24, ["cat", "dog", "=bird"]
Made = tuple[Path, network.Classifier]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The folder of a network that brings images to another size, and the network."""
    folder = tmp_path_factory.mktemp("made")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        choice = hub.Choice(library="timm", model="test_resnet", upscale=48)
        encoder = encoders.wrap(choice, hub.empty(choice), SIZE)
        classifier = network.Classifier(encoder, torch.nn.Linear(encoder.dim, len(CLASSES)), 0.01)
    network.write(classifier, SIZE, {"classes": json.dumps(CLASSES)}, folder / "model.onnx")
    about = {"size": SIZE, "classes": CLASSES, "accept_from": 0.7}
    (folder / "model.json").write_text(json.dumps(about))
    (folder / "predict.py").write_bytes(SCRIPT.read_bytes())
    return folder, classifier


def images(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def test_any_number_of_images_at_once(made: Made) -> None:
    import onnxruntime

    folder, classifier = made
    assert network.furthest(folder / "model.onnx", classifier, images(4)) <= network.SAME
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    with torch.inference_mode():
        wanted = classifier(torch.from_numpy(images(7))).numpy()
    (found,) = session.run(None, {"images": images(7)})
    assert np.abs(found - wanted).max() <= network.SAME and np.ptp(wanted, axis=0).max() > 0.01
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == CLASSES


def test_another_model_is_told_apart(made: Made) -> None:
    folder, classifier = made
    head = torch.nn.Linear(classifier.head.in_features, len(CLASSES))
    other = network.Classifier(encoders.build("wrn_28_2", SIZE, [0.5] * 3, [0.2] * 3), head, 1.0)
    other.encoder = classifier.encoder
    assert network.furthest(folder / "model.onnx", other, images(2)) > network.SAME


def pictures(folder: Path) -> list[Path]:
    """Of every kind that the script is to read as we do."""
    random = np.random.default_rng(2)
    colours = random.integers(0, 256, (7, 9, 3)).astype(np.uint8)
    photo = Image.fromarray(colours).resize((331, 220), Image.Resampling.BICUBIC)
    turned = Image.Exif()
    turned[0x0112] = 6
    made = {
        "photo.jpg": (photo, {}),
        "turned.jpg": (photo, {"exif": turned}),
        "small.png": (photo.resize((SIZE, SIZE)), {}),
        "thin.png": (photo.resize((60, 11)), {}),
        "grey.png": (photo.convert("L"), {}),
        "palette.gif": (photo.quantize(16), {}),
        "clear.png": (Image.fromarray(random.integers(0, 256, (40, 50, 4)).astype(np.uint8)), {}),
        "print.jpg": (photo.convert("CMYK"), {}),
    }
    for name, (image, options) in made.items():
        image.save(folder / name, **options)
    return [folder / name for name in made]


def bare(folder: Path) -> dict[str, str]:
    """The environment of a Python that has onnxruntime, numpy and Pillow, what they need, and nothing else."""
    wanted, done = ["onnxruntime", "numpy", "pillow"], set[str]()
    while wanted:
        if (name := wanted.pop()) in done:
            continue
        done.add(name)
        found = metadata.distribution(name)
        for file in found.files or []:
            top = file.parts[0]
            if top != ".." and not (folder / top).exists():
                (folder / top).symlink_to(Path(str(found.locate_file(top))).resolve())
        needs = (one for one in found.requires or [] if ";" not in one)
        wanted += [next(part for part in need.replace(">", " ").replace("=", " ").split()) for need in needs]
    return {**{key: value for key, value in os.environ.items() if key != "PYTHONHOME"}, "PYTHONPATH": str(folder)}


def test_the_script_gives_our_probabilities_without_torch(made: Made, tmp_path: Path) -> None:
    folder, classifier = made
    (tmp_path / "packages").mkdir()
    environment, paths = bare(tmp_path / "packages"), pictures(tmp_path)
    without = [sys.executable, "-S", "-c", "import torch"]
    assert b"No module named 'torch'" in subprocess.run(without, env=environment, capture_output=True).stderr
    done = subprocess.run(
        [sys.executable, "-S", str(folder / "predict.py"), *map(str, paths)],
        env=environment, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["image"] for row in rows] == [str(path) for path in paths]
    for path, row in zip(paths, rows, strict=True):
        packed = decode(path.read_bytes(), SIZE, path.name)
        with torch.inference_mode():
            wanted = classifier(torch.from_numpy(packed[None].copy())).numpy()[0]
        assert row["guess"] == CLASSES[wanted.argmax()], path.name
        assert float(row["probability"]) == pytest.approx(wanted.max(), abs=1e-4), path.name
        sure = "accept" if wanted.max() >= 0.7 else "review" if wanted.max() >= 0.5 else "ask"
        assert row["verdict"] == sure


def test_the_script_leaves_out_what_it_would_read_otherwise_and_says_so(made: Made, tmp_path: Path) -> None:
    (tmp_path / "photos" / "more").mkdir(parents=True)
    Image.fromarray(np.zeros((30, 30), np.uint16)).save(tmp_path / "photos" / "deep.png")
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "source.h").write_text("#define SIZE _LARGE\n")  # Pillow takes it for an XBM
    Image.fromarray(images(1)[0]).save(tmp_path / "photos" / "more" / "good.png")
    script = [sys.executable, str(made[0] / "predict.py"), "photos", "gone.jpg"]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert [line.split(",")[0] for line in done.stdout.splitlines()[1:]] == [str(Path("photos/more/good.png"))]
    said = done.stderr.splitlines()
    assert [line.split(": ")[0] for line in said] == [
        "photos/deep.png",
        "photos/notes.txt",
        "photos/source.h",
        "gone.jpg",
    ]
    assert "more than 8 bits" in said[0]

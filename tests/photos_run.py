"""python -m tests.photos_run ARCHIVE OLDER: processor time of a whole run, stage by stage, in the checkout OLDER and in
this one, in turn.

ARCHIVE holds CIFAR-10 as folders, of which 3,700 training images become a folder of photos. On features of
EfficientNet-Lite0 at 128 px four strategies choose 100 of them; a probe learns from those that TypiClust chose, and
others ask for theirs in five rounds. metrics/reported/speed.md has what it printed.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from safetensors.torch import save_file

from stages import hub

HERE = Path(__file__).parent.parent
OF_A_CLASS = 370
ASKING = {"margin_probe": "margin", "entropy_probe": "entropy", "least_probe": "least_confidence"}


def unpack(archive: Path, photos: Path) -> None:
    """The first training images of each class, in folders by class."""
    counts: Counter[str] = Counter()
    with tarfile.open(archive) as tar:
        for member in tar:
            path = Path(member.name)
            name = path.parent.name
            content = tar.extractfile(member) if "train" in path.parts and member.isfile() else None
            if content is not None and counts[name] < OF_A_CLASS:
                counts[name] += 1
                (photos / name).mkdir(parents=True, exist_ok=True)
                (photos / name / path.name).write_bytes(content.read())


def weights(path: Path) -> None:
    """Those that come with the environment, as a file that older checkouts take, too."""
    import timm

    network = hub.load(hub.Choice(library="bundled", model="efficientnet_lite0", upscale=None), None).module
    whole = timm.create_model("tf_efficientnet_lite0").state_dict() | network.state_dict()
    path.parent.mkdir(parents=True)
    save_file({key: tensor.contiguous() for key, tensor in whole.items()}, path)


def prepare(tree: Path, folder: Path, photos: Path, models: int, seeds: int) -> list[list[str]]:
    """A copy of the checkout's code with parameters of this run, and the arguments of its stages, in order."""
    shutil.copytree(tree / "stages", folder / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "metrics").mkdir()
    yaml = YAML()
    raw: dict[str, Any] = yaml.load((tree / "params.yaml").read_text(encoding="utf-8"))
    raw["seeds"] = list(range(seeds))
    raw["compute"]["device"] = "cpu"
    raw["data"] |= {"name": "folder", "source": str(photos), "size": 32}
    raw["labels"] |= {"strategy": "typiclust", "budget": 100}
    raw["rounds"] |= {"start": 20, "step": 20}
    network = {"method": "hub", "library": "timm", "model": "tf_efficientnet_lite0", "upscale": 128}
    raw["pretrain"] = {"ready": network | {"weights": "weights/lite0.safetensors"}}
    raw["extractors"] = {"ready": {"extractor": "pretrained", "weights": "encoders/ready"}}
    for strategy in raw["strategies"].values():
        strategy["extractor"] = "ready"
    asking = {name: {**raw["models"]["margin_probe"], "acquisition": {"name": how}} for name, how in ASKING.items()}
    chosen = dict([("probe", raw["models"]["probe"]), *asking.items()][:models])
    raw["models"] = {name: {**block, "init": "ready"} for name, block in chosen.items()}
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(raw, file)
    weights(folder / "data" / "weights" / "lite0.safetensors")
    of = {
        "pretrain": "pretrain",
        "extract": "extractors",
        "select": "strategies",
        "train": "models",
        "evaluate": "models",
    }
    named = [[verb, name] for verb, section in of.items() for name in raw[section]]
    return [["download"], ["split"], *named, ["compare"]]


def seconds(folder: Path, arguments: list[str]) -> float:
    """User and system time of a stage."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", f"stages.{arguments[0]}", *arguments[1:]]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | {"DVC_ROOT": str(folder)}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"{folder.name}: {' '.join(arguments)}: {done.stderr.strip().splitlines()[-1]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.photos_run")
    parser.add_argument("archive", type=Path)
    parser.add_argument("older", type=Path)
    parser.add_argument("--models", type=int, choices=(2, 4), default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", help="OMP_NUM_THREADS; by default as the machine has cores")
    wanted = parser.parse_args()
    if wanted.threads:
        os.environ["OMP_NUM_THREADS"] = wanted.threads
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        unpack(wanted.archive, folder / "photos")
        trees = {"older": wanted.older.resolve(), "this": HERE}
        runs = {
            name: prepare(tree, folder / name, folder / "photos", wanted.models, wanted.seeds)
            for name, tree in trees.items()
        }
        print("| stage | older (s) | this (s) | times less |\n|---|---:|---:|---:|", flush=True)
        total = dict.fromkeys(trees, 0.0)
        for arguments in runs["this"]:
            took = {name: seconds(folder / name, arguments) for name in trees}
            total = {name: total[name] + took[name] for name in trees}
            print(line(" ".join(arguments), took), flush=True)
        print(line("all", total))


def line(name: str, took: dict[str, float]) -> str:
    older, this = took["older"], took["this"]
    return f"| `{name}` | {older:.1f} | {this:.1f} | {older / this:.1f} |"


if __name__ == "__main__":
    main()

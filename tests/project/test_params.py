from __future__ import annotations

import copy
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages import preset
from stages.base import families
from stages.base.errors import UserError
from stages.project.params import FAMILIES, FILE, Params
from tests import blocks

ROOT = Path(__file__).parent.parent.parent
GONE = "<taken out>"


def changed(key: str, value: Any, raw: dict[str, Any] | None = None) -> dict[str, Any]:
    """params.yaml, or `raw`, with one key set, or taken out."""
    raw = copy.deepcopy(blocks.base() if raw is None else raw)
    *path, last = key.split(".")
    section = raw
    for step in path:
        section = section[step]
    if value is GONE:
        del section[last]
    else:
        section[last] = value
    return raw


def refusal(raw: dict[str, Any]) -> str:
    with pytest.raises(UserError) as refused:
        Params(raw).check_blocks()
    return str(refused.value)


UNKNOWN_KEYS = {
    "sched": "params.yaml: sched: unknown key; did you mean schedule? known: seeds, compute, data, ",
    "schedule.start_clases": "schedule.start_clases: unknown key; did you mean start_classes? known: start_classes, ",
    "models.gradual.probe_rate.flor": "models.gradual.probe_rate.flor: unknown key; did you mean floor? known: ",
    "models.gradual.temprature": "models.gradual.temprature: unknown key; did you mean temperature? known: ",
    "models.gradual.optimiser.momentun": "models.gradual.optimiser.momentun: unknown key; did you mean momentum? ",
    "models.finetune.optimiser.xyz": "models.finetune.optimiser.xyz: unknown key; known: name, momentum, weight_decay",
    "rounds.strat": "rounds.strat: unknown key; did you mean start? known: start, step, restart",
    "models.margin_probe.acquisition.pases": "models.margin_probe.acquisition.pases: unknown key; known: name",
    "models.supervised.views.min_aera": "models.supervised.views.min_aera: unknown key; did you mean min_area? known",
}

WRONG_VALUES = [
    # missing
    ("schedule", GONE, "schedule: missing; it must be given"),
    ("models", GONE, "models: missing or empty; give at least one named block"),
    ("models", {}, "models: missing or empty; give at least one named block"),
    ("models.gradual.loss", GONE, "models.gradual.loss: missing; it must be given"),
    ("models.gradual.init", GONE, "models.gradual.init: missing; it must be given"),
    ("models.gradual.regime", GONE, "models.gradual.regime: missing; known: "),
    ("models.finetune.optimiser.rate", GONE, "models.finetune.optimiser.rate: missing; it must be given"),
    ("models.supervised.views", {}, "models.supervised.views.min_area: missing; it must be given (and 4 more)"),
    ("rounds", GONE, "rounds: missing; it must be given"),
    ("models.margin_probe.acquisition", GONE, "models.margin_probe.acquisition: missing; it must be given"),
    ("models.margin_probe.acquisition.name", GONE, "models.margin_probe.acquisition.name: missing; known: badge, "),
    ("models.margin_probe.acquisition", {"name": "bald", "passes": 2}, "models.margin_probe.acquisition.dropout: miss"),
    # of another type
    ("rounds.restart", "maybe", "rounds.restart='maybe': must be true or false"),
    ("models.margin_probe.acquisition", "margin", "models.margin_probe.acquisition='margin': must be a block of para"),
    ("schedule", 3, "schedule=3: must be a block of parameters"),
    ("models.gradual", None, "models.gradual=null: must be a block of parameters"),
    ("schedule.start_classes", "three", "schedule.start_classes='three': must be a whole number"),
    ("schedule.start_classes", 2.5, "schedule.start_classes=2.5: must be a whole number"),
    ("schedule.start_classes", True, "schedule.start_classes=true: must be a whole number"),
    ("schedule.start_classes", None, "schedule.start_classes=null: must be a whole number"),
    ("schedule.redraw", "maybe", "schedule.redraw='maybe': must be true or false"),
    ("models.gradual.temperature", "0.1", "models.gradual.temperature='0.1': must be a number"),
    ("models.gradual.projection", ["a"], "models.gradual.projection.0='a': must be a whole number"),
    ("data.source", 3, "data.source=3: must be a text: put it in quotes"),
    (
        "split.classes",
        [0, 1],
        "split.classes=[0, 1]: must be null, a number of classes from 1, or a list of different c",
    ),
    ("evaluation.subsets", {"few": ["cat", False]}, "evaluation.subsets.few.1=false: must be a text: put it in quotes"),
    ("evaluation.subsets", {"few": [date(2024, 1, 2)]}, "evaluation.subsets.few.0=2024-01-02: must be a text: put"),
    ("labels.file", "", "labels.file='': is empty; write what it stands for, or null where that may"),
    ("models.gradual.init", ["scratch"], "models.gradual.init=['scratch']: did you mean scratch? "),
    # out of range
    ("schedule.start_classes", 0, "schedule.start_classes=0: must be greater than or equal to 1"),
    ("data.size", 4, "data.size=4: must be greater than or equal to 8"),
    ("split.validation", 1, "split.validation=1: must be less than 1"),
    ("models.gradual.projection", [], "models.gradual.projection=[]: must have 1 or more of them"),
    ("models.finetune.layers", 0, "models.finetune.layers=0: must be 'all', or greater than or equal to 1"),
    ("evaluation.subsets", {"few": 0}, "evaluation.subsets.few=0: must be greater than or equal to 1, or a list"),
    ("rounds.start", 0, "rounds.start=0: must be greater than or equal to 1"),
    (
        "models.margin_probe.acquisition",
        {"name": "bald", "dropout": 1.0, "passes": 2},
        "models.margin_probe.acquisition.dropout=1.0: must be less than 1",
    ),
    # of a list of choices
    ("compute.device", "gpu", "compute.device='gpu': must be auto, cpu, cuda or cuda:N"),
    ("compute.precision", "fp16", "compute.precision='fp16': must be 'auto', 'bf16' or 'fp32'"),
    ("schedule.class_shape", "liner", "schedule.class_shape='liner': must be 'linear', 'step' or 'cosine'"),
    ("schedule.class_order", "gven", "schedule.class_order='gven': must be 'given' or 'random', or a list"),
    ("schedule.class_order", ["a", 3], "schedule.class_order.1=3: must be a text"),
    ("models.finetune.layers", "al", "models.finetune.layers='al': must be 'all', or a whole number"),
    ("models.gradual.follows", "labels", "models.gradual.follows='labels': must be 'schedule'"),
    ("split.imbalance", {"share": 0.1, "classes": "hlf"}, "split.imbalance.classes='hlf': must be 'half', or a list"),
    ("labels.file", None, "labels.file=null: must be a file or a folder; data/none is none"),
    ("split.imbalance", {"cat": 2}, "split.imbalance.cat=2: must be less than or equal to 1"),
    (
        "models.gradual.acquisition.name",
        "margin",
        "models.gradual: acquisition.name margin: what follows a schedule is told in the order of the ranking",
    ),
    # names
    (
        "models.margin_probe.acquisition.name",
        "margn",
        "models.margin_probe.acquisition.name='margn': no file of stages/acquisition/; did you mean margin? known: ",
    ),
    ("data.name", "cifr10", "data.name='cifr10': did you mean cifar10? known: cifar10, "),
    ("labels.strategy", "kmens", "labels.strategy='kmens': did you mean kmeans? known: random, kmeans, coreset"),
    ("pretrain.simclr.method", "simcrl", "pretrain.simclr.method='simcrl': no file of stages/pretraining/; did you "),
    ("pretrain.simclr.encoder", "resnet19", "pretrain.simclr.encoder='resnet19': did you mean resnet18? known: "),
    (
        "extractors.simclr.weights",
        "encoders/simcrl",
        "extractors.simclr.weights='encoders/simcrl': did you mean encoders/simclr? known: ",
    ),
    ("extractors.simclr.weights", "simclr", "extractors.simclr.weights='simclr': must be encoders/ and a name of pret"),
    ("strategies.random.extractor", "pixel", "strategies.random.extractor='pixel': did you mean pixels? known: pixels"),
    ("strategies.random.strategy", "radom", "strategies.random.strategy='radom': no file of stages/selection/; did "),
    ("models.gradual.init", "simcrl", "models.gradual.init='simcrl': did you mean simclr? known: scratch, ready"),
    ("models.gradual.regime", "gradul", "models.gradual.regime='gradul': no file of stages/regimes/; did you mean gra"),
    ("models.two words", {}, "models.two words: a block's name must be letters, digits, _ and -, a letter first"),
    ("models.7", {}, "models.7: a block's name must be "),
    # numbers that pass as such, and with which nothing works
    ("pretrain.simclr.projection", [0], "pretrain.simclr.projection.0=0: must be greater than or equal to 2"),
    ("pretrain.simclr.projection", [10**9], "pretrain.simclr.projection.0=1000000000: must be less than or equal to 1"),
    ("seeds", [2**63], "seeds.0=9223372036854775808: must be less than 4294967296"),
    ("data.seed", 2**64, "data.seed=18446744073709551616: must be less than 4294967296"),
    ("data.size", 10**6, "data.size=1000000: must be less than or equal to 512"),
    ("pretrain.simclr.optimiser.rate", float("inf"), "pretrain.simclr.optimiser.rate=inf: must be a finite number"),
    ("pretrain.simclr.optimiser.rate", float("nan"), "pretrain.simclr.optimiser.rate=nan: must be a finite number"),
    ("pretrain.simclr.optimiser.warmup", float("inf"), "pretrain.simclr.optimiser.warmup=inf: must be a finite numb"),
    ("pretrain.simclr.optimiser.warmup", 101, "pretrain.simclr: optimiser.warmup 101 must not be above epochs 100"),
    ("pretrain.simclr.epochs", 10**30, "pretrain.simclr.epochs=1000000000000000000000000000000: must be less than or"),
    ("pretrain.simclr.batch_size", 10**12, "pretrain.simclr.batch_size=1000000000000: must be less than or equal to"),
    ("pretrain.simclr.steps", 10**6, "pretrain.simclr: 1000000 steps of 512 images must be at most 100,000,000 image"),
    ("strategies.typiclust.neighbours", 10**12, "strategies.typiclust.neighbours=1000000000000: must be less than or"),
    ("evaluation.map_images", 10**9, "evaluation.map_images=1000000000: must be less than or equal to 100000"),
    ("split.imbalance", {}, "split.imbalance: must have 1 or more of them"),
    ("split.imbalance", {"share": 0.1, "classes": []}, "split.imbalance.classes=[]: must be 'half', or have 1"),
    ("labels.budget", 10**30, "labels.budget=1000000000000000000000000000000: must be a number (400), a number per cl"),
    ("labels.budget", "9" * 5000, "labels.budget='9999"),
    ("compute.device", "cuda:" + "9" * 5000, "compute.device='cuda:999"),
    # names and texts that no file system takes
    (f"models.{'a' * 300}", {}, f"'models.{'a' * 49}...: is longer than 255 bytes; shorten it"),
    (
        f"models.{'a' * 65}",
        {},
        f"models.{'a' * 65}: a block's name must be letters, digits, _ and -, a letter first, a",
    ),
    ("data.source", "a\x00b", "data.source='a\\x00b': holds a character that cannot be seen; write it without"),
    ("labels.file", "\ud800", "labels.file='\\ud800': holds a character that cannot be seen; write it without"),
    ("data.source", "a" * 5000, "data.source='aaa"),
    # the path of nothing is that of the project itself
    ("data.source", "", "data.source='': is empty; write what it stands for, or null where that may stand"),
    ("labels.file", " ", "labels.file=' ': is empty; write"),
    ("evaluation.subsets", {"": 2}, "'evaluation.subsets.': is empty; write"),
    # a network and the size of the data
    ("data.size", 7, "data.size=7: must be greater than or equal to 8"),
    # of several keys together
    ("schedule.end_share", 0.005, "schedule: start_share 0.01 must not be above end_share 0.005"),
    ("models.gradual.probe_rate.floor", 1, "models.gradual.probe_rate: floor 1.0 must not be above ceiling 0.03"),
    ("seeds", [], "seeds=[]: must have 1 or more of them"),
    ("seeds", [0, 1, 0], "seeds=[0, 1, 0]: must be distinct"),
    ("seeds", [-1], "seeds.0=-1: must be greater than or equal to 0"),
]


@pytest.mark.parametrize("key", UNKNOWN_KEYS)
def test_an_unknown_key_is_refused_with_the_nearest_known(key: str) -> None:
    line = refusal(changed(key, 1))
    assert UNKNOWN_KEYS[key] in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("source", "old", "new", "said"),
    [
        ("gradual", "schedule.encoder_rate", "models.gradual_1.encoder_rate", "models.<name>.encoder_rate"),
        ("gradual", "schedule.probe_rate", "models.gradual_1.probe_rate", "models.<name>.probe_rate"),
        ("active", "rounds.warm", "rounds.restart", "rounds.restart, its opposite"),
        ("learning", "models.flexmatch.warm_up", "models.flexmatch.threshold_warmup", "threshold_warmup"),
        (
            "learning",
            "models.label_propagation.warm_epochs",
            "models.label_propagation.discrimination_epochs",
            "discrimination_epochs",
        ),
        (
            "pretraining",
            "pretrain.local_aggregation.warm_epochs",
            "pretrain.local_aggregation.discrimination_epochs",
            "discrimination_epochs",
        ),
    ],
)
def test_a_key_of_an_older_file_is_answered_with_the_new_one(source: str, old: str, new: str, said: str) -> None:
    raw = preset.overlay(blocks.base(), preset.load(source))
    raw = changed(old, 1, changed(new, GONE, raw))
    assert refusal(raw) == f"{FILE}: {old}: is now {said}"


def test_the_size_of_small_crops_is_answered_with_the_name_that_dvc_counts() -> None:
    raw = preset.overlay(blocks.base(), preset.load("contrastive"))
    raw = changed("pretrain.swav.small_crops", {"number": 2, "min_area": 0.1, "max_area": 0.3, "size": 8}, raw)
    assert refusal(raw) == f"{FILE}: pretrain.swav.small_crops.size: is now small_crops.pixels"


@pytest.mark.parametrize(("key", "value", "said"), WRONG_VALUES, ids=lambda part: str(part)[:40])
def test_a_wrong_value_is_refused_by_its_full_key(key: str, value: Any, said: str) -> None:
    line = refusal(changed(key, value))
    assert line.startswith(f"{FILE}: {said}")
    assert "\n" not in line


@pytest.mark.parametrize("budget", [0, -1, 2.5, True, None, "4/clas", "0/class", "0%", "0.0%", "100.5%", "101%", "ten"])
def test_a_bad_budget_is_refused(budget: Any) -> None:
    line = refusal(changed("labels.budget", budget))
    assert line.startswith(f"{FILE}: labels.budget=")
    assert line.endswith('must be a number (400), a number per class ("40/class") or a share of the pool ("10%")')


def test_a_network_that_does_not_fit_the_data_is_refused_at_once() -> None:
    raw = changed("pretrain.scratch.encoder", "conv4", changed("data.size", 30))
    needs = "needs images of 31 px or more; raise data.size=30, or take another encoder"
    assert refusal(raw) == f"{FILE}: pretrain.scratch.encoder=conv4: {needs}"


def test_small_crops_that_the_network_does_not_take_are_refused_at_once() -> None:
    raw = preset.overlay(blocks.base(), preset.load("contrastive"))
    raw = changed("pretrain.swav.small_crops", {"number": 2, "min_area": 0.1, "max_area": 0.3, "pixels": 16}, raw)
    Params(changed("pretrain.swav.encoder", "resnet18", raw)).check_blocks()
    takes_not = "encoder conv4, built for 96 px, takes no images of 16 px"
    way = "give null for its own size, or another encoder"
    assert refusal(changed("pretrain.swav.encoder", "conv4", raw)) == f"{FILE}: pretrain.swav: {takes_not}; {way}"


def test_a_square_that_masks_the_whole_image_is_refused_at_once() -> None:
    raw = preset.overlay(blocks.base(), preset.load("pretraining"))
    raw = changed("pretrain.autoencoder", blocks.blocks("pretrain")["autoencoder"] | {"mask": 0.5, "patch": 32}, raw)
    covers = "patch=32 px covers an image of 32 px whole; lower patch, or set mask=0"
    assert refusal(raw) == f"{FILE}: pretrain.autoencoder: {covers}"


def test_more_layers_than_the_network_has_are_refused_at_once() -> None:
    said = "models.finetune.layers=6: must be all, or 1 to 5, the blocks of resnet18"
    assert refusal(changed("models.finetune.layers", 6)) == f"{FILE}: {said}"
    Params(changed("models.finetune.layers", 5)).check_blocks()


def test_a_budget_by_class_cannot_be_spent_in_rounds() -> None:
    way = "give a number or a share, or leave the model out: -S '~models.margin_probe'"
    said = f"models.margin_probe spends it in rounds, and nobody knows an image's class before asking; {way}"
    assert refusal(changed("labels.budget", "400/class")) == f"{FILE}: labels.budget=400/class: {said}"


def test_a_start_above_the_end_is_refused() -> None:
    raw = changed("schedule.start_classes", 5)
    raw["schedule"]["end_classes"] = 3
    assert refusal(raw) == f"{FILE}: schedule: start_classes 5 must not be above end_classes 3"


def test_a_models_own_start_above_the_schedules_end_is_refused() -> None:
    raw = changed("models.gradual.start_classes", 5)
    raw["schedule"]["end_classes"] = 3
    assert refusal(raw) == f"{FILE}: models.gradual: start_classes 5 must not be above end_classes 3"


def test_a_typo_is_told_before_the_key_that_it_left_missing() -> None:
    raw = changed("models.gradual.loss", GONE)
    raw["models"]["gradual"]["lss"] = "nt_xent"
    assert "models.gradual.lss: unknown key; did you mean loss?" in refusal(raw)


def test_a_long_value_does_not_fill_the_screen() -> None:
    assert len(refusal(changed("seeds", [0] * 1000))) < 160


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("schedule.start_classes", 4, "schedule.start_classes=4: the data has 3 classes"),
        ("schedule.class_order", ["a", "b", "z"], "schedule.class_order: no class 'z'; known: a, b, c"),
        ("schedule.class_order", ["a", "b"], "schedule.class_order: must name each of the 3 classes once"),
        ("evaluation.subsets", {"few": 7}, "evaluation.subsets.few=7: must be 1 to 3, the number of classes"),
        ("models.probe.classes", 4, "models.probe.classes=4: the data has 3 classes"),
        ("models.gradual.start_classes", 4, "models.gradual.start_classes=4: the data has 3 classes"),
        ("labels.budget", 101, "labels.budget=101: 101 labels, but the pool has 100 images"),
        ("labels.budget", "40/class", "labels.budget=40/class: 120 labels, but the pool has 100 images"),
    ],
)
def test_what_the_data_cannot_give_is_refused(key: str, value: Any, said: str) -> None:
    raw = changed("evaluation.subsets", {})
    raw["labels"]["budget"] = 10
    section, last = key.rsplit(".", 1)
    node = raw
    for step in section.split("."):
        node = node[step]
    node[last] = value
    with pytest.raises(UserError) as refused:
        Params(raw).check_data(["a", "b", "c"], np.full(100, -1))
    assert str(refused.value).endswith(said)


def test_data_without_classes_are_not_held_against_them() -> None:
    assert Params(changed("labels.budget", 10)).check_data([], np.full(100, -1)) is None


def test_a_budget_above_the_answers_is_no_mistake() -> None:
    parameters = Params(changed("labels.file", "labels.csv", changed("labels.budget", 10)))
    said = parameters.check_data([], np.array([0] * 9 + [-1] * 91))
    assert said is not None and said.startswith("labels.budget=10: with the answers of labels.csv 9 images of the pool")
    assert parameters.check_data([], np.array([0] * 10 + [-1] * 90)) is None


@pytest.mark.parametrize("name", ["params.yaml", *preset.names()])
def test_the_projects_own_parameters_are_in_order(name: str) -> None:
    raw = blocks.base()
    Params(raw if name == "params.yaml" else preset.overlay(raw, preset.load(name))).check_blocks()


@pytest.mark.parametrize("section", FAMILIES)
def test_every_member_has_a_block_somewhere(section: str) -> None:
    family, _ = FAMILIES[section]
    # imagenet needs weights, which nobody has at the start
    assert set(families.names(family)) - {"imagenet"} <= set(blocks.blocks(section))


def test_a_name_on_the_command_line() -> None:
    models = Params(blocks.base()).models
    assert models.named(["probe"]) == "probe"
    for arguments, said in [([], "nothing"), (["prob"], "prob"), (["probe", "gradual"], "probe gradual")]:
        with pytest.raises(UserError, match=f"^{said}: give one name of params.yaml's models; .*known: supervised"):
            models.named(arguments)
    with pytest.raises(UserError, match=r"no models\.prob: did you mean probe\?"):
        models["prob"]


READ = """
import sys
from stages import preset
from stages.project import params
from stages.base.errors import run

def check():
    raw = params.read().raw
    for name in preset.names():
        params.Params(preset.overlay(raw, preset.load(name))).check_blocks()

run(check)
assert not {"torch", "torchvision", "timm", "sklearn", "scipy"} & set(sys.modules)
"""


def test_parameters_are_checked_without_torch_and_a_wrong_value_is_refused_as_with_it(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def read(raw: dict[str, Any]) -> tuple[int, str]:
        path.write_text(blocks.written(raw))
        command = [sys.executable, "-c", READ]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    assert read(blocks.base()) == (0, "")
    wrong = changed("models.gradual.temperature", 0)
    assert read(wrong) == (1, f"error: {refusal(wrong)}\n")
    hub = {"method": "hub", "library": "timm", "model": "resnet5O", "upscale": None, "weights": None}
    wrong = changed("pretrain.simclr", hub)
    code, said = read(wrong)
    assert (code, said) == (1, f"error: {refusal(wrong)}\n")
    assert "must be a model of timm, of which the nearest are resnet50" in said


def test_a_block_is_built_from_its_member_itself_after_its_excerpt_was_checked() -> None:
    parameters = Params(blocks.base())
    parameters.check_blocks()
    for section, (family, key) in FAMILIES.items():
        named = getattr(parameters, section)
        for name in named:
            block = named[name]
            assert type(block) is families.load(family, getattr(block, key)).Settings

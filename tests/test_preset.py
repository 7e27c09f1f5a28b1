from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stages import preset
from stages.base.errors import UserError
from stages.project import params, reading
from stages.project.params import FILE
from tests import blocks

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent


def test_the_presets_promised() -> None:
    promised = {"demo", "cpu", "gradual", "sandbox", "sparse", "contrastive", "pretraining", "learning"}
    assert promised | {"active", "baselines", "features", "selection", "selection_by_features"} <= set(preset.names())


@pytest.mark.parametrize("name", preset.names())
def test_dvc_makes_of_the_overrides_what_the_preset_means(name: str, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    wanted = preset.overlay(blocks.base(), preset.load(name))
    overrides = list(preset.overrides(blocks.base(), wanted))
    shutil.copy(ROOT / FILE, tmp_path)
    apply_overrides(tmp_path / FILE, overrides)
    assert reading.load_yaml(tmp_path / FILE) == wanted


@pytest.mark.parametrize("name", preset.names())
def test_the_overrides_pass_a_shell_unharmed(name: str) -> None:
    overrides = list(preset.overrides(blocks.base(), preset.overlay(blocks.base(), preset.load(name))))
    assert overrides
    for override in overrides:
        assert not set(override) & set(" \t\n'\"\\$`;&|<>()*?#!")


@pytest.mark.parametrize("name", preset.names())
def test_a_preset_names_no_key_that_params_lacks(name: str) -> None:
    def holds(base: dict, overlay: dict) -> None:
        for key, value in overlay.items():
            if key.startswith(".") or key in params.FAMILIES:
                continue
            assert key in base
            if isinstance(base[key], dict) and key != "subsets":
                holds(base[key], value)

    holds(blocks.base(), preset.load(name))


@pytest.mark.parametrize("name", preset.names())
def test_the_data_are_the_users_own(name: str) -> None:
    data = preset.load(name).get("data", {})
    assert "source" not in data
    assert name == "demo" or "name" not in data


def test_a_section_is_merged_and_a_family_replaced() -> None:
    base = {"data": {"name": "a", "size": 32}, "models": {"one": {"epochs": 1}, "two": {"epochs": 2}}}
    before = copy.deepcopy(base)
    found = preset.overlay(base, {".anchor": 1, "data": {"size": 8}, "models": {"two": {"epochs": 3}}})
    assert found == {"data": {"name": "a", "size": 8}, "models": {"two": {"epochs": 3}}}
    assert base == before
    assert list(preset.overrides(base, found)) == ["data.size=8", "~models.one", "models.two.epochs=3"]


def test_a_value_that_would_need_quotes_is_refused() -> None:
    with pytest.raises(UserError, match="'two words'"):
        list(preset.overrides({"data": {"name": "a"}}, {"data": {"name": "two words"}}))


@pytest.mark.parametrize("text", ["1e3", "1_000", "017", "true", "Null", ".5", "-inf", "é", ""])
def test_a_text_that_dvc_would_take_for_something_else_is_refused(text: str) -> None:
    """As a value, in a list, and as a key in braces."""
    for value in (text, [text], {"in": {text: 1}}):
        with pytest.raises(UserError, match="would need quotes on the command line"):
            list(preset.overrides({"data": {"name": "a"}}, {"data": {"name": value}}))


@pytest.mark.parametrize("text", ["no", "on", "y", "0o17", "2024-01-01", "1e", "400/class", "10%"])
def test_a_text_reaches_the_stages_through_dvc(text: str, tmp_path: Path) -> None:
    from dvc.utils.hydra import apply_overrides

    base, wanted = {"data": {"name": "a"}}, {"data": {"name": text, "classes": [text], "shares": {text: 1}}}
    (tmp_path / FILE).write_text("data:\n  name: a\n")
    apply_overrides(tmp_path / FILE, list(preset.overrides(base, wanted)))
    assert reading.load_yaml(tmp_path / FILE) == wanted


def test_a_preset_that_extends_another_lies_on_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preset, "_FOLDER", tmp_path)
    (tmp_path / "below.yaml").write_text("{labels: {budget: 5, strategy: a}, models: {one: {}}, seeds: [7]}")
    (tmp_path / "above.yaml").write_text("{extends: below, labels: {budget: 9}, models: {two: {}}}")
    wanted = {"labels": {"budget": 9, "strategy": "a"}, "models": {"two": {}}, "seeds": [7]}
    assert preset.load("above") == wanted
    (tmp_path / "above.yaml").write_text("extends: bellow")
    with pytest.raises(UserError, match="no preset 'bellow'; did you mean below"):
        preset.load("above")


def test_the_features_are_of_all_encoders_pretrained_here_and_of_system_bs_extractors() -> None:
    found, ours = preset.load("features"), preset.load("pretraining")["pretrain"]
    assert found["pretrain"] == ours
    assert {f"encoders/{name}" for name in ours} < {block["weights"] for block in found["extractors"].values()}
    cut = ("model", "layer", "upscale", "standardise")
    rows = {tuple(block.get(key) for key in cut) for block in found["extractors"].values()}
    vits = {f"vit_{size}_224.dino" for size in ("small_patch16", "small_patch8", "base_patch8")}
    nets = {"resnet50.tv_in1k", "wide_resnet50_2.tv_in1k", "densenet121", "resnet50"}
    assert {(model, "pool", size, True) for model in vits | nets for size in (32, 224)} < rows
    assert {(model, "pool", 32, False) for model in vits} < rows
    assert {("vgg16", layer, size, True) for layer in ("fc1", "fc2") for size in (32, 224)} < rows
    assert any("dinov2" in str(block.get("model")) for block in found["extractors"].values())


@pytest.mark.parametrize("name", preset.names())
def test_supervised_learning_and_fixmatch_see_as_many_labelled_images_a_step(name: str) -> None:
    """Else the table compares batches."""
    models = preset.load(name).get("models", {}).values()
    sizes = {block["batch_size"] for block in models if block["regime"] in ("supervised", "fixmatch", "finetune")}
    fixmatch = any(block["regime"] == "fixmatch" for block in models)
    assert len(sizes) == 1 or not fixmatch


@pytest.mark.parametrize("name", preset.names())
def test_presets_take_what_was_measured_to_be_better(name: str) -> None:
    """System A's and C's probes stay as these have them."""
    loaded = preset.load(name)
    for block in loaded.get("models", {}).values():
        assert block["acquisition"].get("normalise", True)
        assert block["regime"] != "label_propagation" or block["temperature"] == 0.2
        assert block["regime"] != "probe" or block["standardise"] is (name not in ("gradual", "contrastive"))
    for block in loaded.get("strategies", {}).values():
        assert block["strategy"] != "probcover" or 0.4 <= block["purity"] <= 0.6


def test_system_a_stands_as_its_text_and_as_its_code_have_it() -> None:
    """In its code the probe moves itself alone, and the supervised baseline sees no views and half of a batch."""
    models = preset.load("gradual")["models"]
    text, code = models["gradual_10"], models["gradual_10_as_coded"]
    assert {key for key in text if text[key] != code[key]} == {"probe_moves_encoder"}
    assert text["probe_moves_encoder"] and not code["probe_moves_encoder"]
    ours, theirs = models["supervised"], models["supervised_as_coded"]
    assert (theirs["views"], theirs["batch_size"], theirs["steps"]) == (None, ours["batch_size"] // 2, 86)


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"^no preset 'graduel'; did you mean gradual\? known: .*demo, .*gradual"):
        preset.load("graduel")


def test_the_command_prints_overrides_or_parameters(tmp_path: Path) -> None:
    def printed(*arguments: str) -> str:
        command = [sys.executable, "-m", "stages.preset", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    words = printed("demo").split()
    wanted = preset.overlay(blocks.base(), preset.load("demo"))
    assert words[::2] == ["-S"] * (len(words) // 2)
    assert words[1::2] == list(preset.overrides(blocks.base(), wanted))
    (tmp_path / FILE).write_text(printed("demo", "--params"))
    assert reading.load_yaml(tmp_path / FILE) == wanted


def test_only_some_pretraining_leaves_out_what_is_made_from_the_rest() -> None:
    whole = preset.overlay(blocks.base(), preset.load("pretraining"))
    some = preset.only(whole, ["scratch", "moco"])
    assert list(some["pretrain"]) == ["scratch", "moco"]
    assert list(some["extractors"]) == ["pixels", "scratch", "moco"]
    assert list(some["models"]) == ["scratch_probe", "moco_probe"]
    params.Params(some).check_blocks()
    with pytest.raises(UserError, match=r"--only mocco: no pretrain\.mocco; did you mean moco"):
        preset.only(whole, ["mocco"])

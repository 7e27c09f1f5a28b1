import os
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from stages import encoders
from stages.base import families
from stages.base.errors import UserError
from stages.project import estimate, params
from tests.blocks import base, settings, warm


def test_operations_of_known_nets() -> None:
    """ResNet-18 with the small stem at 32 px: 1.11 GFLOP; WRN-28-2: 0.43."""
    for encoder, wanted in (("resnet18", 1.11e9), ("wrn_28_2", 0.43e9)):
        block = settings("pretrain", "scratch", encoder=encoder)
        assert estimate.operations(block, 32) == pytest.approx(wanted, rel=0.01)


@pytest.mark.parametrize("encoder", families.names("encoders"))
def test_operations_are_those_that_torch_counts(encoder: str) -> None:
    block = settings("pretrain", "scratch", encoder=encoder)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        encoders.build(encoder, 64, [0.5] * 3, [0.25] * 3).eval()(torch.empty(1, 3, 64, 64))
    before = torch.get_rng_state()
    assert estimate.operations(block, 64) == counter.get_total_flops()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_the_headline_set_without_a_gpu_is_refused_with_a_way_out() -> None:
    raw = base()
    with pytest.raises(
        UserError, match=r"no GPU here: .* hours on \d+ CPU cores; try .*preset cpu.*compute.device=cpu"
    ):
        estimate.check(params.Params(raw), 45_000)
    raw["compute"]["device"] = "cpu"
    estimate.check(params.Params(raw), 45_000)


def test_small_sets_pass_without_a_word(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    raw = base()
    # at its own size it takes an hour without bfloat16
    raw["pretrain"]["ready"] |= {"upscale": 32}
    for blocks in (raw["pretrain"], raw["models"]):
        for block in blocks.values():
            block |= {"encoder": "conv4"} if "encoder" in block else {}
            block |= warm(block, 2) | ({"steps": 2} if "steps" in block else {}) if "epochs" in block else {}
    estimate.check(params.Params(raw), 45_000)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("budget", [4000, "400/class", "100%", "1%"])
@pytest.mark.parametrize("pool_size", [0, 30])
def test_a_budget_beyond_the_images_is_not_its_business(budget: int | str, pool_size: int) -> None:
    """A folder's images are not counted yet at download, its classes not even later."""
    raw = base()
    raw["labels"]["budget"] = budget
    # a number of steps takes its time whatever the images
    raw["models"] = {name: block for name, block in raw["models"].items() if block.get("steps") is None}
    estimate.check(params.Params(raw), pool_size)


def test_rounds_are_counted() -> None:
    """As many trainings as rounds, each with its labels, and a look at the pool before each request."""
    raw = base()
    raw["labels"]["budget"] = 1000
    raw["rounds"] |= {"start": 100, "step": 100}
    raw["models"] = {
        "whole": raw["models"]["supervised"] | {"steps": None, "epochs": 10},
        "few": raw["models"]["supervised"] | {"epochs": 10, "steps": 5},
        "probe": raw["models"]["probe"] | {"init": "scratch"},
    }
    for name in list(raw["models"]):
        raw["models"][f"{name}_asking"] = raw["models"][name] | {"follows": "rounds"}

    def work(name: str) -> float:
        """In forward passes of the encoder for one image."""
        one = estimate.hours(params.Params(raw), 20_000, False, "models", name)
        return one / estimate.hours(params.Params(raw), 20_000, False, "models", "whole") * 10 * 1000 * 3

    assert work("whole_asking") == pytest.approx(10 * sum(range(100, 1001, 100)) * 3 + 9 * 20_000)
    assert work("few_asking") == pytest.approx(10 * work("few") + 9 * 20_000)
    # a frozen encoder sees the same in every round
    assert work("probe_asking") == pytest.approx(sum(range(100, 1001, 100)) + 20_000)


def test_features_are_counted_once_for_all_seeds() -> None:
    raw = base()
    raw["models"] = {"supervised": raw["models"]["supervised"]}

    def work(*extractors: str) -> float:
        some = raw | {"extractors": {name: raw["extractors"][name] for name in ("pixels", *extractors)}}
        some["strategies"] = {"random": raw["strategies"]["random"] | {"extractor": "pixels"}}
        return estimate.hours(params.Params(some), 20_000, False)

    embedding = estimate.operations(params.Params(raw).pretrain["simclr"], 32) * 20_000
    assert (work("simclr") - work()) * 3600 * 40e9 * (os.cpu_count() or 1) == pytest.approx(embedding, rel=1e-3)
    assert work("ready") > work()

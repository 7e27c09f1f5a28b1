"""Images whose vectors are kept: what is embedded, and what it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stages import encoders, hub
from stages.embedding import stored
from stages.embedding.store import Store
from stages.embedding.stored import Stored
from stages.encoders import Encoder
from tests.images import CPU, of

MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def pictures(count: int, seed: int = 0, size: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)


def build(name: str = "conv4", seed: int = 0, size: int = 32) -> Encoder:
    torch.manual_seed(seed)
    return encoders.build(name, size, MEAN, STD).eval()


def opened(folder: Path, packed: np.ndarray, most: int = 10**9, **options: Any) -> tuple[Stored, Store]:
    store = Store(folder, most)
    return Stored(packed, np.arange(len(packed)), CPU, half=options.get("half", False), store=store), store


def test_gives_what_the_encoder_gives_and_embeds_each_image_once(tmp_path: Path) -> None:
    encoder, packed = build(), pictures(30)
    images, store = opened(tmp_path, packed)
    found = images.vectors(encoder)
    torch.testing.assert_close(found, of(packed).vectors(encoder), rtol=1e-4, atol=1e-5)
    assert (store.found, store.made) == (0, 30)
    # more images, in another order, by another process: the new ones alone are embedded
    more = np.concatenate([pictures(5, seed=1), packed[::-1]])
    images, store = opened(tmp_path, more)
    again = images.vectors(encoder)
    assert (store.found, store.made) == (30, 5)
    assert torch.equal(again[5:], found.flip(0))
    torch.testing.assert_close(again[:5], of(more[:5]).vectors(encoder), rtol=1e-4, atol=1e-5)


def test_only_the_chosen_are_embedded_and_copies_once(tmp_path: Path) -> None:
    encoder, packed = build(), pictures(10)[[0, 1, 2, 1, 1, 5]]
    images, store = opened(tmp_path, packed)
    found = images.vectors(encoder, torch.tensor([4, 0, 3]))
    assert store.made == 2
    assert torch.equal(found[0], found[2])
    images.vectors(encoder)
    assert store.made == 4


@pytest.mark.parametrize("name", ["conv4", "wrn_28_2"])
def test_a_vector_does_not_hang_on_what_is_embedded_with_it(name: str, tmp_path: Path) -> None:
    encoder, packed = build(name), pictures(300)
    whole = opened(tmp_path / "all", packed)[0].vectors(encoder)
    for few in ([299], [7, 0], list(range(100, 280))):
        alone = opened(tmp_path / str(len(few)), packed)[0].vectors(encoder, torch.tensor(few))
        assert torch.equal(alone, whole[few])


def test_whatever_changes_a_vector_makes_it_another_encoder(tmp_path: Path) -> None:
    packed = pictures(4)
    kinds = [build(), build(seed=1), build("conv4_bn"), encoders.build("conv4", 32, (0.4, 0.5, 0.5), STD)]
    kinds[3].body.load_state_dict(kinds[0].body.state_dict())
    for encoder in kinds:
        images, store = opened(tmp_path, packed)
        images.vectors(encoder)
        assert store.made == 4
    images, store = opened(tmp_path, packed, half=True)
    images.vectors(kinds[0])
    assert store.made == 4
    digests = {encoders.digest(encoder) for encoder in kinds}
    assert len(digests) == 4


def test_the_same_weights_in_another_folder_are_the_same_encoder(tmp_path: Path) -> None:
    encoder = build()
    encoders.save(encoder, tmp_path)
    assert encoders.digest(encoders.load(tmp_path)) == encoders.digest(encoder.to(memory_format=torch.channels_last))


def test_the_size_of_a_hubs_input_is_part_of_its_encoder() -> None:
    made = []
    for upscale in (32, 48):
        choice = hub.Choice(library="timm", model="resnet10t", upscale=upscale)
        torch.manual_seed(0)
        network = hub.empty(choice)
        made.append(encoders.wrap(choice, network, 16))
    made[1].load_state_dict(made[0].state_dict())
    assert encoders.digest(made[0]) != encoders.digest(made[1])


def test_a_killed_run_loses_what_no_shard_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.encoders._encoder.CPU_PIXELS", 10 * 32 * 32)
    monkeypatch.setattr(stored, "_SECONDS", -1)
    encoder, packed = build(), pictures(50)
    images, _ = opened(tmp_path, packed)
    calls = 0
    forward = Encoder.forward

    def killed(self: Encoder, batch: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return forward(self, batch)

    monkeypatch.setattr(Encoder, "forward", killed)
    with pytest.raises(KeyboardInterrupt):
        images.vectors(encoder)
    images, store = opened(tmp_path, packed)
    found = images.vectors(encoder)
    assert (store.found, store.made) == (30, 20)
    whole, _ = opened(tmp_path / "other", packed)
    assert torch.equal(whole.vectors(encoder), found)


def test_no_image_gives_no_vector(tmp_path: Path) -> None:
    images, store = opened(tmp_path, pictures(0))
    assert images.vectors(build()).shape == (0, build().dim)
    assert store.made == 0


def test_a_network_that_gives_too_few_vectors_fills_no_place_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Encoder, "forward", lambda self, batch: batch.flatten(1)[:1, : self.dim])
    images, _ = opened(tmp_path, pictures(5))
    with pytest.raises(ValueError, match="the network gave 1 vectors for"):
        images.vectors(build())


def test_a_librarys_model_is_not_made_where_its_vectors_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = hub.Choice(library="timm", model="resnet10t", upscale=32)
    torch.manual_seed(0)
    encoders.save(encoders.wrap(choice, hub.empty(choice), 16), tmp_path / "made")
    packed = pictures(6, size=16)
    images, store = opened(tmp_path / "store", packed)
    found = images.vectors(encoders.unread(tmp_path / "made"))

    def never(choice: hub.Choice) -> hub.Network:
        raise AssertionError("made")

    monkeypatch.setattr(hub, "empty", never)
    unread = encoders.unread(tmp_path / "made")
    images, store = opened(tmp_path / "store", packed)
    assert torch.equal(images.vectors(unread), found)
    # kept by a model that did not move it, it is the same encoder
    encoders.save(unread, tmp_path / "model")
    images, store = opened(tmp_path / "store", packed)
    assert torch.equal(images.vectors(encoders.unread(tmp_path / "model")), found)
    assert store.made == 0
    monkeypatch.undo()
    images, store = opened(tmp_path / "empty", packed)
    assert torch.equal(images.vectors(encoders.unread(tmp_path / "model")), found)
    assert store.made == 6

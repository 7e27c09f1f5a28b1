"""The probe's head: logistic regression on standardised features, as scikit-learn's, and saved whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from stages import encoders
from stages.encoders import Chain
from stages.regimes import probe
from stages.supervision.exposure import Told, fixed
from stages.training import measure, saved
from stages.training.images import Images
from stages.training.loop import fit, seed_all
from stages.training.standardised import Standardised
from tests.blocks import blocks
from tests.digits import HARDWARE, digits
from tests.tiny import CPU, make, pictures, train

TOLD = 200
# steps enough to come to the minimum
BLOCK = {
    "epochs": 100,
    "steps": 20,
    "batch_size": TOLD,
    "optimiser": {
        "name": "adam",
        "rate": 0.003,
        "momentum": 0.9,
        "weight_decay": 0.03,
        "decay": "cosine",
        "warmup": 0,
    },
    "views": None,
    "standardise": True,
}


class Unlike(nn.Module):
    """Multiplies features by factors from 0.01 to 100, and moves them: pretrained nets are not so kind either."""

    def forward(self, features: Tensor) -> Tensor:
        return features * torch.logspace(-2, 2, features.shape[1]) + 3


def trained(path: Path, **changes: object) -> tuple[probe.Probe, Tensor, Tensor]:
    """A probe on 200 digits told of 600, and the features of these 600 and of the held out."""
    images, labels, held_out, _ = digits()
    body = Chain(64, pool=nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(3, 1, 1), nn.Flatten(), Unlike()))
    seed_all(0, 0)
    encoder = encoders.Encoder("unlike", 32, [0.5] * 3, [0.25] * 3, body)
    settings = probe.Settings.model_validate(blocks("models")["probe"] | BLOCK | changes)
    model = probe.build(encoder, 10, settings, len(images))
    world = fixed(labels, np.arange(TOLD), 10, settings.epochs)
    fit(model, images, Told(labels, world), world, seed=0, hardware=HARDWARE, resume=path)
    return model, measure.embed(encoder, images, half=False), measure.embed(encoder, held_out, half=False)


def test_it_is_scikit_learn_s_logistic_regression_on_standardised_features(tmp_path: Path) -> None:
    model, features, held_out = trained(tmp_path / "a")
    _, labels, _, truth = digits()
    scaler = StandardScaler().fit(features.numpy())
    vectors, others = scaler.transform(features[:TOLD].numpy()), scaler.transform(held_out.numpy())
    decay = model.settings.optimiser.weight_decay
    theirs = LogisticRegression(C=1 / (decay * TOLD), max_iter=2000).fit(vectors, labels[:TOLD])
    predicted = measure.classify(model.head, held_out)
    assert (predicted == theirs.predict(others)).mean() > 0.99
    assert abs((predicted == truth).mean() - theirs.score(others, truth)) < 0.01
    probabilities = model.head(held_out).softmax(1).detach().numpy()
    np.testing.assert_allclose(probabilities, theirs.predict_proba(others), atol=0.03)


def test_it_is_standardised_by_the_pool_labelled_or_not(tmp_path: Path) -> None:
    model, features, _ = trained(tmp_path / "a", epochs=1)
    assert isinstance(model.head, Standardised)
    np.testing.assert_allclose(model.head.mean, features.mean(0), rtol=1e-4)
    np.testing.assert_allclose(model.head.deviation, features.std(0, correction=0), rtol=1e-4)


def test_a_feature_that_never_varies_stays_finite() -> None:
    head = Standardised(3, 2)
    head.fit(torch.tensor([[1.0, 5, 0], [3.0, 5, 0]]))
    assert head.inputs(torch.tensor([[3.0, 5, 1]])).tolist() == [[1, 0, 1]]


def test_raw_features_stay_a_choice(tmp_path: Path) -> None:
    method, _ = train("models", "probe", tmp_path / "a", standardise=False)
    assert set(method.head.state_dict()) == {"weight", "bias"}  # type: ignore[operator]


def test_what_is_saved_and_loaded_says_the_same(tmp_path: Path) -> None:
    method, _ = train("models", "probe", tmp_path / "a", standardise=True)
    encoder, head = method.kept()  # type: ignore[operator]
    encoders.save(encoder, tmp_path / "model")
    save_file(dict(head.state_dict()), tmp_path / "model" / "head.safetensors")
    loaded, again = saved.load(tmp_path / "model")
    vectors = measure.embed(loaded, Images(pictures(), np.arange(60), CPU), half=False)
    assert head.mean.any() and torch.equal(again(vectors), head(vectors))


def test_a_run_that_goes_on_keeps_what_it_standardises_by(tmp_path: Path) -> None:
    """In the middle of a run the features may be those of more classes."""
    whole, _ = train("models", "probe", tmp_path / "a", standardise=True, epochs=3)
    method, _ = make("models", "probe", standardise=True, epochs=3)
    method.load_state_dict(whole.state_dict())
    assert torch.equal(method.head.mean, whole.head.mean)  # type: ignore[union-attr]

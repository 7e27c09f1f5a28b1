"""A trained classifier as a file that runs without this project: ONNX."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from stages import encoders
from stages.base.errors import UserError
from stages.encoders import Encoder

# of probabilities: rounding gives some 1e-6
SAME = 1e-4


class Classifier(nn.Module):
    """Probabilities float32 [N, C] of images uint8 [N, S, S, 3]: what follows after a picture is cut and resized."""

    def __init__(self, encoder: Encoder, head: nn.Module, temperature: float) -> None:
        super().__init__()
        self.encoder, self.head, self.temperature = encoders.fixed(encoder), head, temperature

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.encoder(images.permute(0, 3, 1, 2).float() / 255))
        return (logits / self.temperature).softmax(1)


def write(classifier: Classifier, size: int, about: Mapping[str, str], path: Path) -> None:
    """Writes it to a .onnx file, for any number of images of `size` px at once: `images` in, `probabilities` out.

    about: what the file says of itself. Raises UserError for a network that ONNX can't say.
    """
    import onnx

    # two: a single image would be taken for the only number
    example = torch.zeros(2, size, size, 3, dtype=torch.uint8)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                classifier.eval().requires_grad_(False),
                (example,),
                dynamo=True,
                verbose=False,
                input_names=["images"],
                output_names=["probabilities"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
            )
    except torch.onnx.errors.OnnxExporterError as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(f"ONNX can't say this network ({reason}); take a model with another encoder") from None
    assert program is not None
    found = program.model_proto
    onnx.helper.set_model_props(found, dict(about))
    onnx.save(found, path)


def furthest(path: Path, classifier: Classifier, images: np.ndarray) -> float:
    """The largest difference between the file's probabilities, by onnxruntime, and the classifier's, of images uint8
    [n, S, S, 3]. 0 without images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    apart = 0.0
    for image in images:
        with torch.inference_mode():
            wanted = classifier(torch.from_numpy(image[None])).numpy()
        (found,) = session.run(["probabilities"], {"images": image[None]})
        apart = max(apart, float(np.abs(found - wanted).max()))
    return apart

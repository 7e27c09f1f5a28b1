from __future__ import annotations

import numpy as np

from stages.extractors import pixels
from tests.images import of


def test_values_are_shares_of_white_in_the_order_of_the_image() -> None:
    images = np.zeros((2000, 2, 2, 3), np.uint8)
    images[1999, 0, 1] = [0, 51, 255]
    settings = pixels.Settings(extractor="pixels", weights="none")
    found = pixels.extract(of(images), settings, None)
    assert found.shape == (2000, 12)
    np.testing.assert_allclose(found[1999], [0, 0, 0, 0, 0.2, 1, 0, 0, 0, 0, 0, 0], rtol=1e-6)
    assert not found[:1999].any()

"""Where a curve turns."""

from __future__ import annotations

import numpy as np


def elbow(values: np.ndarray) -> int:
    """Where the rising values [n], n >= 1, turn from flat to steep: the place of the one farthest below the chord from
    the first to the last, ties to the lower.

    The difference curve of Kneedle (Satopaa et al., 2011) with all of the points and no smoothing. A far outlier at
    the end moves the chord, and with it the elbow.
    """
    rise = values[-1] - values[0]
    if len(values) < 2 or rise <= 0:
        return 0
    return int(np.argmax(np.linspace(0, 1, len(values)) - (values - values[0]) / rise))

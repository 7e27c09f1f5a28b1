"""Ways to learn from labels, one file each.

A member has `Settings` (with `regime`, its file's name), `cost(settings)` (the work for one image of a batch, in
forward passes of the encoder; backward counts two) and `build(encoder, classes, settings, schedule, images) ->
Classifier`: `classes` is the number of outputs, `schedule` the section of that name for a block that follows it, else
None, `images` the size of the pool.
"""

from stages.regimes._classifier import Classifier

__all__ = ["Classifier"]

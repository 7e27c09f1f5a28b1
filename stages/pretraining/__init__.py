"""Ways to learn without labels, one file each.

A member has `Settings` (with `method`, its file's name, and `encoder`), `cost(settings)` (the work for one image, in
forward passes of the encoder; backward counts two) and `build(encoder, settings, images) -> Method`, where `images` is
the size of the pool. One that trains nothing has no cost, and builds None.

One that brings an encoder of its own has, in place of that parameter, `encoder(settings, size, weights) -> Encoder`,
where `weights` is the file that `settings.weights` names, or None, and `untrained(settings, size) -> Encoder`, the same
with random weights.
"""

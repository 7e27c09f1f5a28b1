"""Ways to learn without labels, one file each.

A tenant has `Settings` (with `method`, its file's name, and `encoder`), `cost(settings)` (the work for one image, in
forward passes of the encoder; backward counts two) and `build(encoder, settings, images) -> Method`, where `images` is
the size of the pool.
"""

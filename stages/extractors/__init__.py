"""Ways to turn images into feature vectors, one file each.

A member has `Settings` (with `extractor`, its file's name, and `weights`) and
`extract(images uint8 [N, S, S, 3], settings, weights, device) -> float32 [N, d]`, where `weights` is the file or the
folder that `settings.weights` names, or None.
"""

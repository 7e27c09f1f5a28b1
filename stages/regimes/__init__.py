"""Ways to learn from labels, one file each.

A tenant has `Settings` (with `regime`, its file's name), `COST` (the work for one image, in forward passes) and
`build(encoder, classes, settings, schedule) -> Classifier`: `classes` is the number of outputs, `schedule` the section
of that name for a block that follows it, else None.
"""

"""Ways to learn from labels, one file each.

A tenant has `Settings` (with `regime`, its file's name) and
`build(encoder, classes, settings, schedule) -> Classifier`: `classes` is the number of outputs, `schedule` the section
of that name for a block that follows it, else None.
"""

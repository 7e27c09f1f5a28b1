#!/usr/bin/env bash
# torch's fused SGD with momentum stops at the step in which a parameter gets its first gradient later than others.
#
# Versions: torch 2.14.1, numpy 2.4.6, on the processor.
# Guess: fused, foreach and the plain loop are three ways to compute the same step, so that what runs with one runs
#   with all. A parameter whose gradient is None is passed over, and its momentum starts with its first gradient.
# Seen: the plain loop and foreach do so and agree. fused=True raises "TypeError: expected Tensor as element 1 in
#   argument 2, but got NoneType", and no parameter moves. Without momentum it runs; so does fused AdamW. With the
#   late parameter in a group of its own, or with buffers of zeros set beforehand, it runs and agrees with the others.
#   (The fused step makes the buffers of a group only where none has one; for a late one it hands on None.)
# Why it matters: a head that joins later, or a layer thawed after some epochs, is usual where an encoder is trained in
#   stages. The training runs, perhaps for hours, and stops at the switch; only fused=True was changed, for speed.
#   Buffers of zeros are the same as a first gradient only where dampening is 0 (the default).
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
# some GB, of which this needs the processor's part
"$work/venv/bin/pip" install --quiet torch==2.14.1 numpy==2.4.6

cat >"$work/late.py" <<'PYTHON'
import torch


def train(kind=torch.optim.SGD, groups=1, zeros=False, **how):
    """Three steps; `late` gets a gradient from the second on. Returns both values at the end, or the error."""
    early, late = (torch.nn.Parameter(torch.ones(1)) for _ in range(2))
    rule = kind([early, late] if groups == 1 else [{"params": [early]}, {"params": [late]}], lr=0.1, **how)
    if zeros:
        for parameter in (early, late):
            rule.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    for step in range(3):
        rule.zero_grad()
        loss = early.square().sum()
        if step > 0:
            loss = loss + late.square().sum()
        loss.backward()
        before = early.item(), late.item()
        try:
            rule.step()
        except TypeError as error:
            moved = (early.item(), late.item()) != before
            return f"step {step + 1}: TypeError: {error}; moved: {moved}"
    return f"{early.item():.3f} {late.item():.3f}"


print("plain:", train(momentum=0.9, foreach=False))
print("foreach:", train(momentum=0.9, foreach=True))
print("fused:", train(momentum=0.9, fused=True))
print("fused, a group each:", train(momentum=0.9, fused=True, groups=2))
print("fused, buffers of zeros:", train(momentum=0.9, fused=True, zeros=True))
print("plain, no momentum:", train(foreach=False))
print("fused, no momentum:", train(fused=True))
print("plain AdamW:", train(torch.optim.AdamW, foreach=False))
print("fused AdamW:", train(torch.optim.AdamW, fused=True))
PYTHON

expected='plain: 0.062 0.460
foreach: 0.062 0.460
fused: step 2: TypeError: expected Tensor as element 1 in argument 2, but got NoneType; moved: False
fused, a group each: 0.062 0.460
fused, buffers of zeros: 0.062 0.460
plain, no momentum: 0.512 0.640
fused, no momentum: 0.512 0.640
plain AdamW: 0.699 0.799
fused AdamW: 0.699 0.799'
seen=$("$work/venv/bin/python" "$work/late.py")
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi

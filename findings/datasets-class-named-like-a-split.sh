#!/usr/bin/env bash
# Hugging Face's datasets, of an image folder by class, keeps one class alone where its name has a split's word in it.
#
# Versions: datasets 5.2.0, pillow 13.0.0.
# Guess: `load_dataset("imagefolder", data_dir=...)` of one folder a class gives every image, with the folder as its
#   label, as torchvision's ImageFolder does, whatever the classes are called.
# Seen: of cat, dog and bird six images with three labels. Of cat, dog and "val" two images, the split `validation`, with
#   no label; cat and dog are gone. The same with "testing rig" (the split `test`) and "training-shoe" (`train`), words
#   in a longer name. No warning, no error. With the split's pattern given, all three classes are back.
# Why it matters: classes of inspection and retail data have such names. Who trains on what was loaded has lost all
#   other classes, and the labels. Whoever hands on such a folder should write the patterns into its README.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet datasets==5.2.0 pillow==13.0.0

export HOME="$work" HF_HOME="$work/hub" HF_HUB_OFFLINE=1
cd "$work"
cat >seen.py <<'PYTHON'
from pathlib import Path

import datasets
from PIL import Image

datasets.disable_progress_bars()
for odd in ("bird", "val", "testing rig", "training-shoe"):
    folder = Path(f"case{len(list(Path().glob('case*')))}")
    for place, name in enumerate(("cat", "dog", odd)):
        (folder / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (4, 4), (place * 50, number * 100, 0)).save(folder / name / f"{number}.png")
    for how, more in (("", {}), (", with its pattern", {"data_files": {"train": "*/*"}})):
        found = datasets.load_dataset("imagefolder", data_dir=str(folder), **more)
        shown = ", ".join(
            f"{split} {len(one)} images, labels {getattr(one.features.get('label'), 'names', None)}"
            for split, one in found.items()
        )
        print(f"cat, dog, {odd}{how}: {shown}")
PYTHON

expected="cat, dog, bird: train 6 images, labels ['bird', 'cat', 'dog']
cat, dog, bird, with its pattern: train 6 images, labels ['bird', 'cat', 'dog']
cat, dog, val: validation 2 images, labels None
cat, dog, val, with its pattern: train 6 images, labels ['cat', 'dog', 'val']
cat, dog, testing rig: test 2 images, labels None
cat, dog, testing rig, with its pattern: train 6 images, labels ['cat', 'dog', 'testing rig']
cat, dog, training-shoe: train 2 images, labels None
cat, dog, training-shoe, with its pattern: train 6 images, labels ['cat', 'dog', 'training-shoe']"
seen=$("$work/venv/bin/python" seen.py 2>"$work/said")
echo "$seen"
if grep -iE 'warn|ignor|skip' "$work/said"; then echo "it says so"; exit 1; fi
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi

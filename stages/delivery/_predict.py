"""python predict.py IMAGE ... > predictions.csv: of each image its class, the probability, and what to do with it."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

about = json.loads(Path(__file__).with_name("model.json").read_text(encoding="utf-8"))
model, size = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx")), about["size"]
out = csv.writer(sys.stdout)
out.writerow(["image", "guess", "probability", "verdict"])
for path in sys.argv[1:]:
    image = Image.open(path)
    if image.mode[0] in "FI":
        sys.exit(f"{path}: it has more than 8 bits a pixel; save it with 8")
    if image.format == "JPEG" and min(image.size) >= 4 * size:
        image.draft("RGB", (2 * size, 2 * size))
    upright = ImageOps.exif_transpose(image)
    if upright.has_transparency_data:
        white = Image.new("RGBA", upright.size, "white")
        upright = Image.alpha_composite(white, upright.convert("RGBA"))
    # the largest square in the middle
    side, (width, height) = min(upright.size), upright.size
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    square = upright.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    ((chances,),) = model.run(None, {"images": np.asarray(square)[None]})
    chance = chances.max()
    verdict = "accept" if chance >= (about["accept_from"] or 2) else "review" if chance >= 0.5 else "ask"
    out.writerow([path, about["classes"][chances.argmax()], f"{chance:.6g}", verdict])

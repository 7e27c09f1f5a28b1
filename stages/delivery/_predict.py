"""python predict.py FILE_OR_FOLDER ... > predictions.csv: the class of each image, its probability, and what to do."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

about = json.loads(Path(__file__).with_name("model.json").read_text(encoding="utf-8"))
model, size = onnxruntime.InferenceSession(Path(__file__).with_name("model.onnx")), about["size"]
out, failed = csv.writer(sys.stdout), False
out.writerow(["image", "guess", "probability", "verdict"])
given = [path for name in sys.argv[1:] for path in (sorted(Path(name).rglob("*")) or [Path(name)])]
for path in (path for path in given if not path.is_dir()):
    try:
        image = Image.open(path)
        if image.mode[0] in "FI":
            raise OSError("more than 8 bits a pixel; save it with 8")
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
    except Exception as error:  # Pillow's readers raise nearly anything on what is no picture
        print(f"{path}: left out: {error}", file=sys.stderr)
        failed = True
        continue
    ((chances,),) = model.run(None, {"images": np.asarray(square)[None]})
    chance = chances.max()
    verdict = "accept" if chance >= (about["accept_from"] or 2) else "review" if chance >= 0.5 else "ask"
    out.writerow([path, about["classes"][chances.argmax()], f"{chance:.6g}", verdict])
sys.exit(failed)

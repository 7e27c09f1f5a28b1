#!/usr/bin/env bash
# Pillow turns a TIFF in which 0 is white (PhotometricInterpretation 0) if it has 8 bits, and does not if it has 16.
#
# Versions: pillow 13.0.0, numpy 2.4.6.
# Guess: the same picture with 8 and with 16 bits is read with the same shades; WhiteIsZero is one of the two kinds of
#   greys of TIFF 6.0, and scanners and X-ray machines write it.
# Seen: a ramp from white to black is read as 255, 170, 85, 0 with 8 bits, and as 0, 21845, 43690, 65535 with 16: the
#   negative. Nothing is said.
# Why it matters: in a folder with both, half of the pictures are negatives. Whoever reads 16 bits has to look at tag 262.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6

expected="8 bits: [255, 170, 85, 0]
16 bits: [0, 21845, 43690, 65535]"
seen=$(
    "$work/venv/bin/python" - <<'PYTHON'
import io, struct
import numpy as np
from PIL import Image

for bits, kind in ((8, np.uint8), (16, np.uint16)):
    ramp = (np.array([[0, 85, 170, 255]], dtype=np.uint16) * (257 if bits == 16 else 1)).astype(kind)
    out = io.BytesIO()
    Image.fromarray(ramp).save(out, "TIFF")
    data = bytearray(out.getvalue())
    data[data.index(struct.pack("<HHI", 262, 3, 1)) + 8] = 0  # 1, black is zero, becomes 0, white is zero
    print(f"{bits} bits:", np.asarray(Image.open(io.BytesIO(data)))[0].tolist())
PYTHON
)
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi

"""Which images to label, and how to learn from them."""

import gc
import sys

# what `python -m stages.<stage>` imports stays, and the collector's looking through it takes a fifth of a short stage;
# errors.run turns it on again
if sys.argv[:1] == ["-m"]:
    gc.disable()

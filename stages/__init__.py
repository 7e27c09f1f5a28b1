"""Which images to label, and how to learn from them."""

import sys

# as `python -m stages.<stage>` finds it; who imports the package keeps what is his
if sys.argv[:1] == ["-m"]:
    from stages.base import start

    start.begin()

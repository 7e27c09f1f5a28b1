#!/usr/bin/env bash
# scikit-activeml's ProbCover chooses from a second pool by the distances of the first.
#
# Versions: scikit-activeml 1.0.1, scikit-learn 1.9.1, numpy 2.4.6.
# Guess: query(X, y) chooses from the X that it is given, as the strategies beside it in the package do; X and y are
#   arguments of query, and there is no fit.
# Seen: the first query keeps the distances between its points, and the radius found from them. A later query of the
#   same object uses both, whatever its X: of a second pool of the same size it names a point that covers only itself,
#   where a new object names one that covers 20. A new `deltas`, by set_params, is passed over too. query(...,
#   update=True) takes both in; the docstring of query does not name `update`. TypiClust, asked the same way, chooses
#   from the second pool. (A pool of another size raises an IndexError about a mask.)
# Why it matters: a loop over data sets, over folds or over features of a growing encoder asks one object again and
#   again. The choices come without a warning and look plausible, and a comparison then measures ProbCover on the wrong
#   points. Make a new object for each pool, or pass update=True.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-activeml==1.0.1 scikit-learn==1.9.1 numpy==2.4.6

cat >"$work/pools.py" <<'PYTHON'
import warnings

import numpy as np
from skactiveml.pool import ProbCover, TypiClust

# one radius given leaves nothing to measure the purity of, which it warns of
warnings.filterwarnings("ignore", message="The maximum purity was -1")


def pool(dense):
    """60 points on a line, 10 apart, but those of `dense`, which lie within a thousandth of one another."""
    points = np.stack([np.arange(60) * 10.0, np.zeros(60)], axis=1)
    points[dense] = 1000 + np.linspace(0, 0.001, len(points[dense]))[:, None]
    return points


def covered(points, pick):
    """How many points, itself among them, the pick has within the radius of 1."""
    return int((np.linalg.norm(points - points[pick], axis=1) <= 1).sum())


first, second, unlabelled = pool(slice(0, 20)), pool(slice(40, 60)), np.full(60, np.nan)
for name, make in {
    "ProbCover": lambda: ProbCover(deltas=[1.0], random_state=0),
    "TypiClust": lambda: TypiClust(random_state=0, k=5),
}.items():
    used = make()
    print(name, "first pool:", covered(first, used.query(first, unlabelled)[0]), end="; ")
    print("second pool, same object:", covered(second, used.query(second, unlabelled)[0]), end="; ")
    print("second pool, new object:", covered(second, make().query(second, unlabelled)[0]))
    if name == "ProbCover":
        print("with update=True:", covered(second, used.query(second, unlabelled, update=True)[0]))

used = ProbCover(deltas=[1.0], random_state=0)
used.query(first, unlabelled)
used.set_params(deltas=[5000.0])
print("radius after set_params(deltas=[5000]):", end=" ")
used.query(first, unlabelled)
print(used.delta_max_)
print("the docstring of query names update:", "update" in ProbCover.query.__doc__)
PYTHON

expected='ProbCover first pool: 20; second pool, same object: 1; second pool, new object: 20
with update=True: 20
TypiClust first pool: 20; second pool, same object: 20; second pool, new object: 20
radius after set_params(deltas=[5000]): 1.0
the docstring of query names update: False'
seen=$("$work/venv/bin/python" "$work/pools.py")
echo "$seen"
if [ "$seen" != "$expected" ]; then
    echo "changed: these were the lines"
    echo "$expected"
    exit 1
fi

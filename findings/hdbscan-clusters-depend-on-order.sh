#!/usr/bin/env bash
# scikit-learn's HDBSCAN finds other clusters in the same points in another order, though no two distances are equal.
#
# Versions: scikit-learn 1.9.1, numpy 2.4.6.
# Guess: HDBSCAN has no random state, and its documentation names no order of the points; so where all distances between
#   points differ, the clusters are those of the points, whatever their order.
# Seen: of 60 sets of 200 normal points in 8 dimensions, some come apart otherwise once they are permuted, and in the worst
#   case nothing is left of the agreement (adjusted Rand index 0: clusters in one order, noise alone in the other).
#   Distances differ, but mutual reachability takes the larger of a distance and two core distances, and so has ties: the
#   minimum spanning tree is one of several, and the condensed tree that is read off it hangs on which.
# Why it matters: who chooses images by these clusters gets another choice for another order of the files, and a comparison
#   "with the same data" is none unless the order is the same. Fix the order, and say which it is.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet scikit-learn==1.9.1 numpy==2.4.6

cat >"$work/order.py" <<'PYTHON'
import warnings

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.cluster import HDBSCAN
from sklearn.metrics import adjusted_rand_score

# of a default that will change, and changes nothing here
warnings.simplefilter("ignore")

agreements = []
for seed in range(60):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(200, 8))
    assert len(np.unique(pdist(points))) == 200 * 199 // 2
    order = rng.permutation(200)
    first = HDBSCAN(min_cluster_size=5, algorithm="kd_tree").fit_predict(points)
    second = np.empty_like(first)
    second[order] = HDBSCAN(min_cluster_size=5, algorithm="kd_tree").fit_predict(points[order])
    agreements.append(adjusted_rand_score(first, second))
others = sum(one < 1 for one in agreements)
print(f"{others} of 60 sets have other clusters in another order; adjusted Rand index of the worst: {min(agreements):.2f}")
raise SystemExit(others == 0)
PYTHON
"$work/venv/bin/python" "$work/order.py"

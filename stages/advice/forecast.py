"""How accuracy grows with labels: a power law through what was measured, and what it promises of more labels.

    error(n) = a * n^-b + c,    a >= 0, b > 0, c >= 0,    with n labels and error = 1 - accuracy

(Figueroa et al. 2012 for budgets of labels; Hestness et al. 2017; Rosenfeld et al. 2020.) It is a summary, no law of
nature. A model hardly better than chance improves more slowly at first than the law has it, so that points from there
make the forecast ask for too many labels; the floor shows late, and before that the forecast asks for too few. So trust
it up to about `REACH` times the labels told so far, and only if nothing but the labels changes along the curve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.base import draws

REACH = 4  # times the labels so far
CONFIDENCE = 0.95
_POWERS = np.geomspace(0.001, 3, 161)
_PRIOR = 4  # degrees of freedom


@dataclass(frozen=True)
class Points:
    """Measured so far, all [k]: labels told, ascending; accuracy, a mean over seeds; spread, the standard deviation
    over them (NaN: not known); seeds, how many. offset: the standard deviation over seeds of what a seed has on average
    over all points (NaN: not known), for a seed that is lucky once is often lucky throughout."""

    labels_told: np.ndarray
    accuracy: np.ndarray
    spread: np.ndarray
    seeds: np.ndarray
    offset: float = np.nan

    @property
    def counts(self) -> int:
        """How many different numbers of labels were told."""
        return len(np.unique(self.labels_told))

    @property
    def last(self) -> float:
        """The mean accuracy with the most labels."""
        return float(self.accuracy[self.labels_told == self.labels_told[-1]].mean())


@dataclass(frozen=True)
class Law:
    """error(n) = drop * (n / labels_told)^-power + floor, in which `labels_told` is the most so far, so that `drop` is
    what more labels can still take away. One law (numbers), or one for each sample ([m])."""

    labels_told: float
    drop: np.ndarray
    power: np.ndarray
    floor: np.ndarray

    def accuracy(self, labels: np.ndarray) -> np.ndarray:
        """[..., g] for g numbers of labels."""
        reducible = np.exp(-self.power[..., None] * np.log(labels / self.labels_told))
        return 1 - self.floor[..., None] - self.drop[..., None] * reducible

    @property
    def now(self) -> np.ndarray:
        """The accuracy at `labels_told`."""
        return 1 - self.floor - self.drop

    def more(self, accuracy: float) -> np.ndarray:
        """How many labels more than `labels_told` reach the accuracy: none where it is there already, infinite where
        the law never gets there."""
        above = 1 - self.floor - accuracy
        with np.errstate(over="ignore", divide="ignore"):
            needed = self.labels_told * np.expm1(np.log(self.drop / np.where(above > 0, above, np.nan)) / self.power)
        return np.where(above > 0, np.maximum(needed, 0), np.where(accuracy > self.now, np.inf, 0))


@dataclass(frozen=True)
class More:
    """Labels to add for a gain, and the ends of the interval; None where there is none. Infinite: out of reach."""

    labels: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Forecast:
    """The law through the points, and laws through samples of what might as well have been measured (None: the spread
    is not known)."""

    points: Points
    law: Law
    samples: Law | None

    @property
    def trusted(self) -> float:
        """Up to how many labels more than those told so far the law is taken to hold."""
        return (REACH - 1) * self.law.labels_told

    @property
    def helped(self) -> bool:
        """Whether the error fell with labels at all."""
        return bool(self.law.drop > 0)

    @property
    def now(self) -> float:
        """The accuracy with the labels told so far, as the law has it."""
        return float(self.law.now)

    @property
    def start(self) -> float:
        """What a gain is counted from: the accuracy measured last, or by the law where that is higher. A next point
        below what has been measured would be none."""
        return max(self.now, self.points.last)

    def endless(self, more: More) -> bool:
        """Whether its interval has no upper end within what is trusted: the number inside it would be no advice."""
        return more.high is not None and more.high > self.trusted

    def more(self, gain: float) -> More:
        """The labels to add for so much more accuracy (0.01: a point) than `start`."""
        goal = self.start + gain
        found = float(self.law.more(goal))
        if self.samples is None:
            return More(found, None, None)
        # the same accuracy for all: samples differ in where they are now, too
        low, high = _interval(self.samples.more(goal))
        return More(found, float(low), float(high))

    def band(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """The ends [g] of the interval of the law's accuracy with so many labels [g]."""
        if self.samples is None:
            return None
        low, high = _interval(self.samples.accuracy(labels))
        return low, high


def forecast(points: Points, *, samples: int = 1000, seed: int = 0) -> Forecast:
    """The law through points of at least two numbers of labels, by weighted least squares.

    Two numbers of labels leave no choice but c = 0, which is hopeful, and give no interval. Otherwise it is that of a
    parametric bootstrap: laws through the fitted accuracies under noise of their standard errors, which are scaled up
    where the points lie further from the law than the spread over seeds explains (Birge 1932). What a seed has in all
    points does not average out over these: it is drawn once for each sample. Without any spread the points' distance
    from the law stands for it; without that either (three points, as many as parameters), there is no interval. Of
    made-up laws it holds the truth in 88 to 100 %. Raises ValueError for fewer than two.
    """
    if points.counts < 2:
        raise ValueError("a curve needs two numbers of labels")
    scale = float(points.labels_told[-1])
    steps = np.log(points.labels_told / scale)
    errors, freedom = _standard_errors(points)
    floored = points.counts > 2
    weights = np.ones(len(steps)) if errors is None else errors**-2
    law, misfit = _fit((1 - points.accuracy)[None], weights, steps, scale, floored)
    law = Law(scale, law.drop[0], law.power[0], law.floor[0])
    if not _falls(1 - points.accuracy, weights, steps):
        return Forecast(points, Law(scale, np.zeros(()), law.power, law.floor + law.drop), None)
    over = len(steps) - 3
    if not floored or (errors is None and over < 1):
        return Forecast(points, law, None)
    if errors is None:
        errors, freedom = np.full(len(steps), np.sqrt(misfit[0] / over)), over
    elif over > 0:
        errors = errors * np.sqrt(max(1.0, misfit[0] / over))
    generator = draws.rng(seed, "advice.forecast")
    # Student's: the size of the noise is an estimate, too
    sizes = np.sqrt(freedom / generator.chisquare(freedom, (samples, 1)))
    shift = points.offset / np.sqrt(points.seeds.min()) if np.isfinite(points.offset) else 0.0
    # what is left of each point's error once the seeds' offsets are taken out of it
    own = np.sqrt(np.maximum(errors**2 - shift**2, errors**2 / 10))
    noise = generator.standard_normal((samples, len(steps))) * sizes * own
    if shift:
        noise = noise + shift * generator.standard_t(points.seeds.min() - 1, (samples, 1))
    drawn, _ = _fit(1 - law.accuracy(points.labels_told) + noise, weights, steps, scale, floored)
    return Forecast(points, law, drawn)


def _standard_errors(points: Points) -> tuple[np.ndarray | None, int]:
    """The standard errors [k] of the means, and their degrees of freedom; None without a spread.

    The variance of two or three seeds says little, and a point whose seeds agree by chance would rule the fit: each is
    drawn towards that of all points, as by a prior of 4 degrees of freedom (Smyth 2004).
    """
    freedom = np.where(np.isfinite(points.spread), points.seeds - 1, 0)
    variances = np.where(freedom > 0, points.spread, 0) ** 2
    if not (freedom * variances).any():
        return None, 0
    common = (freedom * variances).sum() / freedom.sum()
    drawn = (_PRIOR * common + freedom * variances) / (_PRIOR + freedom)
    return np.sqrt(drawn / np.maximum(points.seeds, 1)), int(freedom.sum())


def _falls(errors: np.ndarray, weights: np.ndarray, steps: np.ndarray) -> bool:
    """Whether the errors fall with the logarithm of the labels, by a straight line."""
    centred = steps - np.average(steps, weights=weights)
    return bool((weights * centred * errors).sum() < -1e-12 * weights.sum())


def _fit(
    errors: np.ndarray, weights: np.ndarray, steps: np.ndarray, scale: float, floored: bool
) -> tuple[Law, np.ndarray]:
    """The laws through samples of errors [m, k] at log(labels / scale) [k], and their weighted sums of squares [m].

    With the power given, the rest is linear least squares in two unknowns, which has a formula; so the powers are
    searched on a grid, and around the best on three finer ones: no start to choose, no local minimum, all samples at
    once. floored: whether c may be above 0.
    """
    rows = np.arange(len(errors))
    powers, ratio = _POWERS[None], _POWERS[1] / _POWERS[0]
    for _ in range(4):
        drop, floor, misfit = _linear(errors, weights, np.exp(-powers[..., None] * steps), floored)
        best = misfit.argmin(axis=1)
        power = np.broadcast_to(powers, misfit.shape)[rows, best]
        finer = ratio ** np.linspace(-1, 1, 21)
        powers, ratio = power[:, None] * finer, finer[1] / finer[0]
    return Law(scale, drop[rows, best], power, floor[rows, best]), np.maximum(misfit[rows, best], 0)


def _linear(
    errors: np.ndarray, weights: np.ndarray, falls: np.ndarray, floored: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares of errors [m, k] = drop * falls [m or 1, g, k] + floor, neither below 0: drop, floor and the
    weighted sum of squares, [m, g] each."""
    n = weights.sum()
    f, ff, fy = falls @ weights, falls**2 @ weights, (falls @ (errors * weights)[:, :, None])[..., 0]
    y, yy = (errors @ weights)[:, None], (errors**2 @ weights)[:, None]
    drop, floor = np.maximum(fy / ff, 0), np.zeros_like(fy)
    if floored:
        determinant = n * ff - f * f  # above 0, since there are two numbers of labels and no power is 0
        free, rest = (n * fy - f * y) / determinant, (ff * y - f * fy) / determinant
        # outside, the best lies on an edge
        drop = np.where(rest < 0, drop, np.maximum(free, 0))
        floor = np.where(rest < 0, 0, np.where(free < 0, np.maximum(y / n, 0), rest))
    misfit = yy + drop**2 * ff + floor**2 * n - 2 * (drop * fy + floor * y - drop * floor * f)
    return drop, floor, misfit


def _interval(values: np.ndarray) -> np.ndarray:
    """The quantiles of samples, along the first axis, between which CONFIDENCE of them lie."""
    ends = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
    return np.quantile(values, ends, axis=0, method="inverted_cdf")  # which asks for no mean with infinity

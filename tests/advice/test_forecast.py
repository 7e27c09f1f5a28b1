"""The power law through accuracies by labels: against known laws, against scipy, and what it does not promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import curve_fit, nnls
from scipy.stats import t

from stages.advice import forecast as forecasting
from stages.advice.forecast import Points, forecast

LABELS = np.array([100.0, 200, 400, 800])


def law(labels: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return 1 - a * labels**-b - c


def points(accuracy: np.ndarray, labels: np.ndarray = LABELS, spread: float = math.nan, seeds: int = 1) -> Points:
    return Points(labels, accuracy, np.full(len(labels), spread), np.full(len(labels), seeds))


def noisy(seed: int, a: float, b: float, c: float, labels: np.ndarray = LABELS, seeds: int = 3) -> Points:
    """Three seeds with a standard deviation of one point."""
    noise = np.random.default_rng(seed).normal(scale=0.01, size=(seeds, len(labels)))
    values = law(labels, a, b, c) + noise
    return Points(labels, values.mean(axis=0), values.std(axis=0, ddof=1), np.full(len(labels), seeds))


def error(labels: np.ndarray, drop: float, power: float, floor: float) -> np.ndarray:
    """The law in the form in which it is fitted."""
    return drop * (labels / LABELS[-1]) ** -power + floor


def needed(gain: float, a: float, b: float, labels: float = LABELS[-1]) -> float:
    """Labels to add, solved for by hand."""
    return (a / (a * labels**-b - gain)) ** (1 / b) - labels


@pytest.mark.parametrize(("a", "b", "c"), [(3, 0.5, 0.1), (3, 0.5, 0), (1.5, 0.15, 0), (8, 0.7, 0.25), (2, 1.4, 0.3)])
def test_a_law_without_noise_is_found_and_inverted(a: float, b: float, c: float) -> None:
    found = forecast(points(law(LABELS, a, b, c)))
    assert found.law.power == pytest.approx(b, rel=2e-3)
    assert found.law.floor == pytest.approx(c, abs=1e-3)
    assert found.now == pytest.approx(law(LABELS[-1], a, b, c), abs=1e-5)
    gain = 0.2 * a * LABELS[-1] ** -b
    more = found.more(gain)
    assert more.labels == pytest.approx(needed(gain, a, b), rel=0.01)
    assert found.law.accuracy(LABELS[-1] + more.labels) == pytest.approx(found.start + gain, abs=1e-9)


def test_the_fit_is_that_of_scipy_from_many_starts() -> None:
    for seed in range(10):
        found, generator = noisy(seed, 3, 0.5, 0.1), np.random.default_rng(seed)
        spread = generator.uniform(0.003, 0.03, len(LABELS))
        # with very many seeds, a point's weight is that of its own spread
        many = Points(LABELS, found.accuracy, spread, np.full(len(LABELS), 10**6))

        def misfit(found: np.ndarray, points: Points = many, spread: np.ndarray = spread) -> float:
            return float((((1 - points.accuracy - error(LABELS, *found)) / spread) ** 2).sum())

        bounds = ([0, 0.001, 0], [np.inf, 3, np.inf])
        others = [
            curve_fit(error, LABELS, 1 - many.accuracy, (0.1, start, 0.05), spread, bounds=bounds)[0]
            for start in (0.01, 0.1, 0.5, 1, 2)
        ]
        ours = forecast(many, samples=2).law
        assert misfit(np.array([ours.drop, ours.power, ours.floor])) <= min(map(misfit, others)) * 1.0001 + 1e-6


def test_the_fit_at_given_powers_is_least_squares_without_a_negative() -> None:
    """Also of errors that rise, and of those that fall faster than to a floor: there one of the two is 0."""
    generator = np.random.default_rng(0)
    errors, weights = generator.uniform(size=(60, 4)), generator.uniform(0.1, 10, size=4)
    errors[:40].sort()  # rise
    errors[20:40] = errors[20:40, ::-1]  # fall
    powers, seen = np.array([0.01, 0.5, 3]), set()
    falls = np.exp(-powers[:, None] * np.log(LABELS / LABELS[-1]))
    drop, floor, misfit = forecasting._linear(errors, weights, falls[None], True)
    for sample, place in np.ndindex(drop.shape):
        columns = np.sqrt(weights)[:, None] * np.stack([falls[place], np.ones(4)], axis=1)
        expected, rest = nnls(columns, np.sqrt(weights) * errors[sample])
        assert [drop[sample, place], floor[sample, place]] == pytest.approx(expected, abs=1e-6)
        assert misfit[sample, place] == pytest.approx(rest**2, abs=1e-9)
        seen.add(tuple((expected > 0).tolist()))
    assert seen == {(True, True), (True, False), (False, True)}


def test_a_point_whose_seeds_agree_by_chance_does_not_rule_the_fit() -> None:
    """Variances of 3 seeds are drawn towards their mean, as by a prior of 4 degrees of freedom beside their 2."""
    accuracy = law(LABELS, 3, 0.5, 0.1) + np.array([0.01, -0.02, 0.02, -0.01])
    spread = np.array([0.02, 0, 0.01, 0.03])
    errors = np.sqrt((4 * (spread**2).mean() + 2 * spread**2) / 6 / 3)

    bounds = ([0, 0.001, 0], [np.inf, 3, np.inf])
    expected, _ = curve_fit(error, LABELS, 1 - accuracy, (0.1, 0.5, 0.05), errors, bounds=bounds, xtol=1e-12)
    found = forecast(Points(LABELS, accuracy, spread, np.full(4, 3)))
    assert found.law.accuracy(LABELS) == pytest.approx(1 - error(LABELS, *expected), abs=1e-5)
    assert np.abs(found.law.accuracy(LABELS) - accuracy)[1] > 0.005


def test_a_spread_of_few_seeds_is_less_sure_than_the_same_of_many() -> None:
    """The same standard error of the means, from 4 degrees of freedom and from 796: Student's quantiles are apart."""
    few = points(law(LABELS, 3, 0.5, 0.1), spread=0.001, seeds=2)
    many = points(law(LABELS, 3, 0.5, 0.1), spread=0.01, seeds=200)
    bands = [forecast(one, samples=10_000).band(LABELS) for one in (few, many)]
    wide, narrow = (high - low for low, high in bands)  # type: ignore[misc]
    assert wide / narrow == pytest.approx(np.full(4, t.ppf(0.975, 4) / t.ppf(0.975, 796)), rel=0.1)


@pytest.mark.parametrize(
    ("floor", "seeds", "least", "most"),
    [(0.1, 3, 0.9, 1), (0.1, 10, 0.9, 1), (0, 3, 0.9, 0.98), (0, 10, 0.9, 0.98)],
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(
    floor: float, seeds: int, least: float, most: float
) -> None:
    held, below = 0, 0
    for seed in range(200):
        found = forecast(noisy(seed, 3, 0.5, floor, seeds=seeds), samples=300)
        # of the accuracy that is promised, which chance may have put above or below a point more than there is
        truth = max(0, needed(found.start + 0.01 - law(LABELS[-1:], 3, 0.5, floor)[0], 3, 0.5))
        more = found.more(0.01)
        assert more.low is not None and more.high is not None and more.low <= more.high
        held += more.low <= truth <= more.high
        below += more.high < truth
    assert least <= held / 200 <= most
    assert below <= 10


@pytest.mark.parametrize("seeds", [3, 5])
def test_the_interval_holds_for_new_seeds_where_a_seed_is_lucky_throughout(seeds: int) -> None:
    """Offsets of one point that a seed keeps over ten rounds, and half a point of each round's own: as if rounds were
    independent, the intervals hold the truth in 66 to 82 %."""
    labels = np.arange(100.0, 1001, 100)
    truth, more, level, trials = law(labels, 3, 0.5, 0.1), 0, 0, 150
    for seed in range(trials):
        generator = np.random.default_rng(seed)
        values = truth + generator.normal(scale=0.01, size=(seeds, 1))
        values += generator.normal(scale=0.005, size=values.shape)
        spread, offset = values.std(axis=0, ddof=1), float(values.mean(axis=1).std(ddof=1))
        found = forecast(Points(labels, values.mean(axis=0), spread, np.full(10, seeds), offset), samples=200)
        low, high = found.band(labels[-1:])  # type: ignore[misc]
        level += low[0] <= truth[-1] <= high[0]
        asked, answer = found.more(0.01), max(0, needed(found.start + 0.01 - truth[-1], 3, 0.5, labels[-1]))
        more += asked.low <= answer <= asked.high  # type: ignore[operator]
    assert 0.9 <= level / trials <= 0.99
    assert 0.9 <= more / trials <= 0.99


def test_more_seeds_make_a_narrower_interval_and_more_gain_needs_more_labels() -> None:
    few, many = (forecast(points(law(LABELS, 3, 0.5, 0.1), spread=0.01, seeds=seeds)) for seeds in (2, 50))
    few_more, many_more = few.more(0.01), many.more(0.01)
    assert few_more.labels == pytest.approx(many_more.labels, 1e-6)
    assert few_more.low < many_more.low < many_more.labels < many_more.high < few_more.high  # type: ignore[operator]
    assert many.more(0.01).labels < many.more(0.02).labels < many.more(0.05).labels


def test_accuracy_rises_with_labels_and_the_band_holds_the_law() -> None:
    for seed in range(5):
        found = forecast(noisy(seed, 3, 0.5, 0.1))
        grid = np.geomspace(50, 5000, 40)
        curve, band = found.law.accuracy(grid), found.band(grid)
        assert (np.diff(curve) > 0).all() and curve[-1] < 1
        assert band is not None
        assert (band[0] <= curve).all() and (curve <= band[1]).all()


def test_the_same_points_give_the_same_interval_and_another_seed_another() -> None:
    one, again, other = (forecast(noisy(0, 3, 0.5, 0.1), seed=seed).more(0.01) for seed in (0, 0, 1))
    assert one == again != other
    assert one.labels == other.labels


def test_two_numbers_of_labels_leave_no_error_in_the_end_and_no_interval() -> None:
    labels = LABELS[:2]
    found = forecast(points(law(labels, 3, 0.5, 0), labels, spread=0.01, seeds=3))
    assert (found.law.power, found.law.floor) == (pytest.approx(0.5, abs=1e-3), 0)
    assert found.more(0.01).labels == pytest.approx(needed(0.01, 3, 0.5, labels[-1]), rel=0.01)
    assert found.more(0.01).low is None and found.band(labels) is None


def test_without_spread_the_distance_from_the_law_stands_for_it() -> None:
    assert forecast(points(law(LABELS, 3, 0.5, 0.1)[:3], LABELS[:3])).samples is None
    scattered = law(LABELS, 3, 0.5, 0.1) + 0.01 * np.array([1, -1, 1, -1])
    near = law(LABELS, 3, 0.5, 0.1) + 0.001 * np.array([1, -1, 1, -1])
    wide, narrow = (forecast(points(one)).more(0.01) for one in (scattered, near))
    assert wide.low <= narrow.low < narrow.high < wide.high  # type: ignore[operator]


def test_points_far_from_the_law_widen_the_interval_whatever_their_seeds_say() -> None:
    bent = law(LABELS, 3, 0.5, 0.1) + 0.02 * np.array([1, -1, 1, -1])
    straight = forecast(points(law(LABELS, 3, 0.5, 0.1), spread=0.002, seeds=3)).more(0.01)
    wide = forecast(points(bent, spread=0.002, seeds=3)).more(0.01)
    assert wide.high - wide.low > 3 * (straight.high - straight.low)  # type: ignore[operator]


@pytest.mark.parametrize("accuracy", [[0.5, 0.5, 0.5, 0.5], [0.6, 0.55, 0.5, 0.45], [0.5, 0.6, 0.4, 0.3]])
def test_labels_that_have_not_helped_promise_nothing(accuracy: list[float]) -> None:
    for count in (2, 4):
        found = forecast(points(np.array(accuracy)[-count:], LABELS[-count:], spread=0.01, seeds=3))
        assert not found.helped
        assert found.more(0.01).labels == math.inf
        assert np.isfinite(found.law.accuracy(LABELS)).all()


def test_the_next_point_is_above_what_has_been_measured() -> None:
    """Where the last measurement lies above its curve; below it, the curve is what the rest says."""
    labels = np.array([20.0, 40.0, 80.0, 160.0])
    high, low = (forecast(points(np.array([0.4, 0.5, 0.58, last]), labels)) for last in (0.72, 0.58))
    assert high.now < high.start == 0.72
    assert high.law.accuracy(160 + high.more(0.01).labels) == pytest.approx(0.73, abs=1e-9)
    assert low.start == low.now > 0.58
    assert low.law.accuracy(160 + low.more(0.01).labels) == pytest.approx(low.now + 0.01, abs=1e-9)


def test_a_gain_below_the_floor_is_out_of_reach() -> None:
    found = forecast(points(law(LABELS, 40, 1, 0.3), spread=0.002, seeds=5))
    assert found.law.floor == pytest.approx(0.3, abs=1e-3)
    assert found.more(0.01).labels < math.inf
    assert found.more(0.06).labels == math.inf


def test_one_number_of_labels_is_no_curve() -> None:
    with pytest.raises(ValueError, match="two numbers of labels"):
        forecast(points(np.array([0.5, 0.6]), np.array([100.0, 100.0])))


def test_several_runs_with_the_same_labels_count_as_points() -> None:
    labels = np.repeat(LABELS, 2)
    found = forecast(points(law(labels, 3, 0.5, 0.1) + 0.005 * np.tile([1, -1], 4), labels))
    assert found.points.counts == 4
    assert found.points.last == pytest.approx(law(LABELS[-1], 3, 0.5, 0.1))
    assert found.law.power == pytest.approx(0.5, abs=0.01)
    assert found.samples is not None


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["logistic regression", "1-NN"])
def test_on_real_curves_of_digits_the_forecast_is_of_the_right_size(learner: str) -> None:
    """From 20 to 160 labels and 3 seeds, 13 times: labels for 1 and 2 more points, beside the curve of all 39 seeds.
    Prints how often the interval holds them, which nothing promises: no real curve is a power law."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    images, classes = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, classes = images[order] / 16, classes[order]
    told, grid = [20, 40, 80, 160], np.unique([20, 40, 80, *np.geomspace(160, 400, 9).round().astype(int)])
    accuracy = np.empty((39, len(grid)))
    for seed, place in np.ndindex(accuracy.shape):
        chosen = np.random.default_rng(seed).permutation(1300)[: grid[place]]
        model = LogisticRegression(max_iter=100) if learner != "1-NN" else KNeighborsClassifier(1)
        accuracy[seed, place] = model.fit(images[chosen], classes[chosen]).score(images[1300:], classes[1300:])
    curve, now = accuracy.mean(axis=0), int(np.flatnonzero(grid == 160)[0])
    for gain in (0.01, 0.02):
        found, truths = [], []
        for start in range(0, 39, 3):
            seeds = accuracy[start : start + 3, np.searchsorted(grid, told)]
            three = Points(np.array(told, float), seeds.mean(axis=0), seeds.std(axis=0, ddof=1), np.full(4, 3))
            law = forecast(three)
            found.append(law.more(gain))
            truths.append(np.interp(law.start + gain, curve[now:], grid[now:]) - 160)
        held = sum(more.low <= truth <= more.high for more, truth in zip(found, truths, strict=True))
        typical, truth = np.median([more.labels for more in found]), np.median(truths)
        print(f"\n{learner}, +{gain:.0%}: {truth:.0f} labels, forecast {typical:.0f}, held by {held} of {len(found)}")
        assert truth / 3 < typical < 3 * truth

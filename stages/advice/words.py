"""Budget advice in words: what the forecast of accuracy by labels promises of the next labels."""

from __future__ import annotations

import math
from collections.abc import Mapping

from stages.advice.forecast import REACH, Forecast, More, Points, forecast

GAINS = (1, 2, 5)  # points of accuracy
MEANING = (
    "Labels to add for more accuracy, by a power law through the measured points, with its 95 % interval; for labels "
    f"chosen and models trained as these were. The law is trusted up to {REACH} times the labels so far. "
    "Of made-up laws the interval held the truth in 88 to 100 %."
)


def forecasts(points: Mapping[str, Points]) -> dict[str, Forecast]:
    """For each model whose curve has at least two numbers of labels."""
    return {model: forecast(one) for model, one in points.items() if one.counts > 1}


def sentence(model: str, found: Forecast) -> str:
    """The advice in a line: "supervised: 62.1 % with 1,000 labels; about 180 more (95 %: 120 to 400) for the next point
    (63.1 %)"."""
    so_far = f"{model}: {_percent(found.points.last)} with {_plain(found.law.labels_told)} labels"
    if not found.helped:
        return f"{so_far}; more labels have not helped so far, so no forecast"
    if abs(found.now - found.points.last) >= 0.0005:
        so_far += f" ({_percent(found.now)} by the curve)"
    goal = "the next point" + (f" ({_percent(found.start + 0.01)})" if found.start <= 0.99 else "")
    more, trusted = found.more(0.01), found.trusted
    if more.labels > trusted:
        level = math.isinf(more.labels)
        said = f"the curve levels off at {_percent(float(1 - found.law.floor))}: {goal} may be out of reach"
        said = said if level else f"more than {_rounded(trusted)} more for {goal}, beyond where the curve is trusted"
    elif found.endless(more):
        more_of = "more rounds, seeds or validation images would tell"
        said = f"how many more for {goal} can't be told: the interval has no end; {more_of}"
    else:
        interval = "no interval" if more.low is None else f"95 %: {_interval(more)}"
        said = f"about {_rounded(more.labels)} more ({interval}) for {goal}"
    few = "; of two numbers of labels alone, as if no error were to remain" if found.points.counts == 2 else ""
    return f"{so_far}; {said}{few}"


def refusal(model: str, points: Points | None) -> str:
    """Why there is no advice on a model, and what to do."""
    why = "no accuracy after rounds of labelling"
    if points is not None:
        why = f"{_percent(points.last)} with {_plain(points.labels_told[-1])} labels, and of no other number"
    ways = "train in rounds with split.validation above 0, or with several labels.budget and name their revisions by"
    return f"{model}: {why}; {ways} --revisions"


def written(found: Mapping[str, Forecast]) -> list[list[str]]:
    """The table for people, its head first: labels to add for each of GAINS."""
    head = ["model", "labels told", "accuracy (%)", "by the curve (%)"]
    lines = [[*head, *(f"+{gain} point{'s' if gain > 1 else ''}" for gain in GAINS)]]
    for model, one in found.items():
        cells = [_cell(one, gain / 100) for gain in GAINS] if one.helped else ["–"] * len(GAINS)
        now = [_plain(one.law.labels_told), f"{100 * one.points.last:.2f}", f"{100 * one.now:.2f}"]
        lines.append([model, *now, *cells])
    return lines


def rows(found: Mapping[str, Forecast]) -> list[dict[str, object]]:
    """The same for programs: not rounded; `inf` is out of reach, and empty not known; trusted: up to how many more
    labels the curve is taken to hold; power and floor: of the law."""
    lines = []
    for model, one in found.items():
        line: dict[str, object] = {"model": model, "labels_told": one.law.labels_told, "accuracy": one.points.last}
        line |= {"curve": one.now, "points": len(one.points.labels_told), "trusted": one.trusted}
        line |= {"power": float(one.law.power), "floor": float(one.law.floor)} if one.helped else {}
        for gain in GAINS if one.helped else ():
            more = one.more(gain / 100)
            line |= {f"more_{gain}": more.labels, f"more_{gain}_low": more.low, f"more_{gain}_high": more.high}
        lines.append({key: round(value, 6) if isinstance(value, float) else value for key, value in line.items()})
    return lines


def _cell(found: Forecast, gain: float) -> str:
    more = found.more(gain)
    if more.labels > found.trusted:
        return f"> {_rounded(found.trusted)}"
    if found.endless(more):
        return "can't tell"
    return _rounded(more.labels) + ("" if more.low is None else f" ({_interval(more)})")


def _interval(more: More) -> str:
    """Both ends."""
    assert more.low is not None and more.high is not None
    return f"{_rounded(more.low)} to {_rounded(more.high)}"


def _rounded(labels: float) -> str:
    """Two digits of it, and at least one label."""
    whole = max(1, math.ceil(labels))
    return _plain(round(whole, 2 - len(str(whole))) if whole > 99 else whole)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plain(labels: float) -> str:
    return f"{labels:,.0f}"

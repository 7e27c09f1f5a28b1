"""How far a model can be trusted, read off labels that it was not told; and its guesses, and what to do with each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.calibration import temperature
from stages.calibration.verdict import interval, least_confidence, verdicts

# labels by which a precision can be told: two of two say nothing
FEWEST = 10


@dataclass(frozen=True)
class Guesses:
    """Of n images: the likeliest class and the runner-up, int64 [n] each, their probabilities, float64 [n], and the
    verdict on the first, str [n]. With a single class the runner-up is -1 and its probability 0."""

    first: np.ndarray
    probability: np.ndarray
    second: np.ndarray
    second_probability: np.ndarray
    verdict: np.ndarray


@dataclass(frozen=True)
class Trust:
    """`labels`: how many labels it was read off, each by a model that was not told it; `right`: how many of these
    guesses were; `temperature`: by which logits are divided; `least`: the probability from which on a guess is
    accepted, None for never; `precision`: that was wanted; `accepted` and `accepted_right`: of the labels;
    `calibration_error_before` and `calibration_error`: expected calibration error of the plain probabilities, and of
    those at a temperature fitted on other folds; None without labels. `audited`: the images of an audit that
    have a label, of which `audited_accepted` would be accepted, and `audited_accepted_right` are right."""

    labels: int
    right: int
    temperature: float
    least: float | None
    precision: float
    accepted: int
    accepted_right: int
    calibration_error_before: float | None
    calibration_error: float | None
    audited: int = 0
    audited_accepted: int = 0
    audited_accepted_right: int = 0

    @classmethod
    def measured(
        cls,
        logits: np.ndarray,
        labels: np.ndarray,
        folds: np.ndarray,
        precision: float,
        audit: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Trust:
        """From logits float [n, C] of a model that was not told the label, int64 [n], nor those of its fold, int64 [n];
        and from those of an audit, of which -1 is left out. Without labels nothing is accepted.

        What is accepted is to be right often enough among both: a strategy chose the former, and of typical images
        more guesses are right.
        """
        taken = temperature.fit(logits, labels)
        confidence, right = _sure(logits, labels, taken)
        audited, audited_right = np.empty(0), np.empty(0, bool)
        if audit is not None:
            known = audit[1] >= 0
            audited, audited_right = _sure(audit[0][known], audit[1][known], taken)
        least = least_confidence(confidence, right, precision)
        if least is not None and len(audited) >= FEWEST:
            of_audit = least_confidence(audited, audited_right, precision)
            least = None if of_audit is None else max(least, of_audit)
        accepted = np.zeros(len(labels), bool) if least is None else confidence >= least
        if accepted.sum() < FEWEST:  # the largest share that is right often enough
            least, accepted = None, np.zeros(len(labels), bool)
        accepts = np.zeros(len(audited), bool) if least is None else audited >= least
        before = after = None
        if len(labels):
            before = temperature.calibration_error(temperature.probabilities(logits, 1.0), labels)
            after = temperature.calibration_error(temperature.crossed(logits, labels, folds), labels)
        return cls(
            len(labels), int(right.sum()), taken, least, precision, int(accepted.sum()), int(right[accepted].sum()),
            before, after, len(audited), int(accepts.sum()), int(audited_right[accepts].sum()),
        )  # fmt: skip

    def guesses(self, logits: np.ndarray) -> Guesses:
        """Of images by their logits, float [n, C]."""
        found = temperature.probabilities(logits, self.temperature)
        every = np.arange(len(found))
        first = found.argmax(1)
        confidence = found[every, first]
        second, other = np.full(len(found), -1), np.zeros(len(found))
        if found.shape[1] > 1:
            rest = found.copy()
            rest[every, first] = -1
            second = rest.argmax(1)
            other = found[every, second]
        return Guesses(first, confidence, second, other, verdicts(confidence, self.least))

    def lines(self) -> list[str]:
        """What a reader should know, a sentence each."""
        if not self.labels:
            return ["Too few labels to say how far a guess can be trusted: none is accepted without a look."]
        low, high = interval(self.right, self.labels)
        said = [
            f"On {self.labels:,} labels that the model was not told, out of fold, {self.right / self.labels:.1%} of "
            f"its guesses are right (95 %: {low:.1%} to {high:.1%}). Labels chosen as typical make this too high for "
            "the other images (on CIFAR-10 by 5 to 11 points), labels chosen as uncertain too low (by 12 to 19); an "
            "audit (labels.audit) is neither."
        ]
        both = ", of these and of the audited" if self.audited >= FEWEST else ""
        if self.least is None:
            said.append(
                f"At no probability are {self.precision:.0%} of {FEWEST} labels or more right{both}: no "
                "guess is accepted without a look."
            )
        else:
            low, high = interval(self.accepted_right, self.accepted)
            said.append(
                f"From a probability of {self.least:.3f} on, {self.accepted_right:,} of {self.accepted:,} are right, "
                f"{self.accepted_right / self.accepted:.1%} (95 %: {low:.1%} to {high:.1%}); "
                f"{self.precision:.0%} was wanted{both}."
            )
        if self.audited:
            said.append(self._audited())
        assert self.calibration_error_before is not None and self.calibration_error is not None
        said.append(
            f"Temperature {self.temperature:.2f}: expected calibration error {self.calibration_error_before:.3f} "
            f"before, {self.calibration_error:.3f} after."
        )
        return said

    def _audited(self) -> str:
        if not self.audited_accepted:
            return f"Of {self.audited:,} audited images it would accept none."
        low, high = interval(self.audited_accepted_right, self.audited_accepted)
        return (
            f"Of {self.audited:,} audited images, drawn at random, it would accept {self.audited_accepted:,}, of which "
            f"{self.audited_accepted_right:,} are right, {self.audited_accepted_right / self.audited_accepted:.1%} "
            f"(95 %: {low:.1%} to {high:.1%})."
        )


def _sure(logits: np.ndarray, labels: np.ndarray, taken: float) -> tuple[np.ndarray, np.ndarray]:
    """How probable each likeliest class is, at a temperature, and whether it is the label: float [n], bool [n]."""
    found = temperature.probabilities(logits, taken)
    return found.max(1), found.argmax(1) == labels

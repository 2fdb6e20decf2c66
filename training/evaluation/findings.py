"""All that is said of one network on one set of data, ready to be printed and saved."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from engines import EXPRESSIONS
from pipeline.stats.bootstrap import Difference, Interval, intervals, paired_differences
from training.emofan.figures import floats, true_class
from training.evaluation.agreement import vote_agreement
from training.evaluation.calibration import fit_temperature, reliability
from training.evaluation.conditions import bins, by_condition
from training.evaluation.evaluate import Measured

COUNTS = ("faces", "count")
"""What the names of figures that are numbers of faces begin with: they have no interval."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """A network's figures on one set, and how sure they are."""

    set: str
    figures: dict[str, float]
    """By name; NaN where the data do not allow one."""
    intervals: dict[str, Interval]
    calibration: dict[str, Any] = field(default_factory=dict)
    """`ece`, the `temperature` that would suit these faces best, and the `bins` as in `calibration.Reliability`."""
    agreement: dict[str, Any] = field(default_factory=dict)
    """`annotators` with each other, the `network` with them, `intervals` of both; empty where nobody voted."""
    groups: list[dict[str, Any]] = field(default_factory=list)
    """See `training.evaluation.conditions.by_condition`."""
    against: dict[str, Difference] = field(default_factory=dict)
    """The figures less those of another network on the same faces or pictures; see `compare`."""
    weak_labels: bool = False
    notes: tuple[str, ...] = ()


def find(measured: Measured, *, agreement: bool = False, other: Measured | None = None) -> Findings:
    """Everything about `measured`, also its `agreement` with annotators if asked for; `other`: on the same set."""
    figures, faces = measured.figures, measured.faces
    values = floats(figures(None))
    differences, told = ({}, ()) if other is None else compare(measured, other)
    return Findings(
        set=measured.set,
        figures=values,
        intervals=_uncounted(intervals(figures, measured.units)),
        calibration=_calibration(measured) if "accuracy" in values else {},
        agreement=_agreement(measured) if agreement else {},
        groups=[] if faces is None else by_condition(figures, bins(faces, measured.crop_factor)),
        against=_uncounted(differences),
        weak_labels=measured.weak_labels,
        notes=(*measured.notes, *told),
    )


def compare(first: Measured, second: Measured) -> tuple[dict[str, Difference], tuple[str, ...]]:
    """The first network's figures less the second's on the same faces or pictures, and what must be known of them.

    Networks that know different classes are both scored on the faces of the classes that both know, and only answers
    among those count: else the figures would be over different faces.
    """
    a, b = first.answer, second.answer
    if a is None or b is None or first.figures_of is None or second.figures_of is None:
        return paired_differences(first.figures, second.figures, first.units), ()
    shared = np.intersect1d(a.classes, b.classes)
    figures = partial(first.figures_of, a.among(shared)), partial(second.figures_of, b.among(shared))
    differences = paired_differences(*figures, first.units)
    if len(shared) == len(a.classes) == len(b.classes) or "accuracy" not in differences:
        return differences, ()
    names = ", ".join(EXPRESSIONS[row] for row in shared)
    return differences, (f"compared on faces and answers of the classes that both networks know: {names}",)


def _calibration(measured: Measured) -> dict[str, Any]:
    assert measured.faces is not None and measured.answer is not None
    probabilities, truth = measured.answer.expression, true_class(measured.faces)
    found = reliability(probabilities, truth)
    parts = {name: values.tolist() for name, values in asdict(found).items()}
    return {"ece": found.ece, "temperature": fit_temperature(probabilities, truth), "bins": parts}


def _agreement(measured: Measured) -> dict[str, Any]:
    faces, answer = measured.faces, measured.answer
    if faces is None or answer is None or not (faces.votes.sum(1) >= 2).any():
        return {}
    votes, guess = faces.votes, answer.guess
    values = floats(vote_agreement(votes, guess))
    bounds = intervals(lambda weights: vote_agreement(votes, guess, weights), measured.units)
    return {**values, "intervals": _uncounted(bounds)}


def _uncounted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if not name.startswith(COUNTS)}


def plain(value: Any) -> Any:
    """What JSON can hold: intervals as [low, high], numbers that cannot be computed as None."""
    match value:
        case Interval():
            return [plain(value.low), plain(value.high)]
        case Difference():
            return {"value": plain(value.value), "interval": plain(value.interval), "resolved": value.resolved}
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case list() | tuple() | np.ndarray():
            return [plain(each) for each in value]
        case float():
            return value if math.isfinite(value) else None
    return value

"""What a user sees of an evaluation: the paper's tables, with intervals."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.table import Table

from engines import EXPRESSIONS
from pipeline.report.words import NONE
from pipeline.stats.bootstrap import Interval
from training.emofan.figures import AFFECT_FIGURES
from training.evaluation.conditions import COUNTED_BY, FACES_MIN
from training.evaluation.findings import Findings

_TITLES = {"accuracy": "accuracy", "ccc_valence": "CCC val.", "ccc_arousal": "CCC aro.", "nme": "landmark error"}
_COMPARED = (
    *("accuracy", "macro_recall", *AFFECT_FIGURES, "nme", "ap_10px", "ap_16px", "ap_32px", "recall_profile"),
    *("found_closeups", "whole_closeups", "found_portraits", "whole_portraits"),
)
"""The figures that two networks are compared by, in this order."""


def print_findings(found: Sequence[Findings], console: Console) -> None:
    """Every table that the findings fill; ± is half of the 95 % interval."""
    for table in _tables(found):
        console.print(table)
        console.print()
    for each in found:
        if each.calibration:
            console.print(
                f"{each.set}: expected calibration error {each.calibration['ece']:.3f}; "
                f"a temperature of {each.calibration['temperature']:.2f} would suit these faces best"
            )
    for note in dict.fromkeys(note for each in found for note in _notes(each)):
        console.print(note, style="yellow")


def _notes(each: Findings) -> Iterator[str]:
    yield from (f"{each.set}: {note}" for note in each.notes)
    if each.weak_labels:
        yield f"{each.set}: valence and arousal are weak labels, guessed from votes: agreement checks the plumbing"
    if "nme" in each.figures:
        yield f"{each.set}: landmark error is a share of the distance of the outer corners of the eyes"
    if each.agreement:
        yield f"{each.set}: every annotator's vote counts in the agreement, unknown and not-a-face too"


def _tables(found: Sequence[Findings]) -> Iterable[Table]:
    for each in found:
        if {"accuracy", "ccc_valence"} & set(each.figures):
            yield _paper(each)
        if "accuracy" in each.figures:
            yield _classes(each)
        if "nme" in each.figures:
            yield _landmarks(each)
        if "ap_16px" in each.figures:
            yield _detection(each)
        if f"whole_{each.set}" in each.figures:
            yield _closeups(each)
        if each.agreement:
            yield _agreement(each)
        if each.groups:
            yield _groups(each)
        if each.against:
            yield _against(each)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left", title_style="")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def _paper(each: Findings) -> Table:
    """A row of the paper's table 1."""
    heads = [f"{value[:3]}.\n{measure.upper()}" for measure, value in (name.split("_") for name in AFFECT_FIGURES)]
    table = _table("", "faces", "accuracy", *heads, title=f"{each.set} (weak)" if each.weak_labels else each.set)
    names = ("accuracy", *AFFECT_FIGURES)
    faces = each.figures.get("faces_scored", each.figures.get("faces_rated", math.nan))
    table.add_row("", f"{faces:.0f}", *(number(each.figures.get(name)) for name in names))
    table.add_row("± 95 %", "", *(half_width(each.intervals.get(name)) for name in names), style="dim")
    return table


def _classes(each: Findings) -> Table:
    table = _table("expression", "recall", "95 %", "faces", title=each.set)
    for name in EXPRESSIONS:
        if f"count_{name}" in each.figures:
            key, count = f"recall_{name}", each.figures[f"count_{name}"]
            table.add_row(name, number(each.figures[key]), bounds(each.intervals.get(key)), f"{count:.0f}")
    macro = each.figures["macro_recall"], each.intervals.get("macro_recall")
    table.add_row("mean (macro)", number(macro[0]), bounds(macro[1]), f"{each.figures['faces_scored']:.0f}")
    return table


def _landmarks(each: Findings) -> Table:
    table = _table("landmark error", "95 %", "95th percentile", "95 %", "faces", title=each.set)
    cells = [
        text for n in ("nme", "nme_p95") for text in (share(each.figures[n]), bounds(each.intervals[n], percent=True))
    ]
    table.add_row(*cells, f"{each.figures['faces_marked']:.0f}")
    return table


def _detection(each: Findings) -> Table:
    table = _table("faces of", "AP", "95 %", "found at all", "faces", title=each.set)
    for side in (10, 16, 32):
        ap, recall, faces = (each.figures[f"{name}_{side}px"] for name in ("ap", "recall", "faces"))
        interval = bounds(each.intervals[f"ap_{side}px"])
        table.add_row(f"{side} px and more", number(ap), interval, number(recall), f"{faces:.0f}")
    if each.figures.get("faces_profile"):
        found = f"{number(each.figures['recall_profile'])} ({bounds(each.intervals['recall_profile'])})"
        table.add_row("16 px, in profile", NONE, NONE, found, f"{each.figures['faces_profile']:.0f}")
    return table


def _closeups(each: Findings) -> Table:
    """Rows by shape and size: how many faces were found, and how often no part of one was taken for a second face."""
    table = _table("picture", "face fills", "found", "95 %", "not split", "95 %", "pictures", title=each.set)
    for key in [name.removeprefix("found_") for name in each.figures if name.startswith("found_")]:
        shape, _, fill = key.removeprefix(each.set).removeprefix("_").partition("_")
        cells = [
            text
            for name in (f"found_{key}", f"whole_{key}")
            for text in (number(each.figures[name]), bounds(each.intervals[name]))
        ]
        table.add_row(shape or "all", fill and f"{float(fill):.0%}", *cells, f"{each.figures[f'count_{key}']:.0f}")
    return table


def _agreement(each: Findings) -> Table:
    title = f"{each.set}: agreement with an annotator"
    table = _table("of", "agreement", "95 %", "faces", title=title)
    for name, text in (("annotators", "another annotator"), ("network", "the network")):
        interval = bounds(each.agreement["intervals"][name])
        table.add_row(text, number(each.agreement[name]), interval, f"{each.agreement['faces_voted']:.0f}")
    return table


def _groups(each: Findings) -> Table:
    names = [name for name in COUNTED_BY if any(name in group["figures"] for group in each.groups)]
    table = _table("by", "", "faces", *(_TITLES[name] for name in names), title=each.set)
    condition = ""
    for group in each.groups:
        shown = "" if group["condition"] == condition else group["condition"]
        condition = group["condition"]
        figures = group["figures"]
        cells = (
            f"< {FACES_MIN} faces" if figures[n] is None else share(figures[n]) if n == "nme" else number(figures[n])
            for n in names
        )
        table.add_row(shown, group["range"], str(group["faces"]), *cells)
    return table


def _against(each: Findings) -> Table:
    table = _table("this less the other", "difference", "95 %", "", title=each.set)
    for name in _COMPARED:
        if name in each.against:
            difference = each.against[name]
            low, high = difference.interval.low, difference.interval.high
            interval = f"{low:+.4f} to {high:+.4f}" if math.isfinite(low) else NONE
            value = f"{difference.value:+.4f}" if math.isfinite(difference.value) else NONE
            table.add_row(name, value, interval, "resolved" if difference.resolved else "not resolved")
    return table


def number(value: float | None) -> str:
    """Three decimals, as the paper prints them: .862, -.290; – where there is none."""
    return NONE if value is None or not math.isfinite(value) else re.sub(r"^(-?)0\.", r"\1.", f"{value:z.3f}")


def share(value: float) -> str:
    """As per cent: 2.32 %."""
    return NONE if not math.isfinite(value) else f"{100 * value:.2f} %"


def half_width(interval: Interval | None) -> str:
    """Half of an interval; – where it says nothing."""
    return NONE if interval is None or not interval.half_width > 0 else number(interval.half_width)


def bounds(interval: Interval | None, *, percent: bool = False) -> str:
    """Both ends of an interval: .850–.873; – where it says nothing."""
    if interval is None or not interval.half_width > 0:  # NaN, or a share of 0 or 1: nothing to resample
        return NONE
    if percent:
        return f"{100 * interval.low:.2f}–{100 * interval.high:.2f}"
    return f"{number(interval.low)}–{number(interval.high)}"

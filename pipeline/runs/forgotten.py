"""What a run says of sources that were forgotten, or that are gone."""

from collections.abc import Collection, Mapping, Sequence

from pipeline.errors import ResultsError
from pipeline.results.commits import Commit
from pipeline.results.forget import finish
from pipeline.results.marks import read_marks
from pipeline.results.source_state import source_states
from pipeline.runs.standing import Standing
from pipeline.sources.find import Source
from pipeline.storage.store import Store

SHOWN_MAX = 5
"""Sources that a line names."""


def finish_erasure(store: Store, standing: Standing) -> None:
    """Go on with an erasure that was ended half way. Raises ResultsError where marks are damaged, and SinkError.

    What damaged results hold up is only told: analysing their sources again is what mends them.
    """
    marks = read_marks(store)
    if not marks.erasing:
        return
    try:
        finish(store, marks)
    except ResultsError as exc:
        standing.noted(str(exc))
    else:
        standing.noted(f"finished forgetting {_some(marks.erasing)}: an earlier affectstream forget was interrupted")


def leave_out(store: Store, sources: Sequence[Source], standing: Standing) -> tuple[list[Source], dict[str, str]]:
    """The sources that were not forgotten there; and when the others were (UTC), by path. Raises ResultsError."""
    marks = read_marks(store)
    times = {source.uri: marks.forgotten_utc(source.uri) or marks.forgotten_utc(source.stream_id) for source in sources}
    left_out = {source.shown: when for source in sources if (when := times[source.uri])}
    if left_out:
        standing.noted(forgotten_line(left_out, str(store)))
    return [source for source in sources if not times[source.uri]], left_out


def forgotten_line(left_out: Mapping[str, str], out: str) -> str:
    """How to say which sources are left out; `left_out` says when they were forgotten (UTC), by path."""
    named = [f"{shown} (forgotten on {when[:10]})" for shown, when in left_out.items()]
    return (
        f"left out: {_some(named)}; to analyse a source again, call "
        f"affectstream forget SOURCE --results {out} --allow-again"
    )


def note_gone(commits: Sequence[Commit], standing: Standing) -> None:
    """Tell of sources that were analysed and are no longer there."""
    states = source_states(commit.source for commit in commits)
    gone = [commit.report.source for commit, state in zip(commits, states, strict=True) if state == "gone"]
    if gone:
        standing.noted(f"no longer there, rows kept: {_some(gone)}; use affectstream forget to erase them")


def _some(names: Collection[str]) -> str:
    more = f" and {len(names) - SHOWN_MAX:,} more" if len(names) > SHOWN_MAX else ""
    return ", ".join(list(names)[:SHOWN_MAX]) + more

"""The report's first page: what the run was, and a table of all its videos."""

from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np

from pipeline.report import findings, words
from pipeline.report.page import page_name
from pipeline.report.render import render
from pipeline.report.rows import StreamRows
from pipeline.report.sparkline import HEIGHT, WIDTH, sparkline
from pipeline.text import printable

NS = 1_000_000_000
FEW_GOOD = 0.5
"""Share of good rows below which a video is said to have few."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexRow:
    """One video in the table."""

    name: str
    href: str
    sparkline: str
    picture: bool
    video_s: float
    frames: int
    frames_with_faces: int
    people: int
    points: int
    good_points: int
    valence: float | None
    arousal: float | None
    problems: list[str]


def display_names(stream_ids: list[str]) -> dict[str, str]:
    """Streams' names without their hash, where they differ without it."""
    bare = {stream_id: stream_id.rsplit("~", 1)[0] or stream_id for stream_id in stream_ids}
    times = Counter(bare.values())
    return {stream_id: printable(name if times[name] == 1 else stream_id) for stream_id, name in bare.items()}


def index_row(stream: StreamRows, *, name: str) -> IndexRow:
    """What the table says of a stream."""
    report, points = stream.report, stream.points
    lasting = [track["track_id"] for track in stream.tracks if not track["brief"]]
    drawn = np.isin(points["track_id"], lasting)
    begin_s, end_s = findings.analysed_s(stream)
    counts = findings.count_frames(stream.frames)
    good = int((points["grade"] == 2).sum())
    return IndexRow(
        name=name,
        href=f"videos/{quote(page_name(stream.stream_id))}",
        sparkline=sparkline(
            points["pts_ns"][drawn] / NS - begin_s, points["valence_smooth"][drawn].astype(float), end_s - begin_s
        ),
        picture=findings.is_picture(stream),
        video_s=end_s - begin_s,
        frames=counts.total,
        frames_with_faces=counts.with_face,
        people=len(lasting),
        points=len(points["grade"]),
        good_points=good,
        valence=report.valence_mean,
        arousal=report.arousal_mean,
        problems=[*(["source gone"] if stream.gone else []), *_problems(counts, len(points["grade"]), good)],
    )


def render_index(rows: list[IndexRow], run: dict[str, Any], *, title: str, mark: str) -> str:
    """The page as HTML."""
    failed = [
        {
            "name": printable(item.get("stream_id", "").rsplit("~", 1)[0]),
            "lines": [printable(line) for line in str(item.get("error", "")).splitlines()] or [""],
        }
        for item in run.get("failed") or []
    ]
    frames, points = sum(row.frames for row in rows), sum(row.points for row in rows)
    totals = [
        ("Analysed", f"{len(rows):,} of {len(rows) + len(failed):,}"),
        ("Length", words.clock(sum(row.video_s for row in rows))),
        ("Frames", words.count(frames)),
        ("With a face", words.percent(sum(row.frames_with_faces for row in rows), frames)),
        ("People", words.count(sum(row.people for row in rows))),
        ("Faces measured", words.count(points)),
        ("Good faces", words.percent(sum(row.good_points for row in rows), points)),
    ]
    return render(
        "index.html",
        run,
        title=title,
        mark=mark,
        rows=rows,
        failed=failed,
        totals=totals,
        settings=words.describe(run),
        notes=_notes(run, len(rows)),
        spark=(WIDTH, HEIGHT),
    )


def _problems(counts: findings.FrameCounts, num_points: int, num_good: int) -> list[str]:
    out = []
    if counts.missing:
        out.append(f"{words.count(counts.missing, 'frame')} missing")
    if counts.damaged:
        out.append(f"{words.count(counts.damaged, 'frame')} damaged")
    if counts.unknown:
        out.append(f"{words.count(counts.unknown, 'frame')} without an answer")
    if not num_points:
        out.append("no face found")
    elif num_good < FEW_GOOD * num_points:
        out.append("few good faces")
    return out


def _notes(run: dict[str, Any], analysed: int) -> list[str]:
    notes = []
    if run.get("state") not in (None, "finished"):
        notes.append(
            f"The run is not finished ({run['state']}): these are the {analysed:,} videos done so far. The same "
            "command goes on from there; make the report again afterwards."
        )
    return notes + words.context_note(run)

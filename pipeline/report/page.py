"""The page of one video, or of one picture."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from engines import EXPRESSIONS
from pipeline.report import findings, words
from pipeline.report.circumplex import dots, label_places
from pipeline.report.people import (
    SHOWN_MAX,
    Person,
    expression_shares,
    find_people,
    grade_shares,
    lines,
    place,
    row_limits,
)
from pipeline.report.render import render
from pipeline.report.rows import StreamRows
from pipeline.sinks.files import stream_folder
from pipeline.text import printable
from pipeline.tracks.smoothing import GAP_S_MAX

COLOURS = 7
"""Colours that can be told apart; after them they come again, with dashed lines."""

GONE = (
    "The file is no longer where it was when it was analysed, as seen from the machine that made this report. "
    "If it was withdrawn, erase what is left of it here with affectstream forget."
)
END_REASONS = {
    "lost": "left or hidden",
    "scene_cut": "scene change",
    "end_of_stream": "video ended",
    "discontinuity": "stream broke off",
    "shutdown": "run stopped",
}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """File names of the pages before and after, in the index's order."""

    before: str | None
    after: str | None


def page_name(stream_id: str) -> str:
    """File name of a stream's page."""
    return f"{stream_folder(stream_id)}.html"


def render_page(stream: StreamRows, run: dict[str, Any], *, name: str, near: Neighbours) -> str:
    """The page as HTML."""
    picture = findings.is_picture(stream)
    people, brief, beyond = find_people(stream, noun="face" if picture else "person")
    counts = findings.count_frames(stream.frames)
    size = [int(stream.frames[side].max(initial=0)) for side in ("width", "height")]
    content: dict[str, Any] = {
        "name": name,
        "near": near,
        "stream_id": printable(stream.stream_id),
        "size": size,
        "expressions": EXPRESSIONS,
        "people": [_figures(person, picture) for person in people],
        "counts": counts,
        "flags": findings.flags(stream.points),
        "num_rows": len(stream.points["grade"]),
        "notes": [*([GONE] if stream.gone else []), *_notes(run, stream, counts)],
    }
    if picture:
        content["scatter"] = _scatter(content["people"])
        return render("picture.html", run, facts=_facts(stream, counts, size, people, picture=True), **content)
    step_s = findings.step_s(stream.frames, stream.report.info.get("period_ns"))
    limits = row_limits(people)
    begin_s, end_s = findings.analysed_s(stream)
    charts = {
        "begin": round(begin_s, 3),
        "end": round(max(end_s, begin_s + 0.1), 3),
        "cuts": [round(t, 3) for t in findings.cuts_s(stream.frames)],
        "damaged": [[round(a, 3), round(b, 3)] for a, b in findings.damaged_s(stream.frames, step_s)],
        "colours": COLOURS,
        "people": [lines(p, step_s=step_s, rows_max=limit) for p, limit in zip(people, limits, strict=True)],
    }
    thinned = any(len(p.rows["pts_ns"]) > limit for p, limit in zip(people, limits, strict=True))
    asides = _asides(people, brief, beyond, step_s=step_s, thinned=thinned)
    facts = _facts(stream, counts, size, people, picture=False)
    return render("video.html", run, facts=facts, charts=charts, asides=asides, shown_max=SHOWN_MAX, **content)


def _scatter(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each face's dot and number on the circle."""
    places = dots(*(np.array([person[value] for person in people]) for value in ("valence", "arousal")))
    labels = label_places(places)
    return [
        {"person": person, "dot": dot, "label": label}
        for person, dot, label in zip(people, places.tolist(), labels.tolist(), strict=True)
    ]


def _figures(person: Person, picture: bool) -> dict[str, Any]:
    track = person.track
    # A picture has no time to smooth over, so its network's own values are what there is, whatever their grade.
    own = {value: float(person.rows[value][0]) for value in ("valence", "arousal")} if picture else {}
    return {
        "name": person.name,
        "number": track["track_id"],
        "colour": person.colour % COLOURS,
        "dash": person.colour // COLOURS % 3,
        "shown": person.shown,
        "start_s": person.start_s,
        "end_s": person.end_s,
        "num_points": track["num_points"],
        "valence": own.get("valence", track["valence_mean"]),
        "arousal": own.get("arousal", track["arousal_mean"]),
        "valence_sd": track["valence_sd"],
        "arousal_sd": track["arousal_sd"],
        "expression": track["expression"],
        "expressions": expression_shares(person.rows).tolist(),
        "grades": grade_shares(person.rows).tolist(),
        "grade": int(person.rows["grade"][0]),
        "flags": [flag.words for flag in findings.flags(person.rows)],
        "face_px": track["face_px_mean"],
        "box": place(person.rows),
        "ended": END_REASONS.get(track["end_reason"], track["end_reason"]),
    }


def _facts(
    stream: StreamRows, counts: findings.FrameCounts, size: list[int], people: list[Person], *, picture: bool
) -> list[tuple[str, str]]:
    report, good = stream.report, grade_shares(stream.points)[0]
    picture_size = f"{size[0]}×{size[1]}" if all(size) else words.NONE
    faces = [("Good faces", words.percent(good) if len(stream.points["grade"]) else words.NONE)]
    if picture:
        return [("Picture", picture_size), ("Faces", words.count(len(people))), *faces]
    begin_s, end_s = findings.analysed_s(stream)
    return [
        ("Length", words.clock(end_s - begin_s)),
        ("Picture", picture_size),
        ("Frames", words.count(counts.total)),
        ("With a face", words.percent(counts.with_face, counts.total)),
        ("People", words.count(sum(not track["brief"] for track in stream.tracks))),
        ("Mean valence", words.signed(report.valence_mean)),
        ("Mean arousal", words.signed(report.arousal_mean)),
        *faces,
    ]


def _notes(run: dict[str, Any], stream: StreamRows, counts: findings.FrameCounts) -> list[str]:
    """What a reader should know before looking at anything else."""
    notes = words.context_note(run)
    if counts.missing:
        notes.append(
            f"{words.count(counts.missing, 'frame')} of {counts.total:,} could not be decoded: the file is damaged or "
            "cut short. Everything that could be read is here."
        )
    notes += [f"{note[0].upper()}{note[1:]}." for note in stream.report.time_notes]
    if others := stream.report.info.get("other_streams"):
        notes.append(f"The file holds further video streams, which were not analysed: {', '.join(others)}.")
    return notes


def _asides(people: list[Person], brief: int, beyond: int, *, step_s: float, thinned: bool) -> list[str]:
    """What the charts leave out or simplify."""
    out = []
    if len(people) > SHOWN_MAX:
        out.append(f"The {SHOWN_MAX} longest of {len(people)} appearances are switched on; the others can be.")
    if beyond:
        out.append(f"{words.count(beyond, 'shorter appearance')} not shown here; the tables have them.")
    if brief:
        out.append(f"{words.count(brief, 'brief appearance')} under 0.3 s {'is' if brief == 1 else 'are'} left out.")
    if thinned:
        out.append(
            "Long lines are drawn from fewer frames than were analysed: of each short stretch of time the lowest and "
            "highest values are kept, and its most frequent grade. Figures and tables use every frame."
        )
    if people and all(person.track["valence_mean"] is None for person in people):
        out.append(
            "No face was seen well enough to be averaged, so there are no lines: only the values of single frames."
        )
    if step_s > GAP_S_MAX:
        out.append(
            f"Frames were analysed {np.round(step_s, 2):g} s apart. Nothing is drawn across more than {GAP_S_MAX:g} s, "
            "so each stands as a dot."
        )
    return out

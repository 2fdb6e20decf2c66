"""``affectstream overlay``: from a video and its results to an annotated video."""

from collections.abc import Callable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pipeline.errors import ConfigError, PolicyError, ResultsError, SourceError
from pipeline.overlay.courses import Course, read_courses
from pipeline.overlay.hide import FPS_MIN, HOLD_S, hide
from pipeline.overlay.paint import Painter
from pipeline.results.commits import Commit, read_commits
from pipeline.results.read import read_results
from pipeline.results.run_folder import require_run
from pipeline.sources.find import find_sources
from pipeline.storage.store import open_store
from pipeline.video.decode import VideoReader
from pipeline.video.encode import VideoWriter

if TYPE_CHECKING:  # half a second of every start
    import pandas as pd

NS = 1_000_000_000

Shown = Callable[[int, int | None], None]
"""Told how many frames are done, of how many if that is known."""


def write_overlay(
    video: Path,
    results: str | Path,
    out: Path,
    *,
    blur_faces: bool = False,
    force: bool = False,
    shown: Shown = lambda done, total: None,
) -> None:
    """Write `video` with what `results` say of it drawn on, at its own rate and with its sound.

    Refused with ResultsError where another file of that name was analysed. blur_faces: cover every face instead; then
    refused with PolicyError also where part of the video was not analysed, because a face could be left open there.
    `force` does it all the same. A picture becomes a picture.
    Raises SourceError, ResultsError, PolicyError, ConfigError or SinkError.
    """
    if video.is_dir():
        raise ConfigError(f"{video}: is a folder; an overlay is made of one video or picture")
    if out.exists() and out.resolve() == video.resolve():
        raise ConfigError(f"{out}: is the video itself; choose another name")
    commit = _commit_of(video, results)
    points, frames = (read_results(results, table, stream_id=commit.stream_id) for table in ("points", "frames"))
    courses = read_courses(points, frames)
    if not (blur_faces or force or _is_as_analysed(video, commit)):
        raise ResultsError(f"{video}: {_other(commit)}; analyze it again, or --force draws them all the same")
    run = require_run(open_store(results))
    sampling = run.get("config", {}).get("sampling", {})
    stream = {"rotate": sampling.get("rotate") or 0, "video_stream": sampling.get("video_stream")}
    with VideoReader(video, **stream) as reader:
        if blur_faces and not force:
            _refuse_gaps(video, commit, sampling, frames)
        if reader.info.is_picture:
            image = next(reader.frames()).bgr()
            _editor(image, courses, blur_faces)(image, 0)
            _write_picture(image, out)
            return
        _write_video(reader, video, out, lambda image: _editor(image, courses, blur_faces), shown)


def _write_picture(image: np.ndarray, out: Path) -> None:
    try:
        ok = cv2.imwrite(str(out), image)
    except cv2.error:
        ok = False
    if not ok and out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise ConfigError(f"{out}: only PNG and JPEG can be written; choose a name that ends in .png or .jpg")
    if not ok:
        raise ConfigError(f"{out}: cannot be written; does its folder exist?")


Edit = Callable[[np.ndarray, int], None]
"""Changes a picture (H, W, 3) uint8 BGR of a time in ns in place."""


def _write_video(
    reader: VideoReader, video: Path, out: Path, editor: Callable[[np.ndarray], Edit], shown: Shown
) -> None:
    info, frames = reader.info, reader.frames()
    first = next(frames)
    image = first.bgr()
    edit = editor(image)
    rate = Fraction(NS, info.period_ns or NS // 25).limit_denominator(1001)
    total = round(info.end_ns / info.period_ns) if info.end_ns and info.period_ns else None
    with VideoWriter(out, (image.shape[1], image.shape[0]), fps=rate, audio_from=video) as writer:
        for number, frame in enumerate(chain([first], frames), 1):
            image = frame.bgr()
            edit(image, frame.pts_ns)
            writer.write(image, frame.pts_ns)
            shown(number, total)


def _editor(image: np.ndarray, courses: list[Course], blur_faces: bool) -> Edit:
    """What is done to every picture of a video whose first is `image`."""
    if not blur_faces:
        return Painter(image.shape[1], image.shape[0], courses).paint

    def cover(image: np.ndarray, pts_ns: int) -> None:
        boxes = (course.box_near(pts_ns, HOLD_S) for course in courses)
        hide(image, (box for box in boxes if box is not None))

    return cover


def _commit_of(video: Path, results: str | Path) -> Commit:
    """The commit of this video: of the same file, else of one of the same name, if there is only one."""
    store = open_store(results)
    require_run(store)
    (source,) = find_sources([video])
    commits = read_commits(store)
    same_file = [commit for commit in commits if commit.source["uri"] == source.uri]
    same_name = [commit for commit in commits if _shown(commit).rsplit("/", 1)[-1] == video.name]
    for found in (same_file, same_name):
        if len(found) == 1:
            return found[0]
    if not video.exists():
        raise SourceError(f"{video}: no such file")
    known = ", ".join(_shown(commit) for commit in commits[:5]) or "nothing"
    raise ResultsError(f"{store}: has no results of {video.name}; it has {known}{' …' if len(commits) > 5 else ''}")


def _is_as_analysed(video: Path, commit: Commit) -> bool:
    """Whether the file is as long as the one that was analysed: a copy, or one fetched from afar, has another time."""
    return bool(commit.source.get("bytes") == video.stat().st_size)


def _other(commit: Commit) -> str:
    return f"the results are of another video of that name ({commit.report.source}), or it has changed since"


def _shown(commit: Commit) -> str:
    """The path part of a stream's name."""
    return commit.stream_id.rsplit("~", 1)[0]


def _refuse_gaps(video: Path, commit: Commit, sampling: dict[str, Any], frames: "pd.DataFrame") -> None:
    """PolicyError where a face could be left open."""
    fps = sampling.get("fps", "native")
    gaps = int(frames["status"].isin(["unknown", "decode_error"]).sum())
    if not _is_as_analysed(video, commit):
        why = _other(commit)
    elif gaps:
        why = f"{gaps} frames of it could not be analysed"
    elif sampling.get("start_s") or sampling.get("end_s") is not None:
        why = "only a part of it was analysed (--start, --end)"
    elif fps != "native" and fps < FPS_MIN and not commit.report.info.get("is_picture"):
        why = f"faces may move too far between two analysed frames (--fps {fps:g}; at least {FPS_MIN:g} is needed)"
    else:
        return
    raise PolicyError(f"faces cannot all be hidden in {video.name}: {why}; --force does it all the same")

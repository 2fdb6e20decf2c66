"""Made-up results, written by the project's own code."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.results.commits import Commit, StreamReport, write_commit
from pipeline.results.run_folder import write_run
from pipeline.sinks import FileSink
from pipeline.storage.store import open_store
from pipeline.tables import FRAMES, POINTS, TRACKS, nullable, repeat, table

NS = 1_000_000_000
RUN_ID = str(uuid.UUID(int=1))


@dataclass(kw_only=True)
class Someone:
    """One person of a made-up video; a value for each time."""

    t_s: Sequence[float]
    valence: Sequence[float]
    arousal: float = 0.2
    quality: int = 0
    grade: int = 2
    expression: str = "happiness"
    brief: bool = False


@dataclass(kw_only=True)
class Video:
    """A made-up video, `fps` frames a second of which are analysed."""

    stream_id: str
    people: list[Someone] = field(default_factory=list)
    length_s: float = 10.0
    fps: float = 10.0
    cuts_s: tuple[float, ...] = ()
    missing_s: tuple[float, float] = (0.0, 0.0)
    picture: bool = False
    landmarks: bool = False
    labels: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)


def write_video(out: Path | str, video: Video, *, format: str = "parquet") -> None:
    """Write a video's rows and commit them."""
    sink = FileSink(open_store(out), video.stream_id, format=format, metadata=video.metadata, labels=video.labels)
    sink.write_tables(_rows(video))
    sink.flush()
    report = StreamReport(
        stream_id=video.stream_id,
        source="made/up",
        video_s=video.length_s,
        valence_mean=0.25,
        info={"is_picture": video.picture, "period_ns": 40_000_000},
    )
    commit = Commit(
        stream_id=video.stream_id,
        parts=tuple(sink.parts),
        source={"uri": f"s3://made-up/{video.stream_id}"},
        report=report,
        labels=video.labels,
    )
    write_commit(open_store(out), commit)


def write_record(out: Path | str, **changes: object) -> None:
    """Write `run.json`."""
    config = {"sampling": {"fps": 10.0, "start_s": 0.0, "end_s": None}, "smoothing": {"half_width_s": 0.8}}
    networks = {
        role: {"name": name, "sha256": "0" * 64, "weak_labels": role == "affect"}
        for role, name in (("affect", "emofan-s"), ("detector", "face-s"))
    }
    record = {
        "run_id": RUN_ID,
        "config_hash": "0",
        "affectstream_version": "0.0.0",
        "config": config,
        "context": "research",
        "networks": networks,
        "started_utc": "2026-01-02T03:04:05+00:00",
        "state": "finished",
        "failed": [],
    }
    write_run(open_store(out), record | changes)


def _rows(video: Video) -> dict[str, pa.Table]:
    t_s = np.zeros(1) if video.picture else np.arange(0, video.length_s, 1 / video.fps)
    count = len(t_s)
    missing = (t_s >= video.missing_s[0]) & (t_s < video.missing_s[1])
    seen = np.isin(_ns(t_s), np.concatenate([_ns(np.array(p.t_s)) for p in video.people] or [np.zeros(0)]))
    frames = {
        **_key(video, t_s),
        "status": np.where(missing, "decode_error", np.where(seen, "ok", "no_face")).tolist(),
        "scene_cut": np.isin(_ns(t_s), _ns(np.array(video.cuts_s))),
        "corrupt": np.zeros(count, bool),
        "quality_level": np.zeros(count),
        "width": np.full(count, 640),
        "height": np.full(count, 360),
    }
    points = [_points(video, someone, i) for i, someone in enumerate(video.people, 1)]
    tracks = [_track(video, someone, i) for i, someone in enumerate(video.people, 1)]
    return {
        "frames": table(frames, FRAMES, count),
        "points": pa.concat_tables([POINTS.empty_table(), *points]).unify_dictionaries().sort_by("pts_ns"),
        "tracks": pa.Table.from_pylist(tracks, TRACKS),
    }


def _points(video: Video, someone: Someone, track_id: int) -> pa.Table:
    t_s = np.array(someone.t_s, float)
    count = len(t_s)
    full = {
        "x1": 100.0,
        "y1": 50.0,
        "x2": 180.0,
        "y2": 150.0,
        "face_px": 80.0,
        "visibility": 1.0,
        "luma": 99,
        "blur": 99,
    }
    valence, arousal = np.array(someone.valence, float), np.full(count, someone.arousal)
    values = {
        **_key(video, t_s),
        **{name: np.full(count, value) for name, value in full.items()},
        "track_id": np.full(count, track_id),
        "quality": np.full(count, someone.quality),
        "grade": np.full(count, someone.grade),
        "valence": valence,
        "arousal": arousal,
        "valence_smooth": nullable(valence if someone.grade else np.full(count, np.nan)),
        "arousal_smooth": nullable(arousal if someone.grade else np.full(count, np.nan)),
        "expression": repeat(someone.expression, count),
    }
    if video.landmarks:
        numbers = np.arange(count * 136, dtype=np.float32) + track_id
        values["landmarks"] = pa.FixedSizeListArray.from_arrays(pa.array(numbers), 136)
    return table(values, POINTS, count)


def _track(video: Video, someone: Someone, track_id: int) -> dict[str, object]:
    figures = {
        f"{value}_{name}": 0.1 if someone.grade else None
        for value in ("valence", "arousal")
        for name in ("mean", "sd", "min", "max")
    }
    return {
        "run_id": RUN_ID,
        "stream_id": video.stream_id,
        "epoch": 0,
        "track_id": track_id,
        "start_ns": int(_ns(np.array(someone.t_s))[0]),
        "end_ns": int(_ns(np.array(someone.t_s))[-1]),
        "num_points": len(someone.t_s),
        "share_good": float(someone.grade == 2),
        "end_reason": "lost",
        "brief": someone.brief,
        **figures,
        "expression": someone.expression,
        "expression_share": 1.0,
        "face_px_mean": 80.0,
    }


def _key(video: Video, t_s: np.ndarray) -> dict[str, object]:
    count = len(t_s)
    names = {"run_id": RUN_ID, "stream_id": video.stream_id, "ts_source": "file"}
    return {**{k: repeat(v, count) for k, v in names.items()}, "epoch": np.zeros(count), "pts_ns": _ns(t_s)}


def _ns(t_s: np.ndarray) -> np.ndarray:
    return np.rint(np.asarray(t_s, float) * NS).astype(np.int64)


def ticks(start_s: float, end_s: float, fps: float = 10.0) -> list[float]:
    """Times of analysed frames."""
    return [k / fps for k in range(round(start_s * fps), round(end_s * fps))]

"""What a worker does with a video: analyse it and commit its rows, or analyse a segment, or join its segments.

No process and no Ray here: it runs in a worker process, in a Ray actor or in the caller's own process alike.
"""

import json
import logging
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, astuple, replace
from functools import partial, reduce
from hashlib import sha256
from typing import Any

from engines import Engine
from pipeline.config import AnalyzeConfig
from pipeline.errors import SinkError, SourceError
from pipeline.faces.analyzer import Analyzer
from pipeline.heartbeat import beat
from pipeline.jobs.checkpoint import (
    FORMAT,
    Ending,
    Origin,
    has_checkpoint,
    read_batches,
    read_end,
    retried,
    write_batches,
)
from pipeline.jobs.context import Progress, RunContext
from pipeline.jobs.segments import FileSegment, Segment, whole
from pipeline.logs import passing_over
from pipeline.results.commits import Commit, StreamReport, read_commit, write_commit
from pipeline.results.run_folder import checkpoint_path, drop_checkpoints
from pipeline.sinks import FileSink
from pipeline.sources.find import Source
from pipeline.storage.store import Store, open_store
from pipeline.stream.loop import analyze_frames, write_stream
from pipeline.stream.statistics import StreamStatistics
from pipeline.tracks.finalizer import RowFinalizer
from pipeline.tracks.smoothing import gap_s_max
from pipeline.tracks.temporal import SymmetricAverage
from pipeline.tracks.tracking import Tracker, TrackerConfig
from pipeline.types import AffectBatch
from pipeline.updates import StreamKey
from pipeline.version import software_version
from pipeline.video.decoded import VideoInfo
from pipeline.video.irregular import Irregular

logger = logging.getLogger(__name__)

NS = 1_000_000_000


def analyze_source(
    source: Source, context: RunContext, detector: Engine, affect: Engine, progress: Progress | None = None
) -> StreamReport:
    """Analyse a whole source and commit it. Raises SourceError or SinkError; then nothing of it counts."""
    progress = Progress() if progress is None else progress
    started, state, segment = time.monotonic(), source.state(), whole(context.config.sampling)
    with _open(source, segment, context.config) as reader:
        origin = _origin(reader.info, detector, affect)
        with closing(_analyze(reader, segment, context.config, detector, affect, progress)) as batches:
            statistics, sink = _write(source, context, origin, batches)
        return _commit(source, state, context, origin, statistics, sink, reader.irregular, started)


def analyze_segment(
    source: Source, segment: Segment, context: RunContext, detector: Engine, affect: Engine, progress: Progress
) -> None:
    """Analyse a segment of a source and keep its batches for `join_segments`; if they are kept already, do nothing.

    Raises SourceError or SinkError.
    """
    store, path = open_store(context.out), checkpoint_of(source, source.state(), segment, context)
    if has_checkpoint(store, path):
        return
    started = time.monotonic()
    with _open(source, segment, context.config) as reader:
        origin = _origin(reader.info, detector, affect)

        def end() -> Ending:
            wall_s = time.monotonic() - started
            return Ending(origin=origin, num_frames=reader.num_frames, wall_s=wall_s, irregular=reader.irregular)

        with closing(_analyze(reader, segment, context.config, detector, affect, progress)) as batches:
            write_batches(store, path, batches, end)


def join_segments(source: Source, segments: Sequence[Segment], context: RunContext) -> StreamReport:
    """Track, smooth, write and commit a source whose segments are all analysed; if it is committed, do nothing.

    Raises ResultsError where a segment's checkpoint is missing or damaged: the next run analyses that segment again.
    Raises SinkError.
    """
    started, state, store = time.monotonic(), source.state(), open_store(context.out)
    if (report := _committed(store, source, state)) is not None:
        return report
    paths = [checkpoint_of(source, state, segment, context) for segment in segments]
    ends = []
    for path in paths:
        ends.append(read_end(store, path))
        beat()

    def batches() -> Iterator[AffectBatch]:
        first_index: int | None = 0
        for path, end in zip(paths, ends, strict=True):
            yield from read_batches(store, path, end, first_index)
            beat()
            if first_index is not None:
                first_index = None if end.num_frames is None else first_index + end.num_frames

    origins = [end.origin for end in ends]
    engines = {name: "+".join(sorted({o.engines[name] for o in origins})) for name in origins[0].engines}
    origin = replace(origins[0], engines=engines)
    irregular = reduce(Irregular.joined, (end.irregular for end in ends))
    before_s = sum(end.wall_s for end in ends)
    statistics, sink = _write(source, context, origin, batches())
    report = _commit(source, state, context, origin, statistics, sink, irregular, started, before_s=before_s)
    # What stays is removed at the end of the run.
    with passing_over(logger, f"removing checkpoints of {source.shown}", SinkError):
        drop_checkpoints(store, source.stream_id)
    return report


def checkpoint_of(source: Source, state: dict[str, Any], segment: Segment, context: RunContext) -> str:
    """Where a segment's checkpoint is kept; another file, other settings, cuts or software have another name."""
    made_by = [FORMAT, software_version(), context.metadata["config_hash"]]
    identity = json.dumps([*made_by, state, astuple(segment)], sort_keys=True)
    return checkpoint_path(source.stream_id, f"{segment.number:06d}-{sha256(identity.encode()).hexdigest()[:16]}")


def _open(source: Source, segment: Segment, config: AnalyzeConfig) -> FileSegment:
    return FileSegment(source.path, segment, config.sampling, batch_frames=config.batching.size)


def _analyze(
    reader: FileSegment,
    segment: Segment,
    config: AnalyzeConfig,
    detector: Engine,
    affect: Engine,
    progress: Progress,
) -> Generator[AffectBatch]:
    progress.start_s, progress.duration_s = segment.start_ns / NS, _duration_s(config, reader.info)
    analyzer = Analyzer(detector, affect, gap_s_max=_gap_s_max(config))
    return analyze_frames(reader, analyzer, ahead=config.batching.prefetch, analyzed=partial(_note, progress))


def _note(progress: Progress, batch: AffectBatch) -> None:
    progress.frames += len(batch.frames)
    progress.faces += len(batch.tracklet)
    progress.stream_s = batch.next_ns / NS - progress.start_s


def _write(
    source: Source, context: RunContext, origin: Origin, batches: Iterable[AffectBatch]
) -> tuple[StreamStatistics, FileSink]:
    """The stream's rows, written but not flushed.

    If this fails, rows stay, uncommitted: another attempt at the same stream writes to the same names, so only the run
    that holds the folder may remove them. Raises SourceError where there are no frames.
    """
    config = context.config
    key = StreamKey(run_id=context.run_id, stream_id=source.stream_id, ts_source=FileSegment.ts_source)
    sink = FileSink(
        open_store(context.out),
        source.stream_id,
        format=config.output.format,
        metadata={
            **context.metadata,
            **origin.engines,
            "time_base": origin.info.time_base,
            "ts_source": key.ts_source,
        },
        labels=source.labels,
    )
    tracker = Tracker(TrackerConfig(gap_s_max=_gap_s_max(config)), score_start=origin.score_start)
    statistics = write_stream(batches, tracker, _finalizer(key, config, origin), [sink])
    if not statistics.frames:
        raise SourceError(f"{source.shown}: has no frame in the requested time range{_length(origin.info)}")
    return statistics, sink


def _finalizer(key: StreamKey, config: AnalyzeConfig, origin: Origin) -> RowFinalizer:
    fps, info = config.sampling.fps, origin.info
    frame_s = (info.period_ns or 0) / NS
    return RowFinalizer(
        key,
        SymmetricAverage(
            half_width_s=config.smoothing.half_width_s,
            gap_s_max=gap_s_max(None if fps == "native" else fps, frame_s),
        ),
        score_start=origin.score_start,
        landmarks=config.output.landmarks,
        period_s=0.0 if info.is_picture else frame_s if fps == "native" else max(1 / fps, frame_s),
    )


def _commit(
    source: Source,
    state: dict[str, Any],
    context: RunContext,
    origin: Origin,
    statistics: StreamStatistics,
    sink: FileSink,
    irregular: Irregular,
    started: float,
    *,
    before_s: float = 0.0,
) -> StreamReport:
    """Make the rows count. `state` is the source's from before it was read; `before_s`: time spent on its segments."""
    store = open_store(context.out)
    if (before := _committed(store, source, state)) is not None:  # the first commit stands
        return before
    sink.flush()
    sink.close()
    valence, arousal = statistics.means
    first_at = statistics.first_point_at
    report = StreamReport(
        stream_id=source.stream_id,
        source=source.shown,
        video_s=statistics.end_ns / NS - context.config.sampling.start_s,
        wall_s=time.monotonic() - started + before_s,
        first_row_s=None if first_at is None else first_at - started + before_s,
        valence_mean=valence,
        arousal_mean=arousal,
        info=asdict(origin.info),
        time_notes=irregular.in_words(origin.info.claimed_ns),
        **statistics.counts,
    )
    commit = Commit(
        stream_id=source.stream_id,
        parts=tuple(sink.parts),
        source=state,
        report=report,
        labels=dict(source.labels),
        context=context.config.deployment.model_dump(),
        engine=origin.engines["engine"],
        precision=origin.engines["precision"],
        detector_engine=origin.engines["detector_engine"],
    )
    write_commit(store, commit)
    return report


def _committed(store: Store, source: Source, state: dict[str, Any]) -> StreamReport | None:
    """What another attempt of this run has committed: an earlier one, or one on a node that was taken for dead.

    A run begins by removing the commits of what it is to do, so one that is there is its own. Raises SinkError.
    """
    with retried():
        found = read_commit(store, source.stream_id)
    return found.report if found is not None and found.source == state else None


def _origin(info: VideoInfo, detector: Engine, affect: Engine) -> Origin:
    assert detector.spec.detector is not None
    engines = {"engine": affect.info.id, "precision": affect.info.precision, "detector_engine": detector.info.id}
    return Origin(info=info, engines=engines, score_start=detector.spec.detector.score_start)


def _gap_s_max(config: AnalyzeConfig) -> float:
    """The longest gap in a track: at least from one sample to the next, which lie up to a frame farther apart."""
    fps = config.sampling.fps
    return max(config.tracking.gap_s_max, 0.0 if fps == "native" else 1.5 / fps)


def _length(info: VideoInfo) -> str:
    return "" if info.end_ns is None else f"; it ends at {info.end_ns / NS:g} s"


def _duration_s(config: AnalyzeConfig, info: VideoInfo) -> float | None:
    ends = (config.sampling.end_s, None if info.end_ns is None else info.end_ns / NS)
    known = [end_s for end_s in ends if end_s is not None]
    return max(min(known) - config.sampling.start_s, 0.0) if known else None

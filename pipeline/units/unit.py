"""A unit of work, from decode to commit: the one loop of the system.

source -> analyzer -> tracker -> timeline -> sink. It knows no PyAV, no Ray and no process: it runs in a worker process,
in a Ray actor or in the caller's own process alike. A long video may be cut: then its stretches are analysed each on
its own, and tracked, smoothed and written when all of them are there.
"""

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import astuple, replace
from functools import reduce
from hashlib import sha256
from typing import Any

from engines import Engine
from pipeline.config import AnalyzeConfig
from pipeline.errors import SinkError, SourceError
from pipeline.faces.analyzer import Analyzer
from pipeline.heartbeat import beat
from pipeline.results.commits import Commit, read_commit, write_commit
from pipeline.results.run_folder import drop_spools, spool_path
from pipeline.sinks import FileSink
from pipeline.sources.find import Source
from pipeline.storage.store import Store, open_store
from pipeline.tracks.smoothing import gap_s_max
from pipeline.tracks.timeline import Finished, StreamContext, Timeline
from pipeline.tracks.tracking import EndReason, Tracker, TrackerConfig
from pipeline.types import AffectBatch
from pipeline.units.context import Progress, RunContext
from pipeline.units.spool import FORMAT, Ending, Origin, has_spool, read_end, read_spool, retried, write_spool
from pipeline.units.stretches import Split, Stretch, StretchReader, whole
from pipeline.units.tally import Tally, UnitReport
from pipeline.version import software_version
from pipeline.video.decoded import VideoInfo
from pipeline.video.hops import batches
from pipeline.video.irregular import Irregular
from pipeline.video.prefetch import prefetch

NS = 1_000_000_000


def run_unit(
    source: Source, context: RunContext, detector: Engine, affect: Engine, progress: Progress | None = None
) -> UnitReport | Split:
    """Analyse one source and commit it, or say how it is to be cut where `context` wants long ones cut.

    Raises SourceError or SinkError; then nothing of it counts.
    """
    progress = Progress() if progress is None else progress
    started, state, stretch = time.monotonic(), source.state(), whole(context.config.sampling)
    with StretchReader(source.path, stretch, context.config.sampling) as reader:
        if context.stretch_s is not None and len(stretches := reader.plan(context.stretch_s)) > 1:
            return Split(stretches)
        origin = _origin(reader.info, detector, affect)
        analyzer = Analyzer(detector, affect, gap_s_max=_gap_s_max(context.config))
        with closing(_analyse(reader, stretch, context.config, analyzer, progress)) as analysed:
            return _finish(source, state, context, origin, analysed, started, lambda: reader.irregular)


def analyse_stretch(
    source: Source, stretch: Stretch, context: RunContext, detector: Engine, affect: Engine, progress: Progress
) -> None:
    """Analyse a stretch of a source and keep what comes of it for `join_stretches`; if it is kept already, rest.

    Raises SourceError or SinkError.
    """
    store, path = open_store(context.out), checkpoint_path(source, source.state(), stretch, context)
    if has_spool(store, path):
        return
    started = time.monotonic()
    with StretchReader(source.path, stretch, context.config.sampling) as reader:
        origin = _origin(reader.info, detector, affect)
        analyzer = Analyzer(detector, affect, gap_s_max=_gap_s_max(context.config))

        def end() -> Ending:
            wall_s = time.monotonic() - started
            return Ending(origin=origin, num_frames=reader.num_frames, wall_s=wall_s, irregular=reader.irregular)

        with closing(_analyse(reader, stretch, context.config, analyzer, progress)) as analysed:
            write_spool(store, path, analysed, end)


def join_stretches(source: Source, stretches: Sequence[Stretch], context: RunContext) -> UnitReport:
    """Track, smooth, write and commit a source whose stretches are all analysed; if it is committed already, rest.

    Raises ResultsError where one is not, or is damaged: then the next run analyses it again. Raises SinkError.
    """
    started, state, store = time.monotonic(), source.state(), open_store(context.out)
    if (report := _committed(store, source, state)) is not None:
        return report
    paths = [checkpoint_path(source, state, stretch, context) for stretch in stretches]
    ends = []
    for path in paths:
        ends.append(read_end(store, path))
        beat()

    def analysed() -> Iterator[AffectBatch]:
        first_index: int | None = 0
        for path, end in zip(paths, ends, strict=True):
            yield from read_spool(store, path, end, first_index)
            beat()
            if first_index is not None:
                first_index = None if end.num_frames is None else first_index + end.num_frames

    origins = [end.origin for end in ends]
    engines = {name: "+".join(sorted({o.engines[name] for o in origins})) for name in origins[0].engines}
    before_s = sum(end.wall_s for end in ends)
    origin = replace(origins[0], engines=engines)
    irregular = reduce(Irregular.joined, (end.irregular for end in ends))
    report = _finish(source, state, context, origin, analysed(), started - before_s, lambda: irregular)
    with suppress(SinkError):  # it is committed; what is left goes with the end of a run
        drop_spools(store, source.stream_id)
    return report


def _committed(store: Store, source: Source, state: dict[str, Any]) -> UnitReport | None:
    """What another try of this run has committed: one before, or one on a node that was taken for dead.

    A run begins by taking back the commits of what it is to do: one that is there is its own. Raises SinkError.
    """
    with retried():
        found = read_commit(store, source.stream_id)
    return found.report if found is not None and found.source == state else None


def _analyse(
    reader: StretchReader, stretch: Stretch, config: AnalyzeConfig, analyzer: Analyzer, progress: Progress
) -> Generator[AffectBatch]:
    """The part without a memory. Decoding runs in a thread of its own."""
    progress.start_s, progress.duration_s = stretch.start_ns / NS, _duration_s(config, reader.info)
    size = config.batching.size
    batched = batches(reader.frames(), batch_frames=size, start_ns=stretch.start_ns, end_ns=stretch.end_ns)
    with closing(prefetch(batched, config.batching.prefetch, lambda batch: batch.nbytes)) as pictures:
        for batch in pictures:
            affect = analyzer.analyze(batch)
            progress.frames += len(affect.frames)
            progress.faces += len(affect.strand)
            progress.stream_s = affect.next_ns / NS - progress.start_s
            yield affect


def _finish(
    source: Source,
    state: dict[str, Any],
    context: RunContext,
    origin: Origin,
    analysed: Iterable[AffectBatch],
    started: float,
    irregular: Callable[[], Irregular],
) -> UnitReport:
    """The part with a memory, and the commit.

    If it fails, its rows stay, uncommitted: they lie under the names that another try of the same unit writes to, so
    only the run that holds the folder may remove them. `state` is the source's from before it was read.
    """
    config, store = context.config, open_store(context.out)
    metadata = {**context.metadata, **origin.engines, "time_base": origin.info.time_base, "ts_source": "file"}
    sink = FileSink(
        store,
        source.stream_id,
        format=config.output.format,
        metadata=metadata,
        labels=source.labels,
    )
    tracker = Tracker(TrackerConfig(gap_s_max=_gap_s_max(config)), score_start=origin.score_start)
    tally = Tally()
    for rows in follow(analysed, tracker, Timeline(_stream_context(source, context, origin))):
        sink.write(rows)
        beat()
        tally.add(rows, time.monotonic() - started)
    if not tally.frames:
        raise SourceError(f"{source.shown}: has no frame in the requested time range{_length(origin.info)}")
    if (before := _committed(store, source, state)) is not None:  # the first commit stands
        return before
    sink.flush()
    sink.close()
    report = tally.report(source, time.monotonic() - started, origin.info, config.sampling.start_s, irregular())
    done = Commit(
        stream_id=source.stream_id,
        parts=tuple(sink.parts),
        source=state,
        report=report,
        labels=dict(source.labels),
        context=config.deployment.model_dump(),
        engine=origin.engines["engine"],
        precision=origin.engines["precision"],
        detector_engine=origin.engines["detector_engine"],
    )
    write_commit(store, done)
    return report


def follow(analysed: Iterable[AffectBatch], tracker: Tracker, timeline: Timeline) -> Iterator[Finished]:
    """Finished rows of a stream, in order of time."""
    for affect in analysed:
        yield timeline.add(affect, tracker.update(affect))
    yield timeline.finish(tracker.end_all(EndReason.END_OF_STREAM))


def _origin(info: VideoInfo, detector: Engine, affect: Engine) -> Origin:
    assert detector.spec.detector is not None
    engines = {"engine": affect.info.id, "precision": affect.info.precision, "detector_engine": detector.info.id}
    return Origin(info=info, engines=engines, score_start=detector.spec.detector.score_start)


def checkpoint_path(source: Source, state: dict[str, Any], stretch: Stretch, context: RunContext) -> str:
    """Where a stretch's analysis is kept: under another name if the file, the settings, the cut or we are others."""
    made_by = [FORMAT, software_version(), context.metadata["config_hash"]]
    identity = json.dumps([*made_by, state, astuple(stretch)], sort_keys=True)
    return spool_path(source.stream_id, f"{stretch.number:06d}-{sha256(identity.encode()).hexdigest()[:16]}")


def _gap_s_max(config: AnalyzeConfig) -> float:
    """The longest gap in a track: at least from one sample to the next, which lie up to a frame farther apart."""
    fps = config.sampling.fps
    return max(config.tracking.gap_s_max, 0.0 if fps == "native" else 1.5 / fps)


def _stream_context(source: Source, context: RunContext, origin: Origin) -> StreamContext:
    fps, info = context.config.sampling.fps, origin.info
    frame_s = (info.period_ns or 0) / NS
    return StreamContext(
        run_id=context.run_id,
        stream_id=source.stream_id,
        score_start=origin.score_start,
        half_width_s=context.config.smoothing.half_width_s,
        gap_s_max=gap_s_max(None if fps == "native" else fps, frame_s),
        landmarks=context.config.output.landmarks,
        period_s=0.0 if info.is_picture else frame_s if fps == "native" else max(1 / fps, frame_s),
    )


def _length(info: VideoInfo) -> str:
    return "" if info.end_ns is None else f"; it ends at {info.end_ns / NS:g} s"


def _duration_s(config: AnalyzeConfig, info: VideoInfo) -> float | None:
    ends = (config.sampling.end_s, None if info.end_ns is None else info.end_ns / NS)
    known = [end_s for end_s in ends if end_s is not None]
    return max(min(known) - config.sampling.start_s, 0.0) if known else None

"""A unit of work, from decode to commit: the one loop of the system.

source -> analyzer -> tracker -> timeline -> sink. It knows no PyAV, no Ray and no process: it runs in a worker process,
in a Ray actor or in the caller's own process alike.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction

from engines import Engine
from pipeline.analyzer import Analyzer
from pipeline.config import AnalyzeConfig
from pipeline.errors import SourceError
from pipeline.hops import batches
from pipeline.prefetch import prefetch
from pipeline.run_folder import commit
from pipeline.sampling import sample
from pipeline.sinks import FileSink
from pipeline.sources import Source
from pipeline.store import open_store
from pipeline.tally import Tally, UnitReport
from pipeline.timeline import Finished, StreamContext, Timeline
from pipeline.tracking import EndReason, Tracker, TrackerConfig
from pipeline.types import FrameBatch
from pipeline.video.decode import DecodedFrame, VideoInfo, VideoReader

NS = 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class RunContext:
    """What is the same for every unit of a run. Travels to workers."""

    run_id: str
    out: str
    """A path or an address (`pipeline.store`)."""
    config: AnalyzeConfig
    metadata: dict[str, str]
    """For every file: versions, networks, settings."""


@dataclass(kw_only=True, slots=True)
class Progress:
    """How far a unit is; written by the worker, read by whoever watches."""

    start_s: float = 0.0
    """Where the stretch that is asked for begins."""
    stream_s: float = 0.0
    """How much of it is analysed ..."""
    duration_s: float | None = None
    """... of so much, if that is known."""
    decoded: int = 0
    frames: int = 0
    faces: int = 0
    steps: int = 0
    """Counts what is done between two batches, so that a long batch does not look like a hang."""

    def step(self) -> None:
        """Something was done."""
        self.steps += 1


def run_unit(
    source: Source, context: RunContext, detector: Engine, affect: Engine, progress: Progress | None = None
) -> UnitReport:
    """Analyse one source and commit it. Raises SourceError or SinkError; then nothing of it counts."""
    config = context.config
    progress = Progress() if progress is None else progress
    started = time.monotonic()
    engines = {"engine": affect.info.id, "precision": affect.info.precision, "detector_engine": detector.info.id}
    tally, state, store = Tally(), source.state(), open_store(context.out)
    with VideoReader(source.path, start_s=config.sampling.start_s) as reader:
        metadata = {**context.metadata, **engines, "time_base": reader.info.time_base, "ts_source": "file"}
        sink = FileSink(store, source.stream_id, format=config.output.format, metadata=metadata, labels=source.labels)
        assert detector.spec.detector is not None
        stream = _stream_context(source, context, reader.info, detector.spec.detector.score_start)
        progress.start_s, progress.duration_s = config.sampling.start_s, _duration_s(config, reader.info)
        analyzer = Analyzer(detector, affect, progress.step)
        tracker = Tracker(TrackerConfig(gap_s_max=config.tracking.gap_s_max), score_start=stream.score_start)
        batched = _decoded(reader, config, progress)
        with closing(prefetch(batched, config.batching.prefetch, lambda batch: batch.nbytes)) as pictures:
            for rows in follow(pictures, analyzer, tracker, Timeline(stream), progress):
                sink.write(rows)
                progress.step()
                tally.add(rows, time.monotonic() - started)
    if not tally.frames:
        raise SourceError(f"{source.shown}: has no frame in the stretch that is asked for{_length(reader.info)}")
    sink.flush()
    sink.close()
    report = tally.report(source, time.monotonic() - started, reader.info, config.sampling.start_s)
    commit(
        store,
        source.stream_id,
        sink.parts,
        report=asdict(report),
        source=state,
        labels=dict(source.labels),
        engines=engines,
        context=config.deployment.model_dump(),
    )
    return report


def follow(
    pictures: Iterable[FrameBatch], analyzer: Analyzer, tracker: Tracker, timeline: Timeline, progress: Progress
) -> Iterator[Finished]:
    """Finished rows of a stream, in order of time."""
    for batch in pictures:
        affect = analyzer.analyze(batch)
        next_ns = batch.frames[-1].pts_ns if batch.closed else batch.frames[-1].pts_ns + 1
        rows = tracker.update(affect)
        progress.frames += len(affect.frames)
        progress.faces += len(rows.row)
        progress.stream_s = next_ns / NS - progress.start_s
        yield timeline.add(affect, rows, next_ns=next_ns)
    yield timeline.finish(tracker.end_all(EndReason.END_OF_STREAM))


def _decoded(reader: VideoReader, config: AnalyzeConfig, progress: Progress) -> Iterator[FrameBatch]:
    """The decoder's side of the loop; runs in the prefetching thread."""
    sampling = config.sampling
    fps = None if sampling.fps == "native" else Fraction(sampling.fps).limit_denominator(1_000_000)

    def counted() -> Iterator[DecodedFrame]:
        for frame in reader.frames():
            progress.decoded += 1
            yield frame

    frames = sample(counted(), reader.info, fps=fps, start_s=sampling.start_s, end_s=sampling.end_s)
    return batches(frames, batch_frames=config.batching.size)


def _stream_context(source: Source, context: RunContext, info: VideoInfo, score_start: float) -> StreamContext:
    fps = context.config.sampling.fps
    frame_s = (info.period_ns or 0) / NS
    return StreamContext(
        run_id=context.run_id,
        stream_id=source.stream_id,
        score_start=score_start,
        half_width_s=context.config.smoothing.half_width_s,
        landmarks=context.config.output.landmarks,
        period_s=0.0 if info.is_picture else frame_s if fps == "native" else max(1 / fps, frame_s),
    )


def _length(info: VideoInfo) -> str:
    return "" if info.end_ns is None else f"; it ends at {info.end_ns / NS:g} s"


def _duration_s(config: AnalyzeConfig, info: VideoInfo) -> float | None:
    ends = (config.sampling.end_s, None if info.end_ns is None else info.end_ns / NS)
    known = [end_s for end_s in ends if end_s is not None]
    return max(min(known) - config.sampling.start_s, 0.0) if known else None

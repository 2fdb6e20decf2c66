"""The stream loop: frame source -> analyzer -> tracker -> row finalizer -> sinks.

Its first half has no memory beyond a batch, so segments of a long video can go through it apart; its second half has,
and takes the batches of all segments one after the other.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing

from pipeline.faces.analyzer import Analyzer
from pipeline.heartbeat import beat
from pipeline.sinks.base import Sink
from pipeline.stream.source import FrameSource
from pipeline.stream.statistics import StreamStatistics
from pipeline.tracks.finalizer import RowFinalizer
from pipeline.tracks.tracking import Tracker
from pipeline.types import AffectBatch
from pipeline.updates import EndReason, StreamUpdate
from pipeline.video.prefetch import prefetch


def analyze_frames(
    source: FrameSource, analyzer: Analyzer, *, ahead: int, analyzed: Callable[[AffectBatch], None]
) -> Generator[AffectBatch]:
    """The half without memory. Decoding runs in a thread of its own, up to `ahead` batches before the analyzer.

    `analyzed` is called with each batch, to show progress.
    """
    with closing(prefetch(source.batches(), ahead, lambda batch: batch.nbytes)) as batches:
        for batch in batches:
            affect = analyzer.analyze(batch)
            analyzed(affect)
            yield affect


def write_stream(
    batches: Iterable[AffectBatch], tracker: Tracker, finalizer: RowFinalizer, sinks: Sequence[Sink]
) -> StreamStatistics:
    """The half with memory: follow faces, finish rows, write them. The sinks are neither flushed nor closed."""
    statistics = StreamStatistics()
    for update in follow(batches, tracker, finalizer):
        for sink in sinks:
            sink.write(update)
        beat()
        statistics.add(update)
    return statistics


def follow(batches: Iterable[AffectBatch], tracker: Tracker, finalizer: RowFinalizer) -> Iterator[StreamUpdate]:
    """What becomes final of a stream, in order of time."""
    for batch in batches:
        yield finalizer.add(batch, tracker.update(batch))
    yield finalizer.finish(tracker.end_all(EndReason.END_OF_STREAM))

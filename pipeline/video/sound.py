"""The sound of one file, carried over into another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer

from pipeline.video.opening import open_container
from pipeline.video.timing import container_start

_Timed = Iterator[tuple[float, "av.Packet[Any]"]]
"""Packets, and when in seconds each begins."""


class Sound:
    """The first audio stream of a file: copied packet by packet, or as AAC where the target cannot hold its codec."""

    def __init__(self, path: Path, target: OutputContainer):
        self._source: InputContainer = open_container(path)
        self._target = target
        self._packets: _Timed = iter(())
        if self._source.streams.audio:
            stream = self._source.streams.audio[0]
            try:
                self._packets = self._copied(stream, target.add_stream_from_template(stream))
            except ValueError:
                self._packets = self._encoded(stream, target.add_stream("aac", rate=stream.rate))
        self._next = next(self._packets, None)

    def pass_on_until(self, time_s: float) -> None:
        """Write what begins before `time_s`, on the clock of the pictures."""
        while self._next is not None and self._next[0] <= time_s:
            self._target.mux(self._next[1])
            self._next = next(self._packets, None)

    def close(self) -> None:
        self._source.close()

    def _copied(self, stream: AudioStream, out: Any) -> _Timed:
        start = container_start(self._source)
        for packet in self._source.demux(stream):
            if packet.dts is not None and packet.pts is not None:
                offset = round(start / packet.time_base)
                packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
                packet.stream = out
                yield float(packet.pts * packet.time_base), packet

    def _encoded(self, stream: AudioStream, out: AudioStream) -> _Timed:
        start = float(container_start(self._source))
        resampler = av.AudioResampler(format="fltp", layout=out.layout, rate=out.rate)
        time_s = 0.0
        for frame in self._source.decode(stream):
            time_s = (frame.time or 0.0) - start
            for part in resampler.resample(frame):
                yield from ((time_s, packet) for packet in out.encode(part))
        yield from ((time_s, packet) for packet in out.encode(None))

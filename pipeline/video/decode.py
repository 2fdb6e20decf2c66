"""Reading a video file or picture, here or remote, with PyAV: frames with exact times, errors renamed, damage noted."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import av

from pipeline.errors import SourceError
from pipeline.video.clock import Clock
from pipeline.video.decoded import DecodedFrame, VideoInfo
from pipeline.video.irregular import NS, Irregular, Jump, note
from pipeline.video.opening import Source, packets
from pipeline.video.picture import PictureConverter
from pipeline.video.presentation import DecodeOrder, in_order
from pipeline.video.tiles import assemble
from pipeline.video.timing import (
    container_start,
    frame_period_ns,
    is_unstamped,
    lengths,
    packet_stamps,
    stamps_decode_order,
    timing,
)

DAMAGE_S = 2.0
"""A gap in frame times within this time of a decode error is attributed to that error."""
GAP_S = 1.0
"""A longer span without a picture is named, unless the file says that a picture is shown for so long."""
SEEK_MARGIN_S = 2.0
"""A start closer to the beginning than this is reached by decoding, which keeps frame numbers exact."""
HELD_BYTES_MAX = 64 * 2**20
"""Packets that wait for the key frame after them while the start of an unindexed file is looked for."""

_Timed = tuple["av.Packet[Any] | None", int | None]
"""A packet, None where reading failed, and its time."""
_Decoded = tuple[tuple[av.VideoFrame, bool], int | None]
"""A picture, whether damage was met before it, and its time."""


class VideoReader:
    """An open video file or picture. Use as a context manager; not thread-safe."""

    def __init__(self, path: str | Path, *, start_s: float = 0.0, rotate: int = 0, video_stream: int | None = None):
        """`path` may be an address. `rotate`: degrees clockwise, on top of the file's own orientation. `video_stream`:
        which of the file's, from 0; None: the one that a player shows. Raises SourceError, naming the file and cause.
        """
        self._source, self._start_ns = Source(path, video_stream), round(start_s * NS)
        try:
            self._open()
        except SourceError:
            self._source.release()
            raise
        self.info = self._read_info()
        grid = self._source.grid
        self._convert = PictureConverter(
            self._source.shown, self._stream.sample_aspect_ratio, rotate, grid.orientation if grid else None
        )
        self._from_beginning = True
        self._gaps: list[Jump] = []
        self._squeezed: list[Jump] = []
        self._end_ns: int | None = None
        self._unread_from: int | None = None
        self._delay_ns: int | None = None
        """By how much the decoder runs behind its input, where packets carry decoding times only."""
        self._reached_ns = -1
        """Time of the last picture that left the decoder."""

    def _open(self, thread_type: Literal["AUTO", "SLICE"] = "AUTO") -> None:
        """At the beginning of the file."""
        self._container, self._stream = self._source.open()
        self._stream.thread_type = thread_type
        self._decode_order = stamps_decode_order(self._container)
        self._stamp_of = packet_stamps(self._container, self._stream)
        self._origin = container_start(self._container)
        self._clock = Clock(timing(self._container, self._stream))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()
        self._source.release()

    def frames(self) -> Iterator[DecodedFrame]:
        """All frames from `start_s`, or somewhat earlier, on, times strictly increasing. May be called once.

        Packets that cannot be decoded are passed over; every frame that can is there.
        """
        if self._source.grid is not None:
            whole = assemble(self._container, self._source.grid, self._source.shown)
            yield DecodedFrame(0, 0, 0, False, False, whole, self._convert)
            return
        index, last_ns, shown_until_ns, numbered = 0, -1, 0, True
        damage_ns: int | None = None
        decoded = chain(self._decode_from_start(), self._decode_rest())
        for (frame, damaged), pts_ns in in_order(decoded, lambda: self._clock.period_ns, self._note_squeezed):
            if damaged:
                damage_ns = last_ns
            duration_ns = self._duration_ns(frame, pts_ns)
            damage_before = damage_ns is not None and all(pts_ns != pause.time_ns for pause in self._clock.pauses)
            numbered = self._from_beginning if index == 0 else numbered
            if (index or numbered) and not damage_before and pts_ns - max(last_ns, shown_until_ns) > GAP_S * NS:
                note(self._gaps, Jump(pts_ns, pts_ns - last_ns))
            number, corrupt = index if numbered else None, bool(frame.is_corrupt)
            yield DecodedFrame(pts_ns, duration_ns, number, corrupt, damage_before, frame, self._convert)
            # A decoder runs behind its input: the holes that damage leaves may come some frames after it was met.
            if damage_ns is not None and pts_ns - damage_ns > DAMAGE_S * NS:
                damage_ns = None
            index, last_ns = index + 1, pts_ns
            shown_until_ns = pts_ns + (duration_ns or self._clock.period_ns)
        self._end_ns = shown_until_ns
        self._unread_from = self._source.second_recording
        if not index:
            raise SourceError(f"{self._source.shown}: not one frame of the video could be decoded")

    @property
    def irregular(self) -> Irregular:
        """What was found about the recording's time so far."""
        clock = self._clock
        is_counted = is_unstamped(self._container) and not self.info.is_picture
        return Irregular(
            new_clocks=tuple(clock.new_clocks),
            outliers=tuple(clock.outliers),
            gaps=tuple(self._gaps),
            read_ns=self._end_ns,
            squeezed=tuple(self._squeezed),
            counted_fps=NS / clock.timing.period_ns if is_counted else None,
            unread_from=self._unread_from,
        )

    def _note_squeezed(self, time_ns: int) -> None:
        note(self._squeezed, Jump(time_ns, 0))

    @property
    def packets_end_ns(self) -> int:
        """The end of what has been read, decoded or not."""
        return 0 if self._clock.latest_ns is None else self._clock.latest_ns + self._clock.period_ns

    def key_frame_ns(self, time_ns: int) -> int | None:
        """When the last key frame at or before `time_ns` is shown, if there is one. Moves the reader."""
        found = self._seek(time_ns)
        return None if found is None else found[1]

    def _duration_ns(self, frame: av.VideoFrame, pts_ns: int) -> int:
        """How long a frame is shown, as far as that can be believed."""
        stated_ns = round((frame.duration or 0) * Fraction(frame.time_base or 0) * NS)
        end_ns = self._clock.timing.end_ns
        return min(stated_ns, max(end_ns - pts_ns, self._clock.period_ns)) if end_ns is not None else stated_ns

    def _decode_from_start(self) -> Iterator[_Decoded]:
        """All pictures from `start_s` on, and some before it.

        A key frame may be a mere recovery point, after which pictures are missing for a while (periodic intra refresh).
        So this begins at earlier key frames until the first picture lies before the start.
        """
        start_ns = self._start_ns
        if self._decode_order and start_ns > SEEK_MARGIN_S * NS:  # the file's first picture shows the decoder's delay
            next(self._decode(self._clock.times(self._packets(), self._stamp_of)), None)
            self._reopen()
        while True:
            self._from_beginning, self._reached_ns = True, -1
            timed = self._packets_from(start_ns)
            first_packet = next(timed, None)
            decoded = self._decode(timed if first_packet is None else chain([first_packet], timed))
            first = next(decoded, None)
            if self._from_beginning or (first is not None and first[1] is not None and first[1] <= self._start_ns):
                return chain(() if first is None else [first], decoded)
            began_ns = first_packet[1] if first_packet is not None and first_packet[1] is not None else start_ns
            # Twice as far back each time, at least a second: even a file without usable key frames needs few tries.
            start_ns = min(began_ns, start_ns) - max(self._start_ns - began_ns, NS)
            self._reopen()

    def _packets_from(self, start_ns: int) -> Iterator[_Timed]:
        """Packets and their times from a key frame at or before `start_ns`, or from the beginning."""
        if start_ns <= SEEK_MARGIN_S * NS or self.info.is_picture:
            return self._clock.times(self._packets(), self._stamp_of)
        if self.info.is_indexed:
            if found := self._seek(start_ns):
                packet, key_ns = found
                self._from_beginning = False
                self._clock.latest_ns = key_ns - self._clock.period_ns
                return self._clock.times(chain([packet], self._packets()), self._stamp_of)
            self._reopen()
        return self._since_key(self._clock.times(self._packets(), self._stamp_of), start_ns)

    def _since_key(self, timed: Iterator[_Timed], start_ns: int) -> Iterator[_Timed]:
        """Leave out what comes before the last key frame at or before `start_ns`.

        Without an index a seek lands somewhere, and only the packets before a place say what time it is there. So all
        are read, which is cheap, and only those that are needed are decoded.
        """
        held: list[_Timed] = []
        held_bytes = 0
        for packet, time_ns in timed:
            if packet is not None and time_ns is not None:
                if packet.is_keyframe and time_ns <= start_ns and held:
                    self._from_beginning = False
                    held, held_bytes = [], 0
                held_bytes += packet.size
            held.append((packet, time_ns))
            if held_bytes > HELD_BYTES_MAX or (time_ns is not None and time_ns > start_ns):
                break
        yield from held
        yield from timed

    def _packets(self) -> Iterator["av.Packet[Any] | None"]:
        """The stream's packets, and None where reading failed."""
        try:
            yield from packets(self._container, self._stream)
        except av.FFmpegError:
            yield None

    def _decode(self, timed: Iterator[_Timed]) -> Iterator[_Decoded]:
        """Frames with their times, and whether damage was met before them. Times travel through the decoder."""
        damaged, order = False, DecodeOrder(self._delay_ns)
        for packet, time_ns in timed:
            damaged |= packet is None or packet.is_corrupt
            try:
                if packet is None:
                    frames = self._stream.decode(None)
                else:
                    packet.pts, packet.dts = time_ns, time_ns if self._decode_order else None
                    order.fed(time_ns)
                    frames = packet.decode()
            except av.FFmpegError:
                damaged = True
                continue
            for frame in frames:
                assert isinstance(frame, av.VideoFrame)
                shown_ns = order.shown(frame.pts, frame.dts, frame.key_frame) if self._decode_order else frame.pts
                self._delay_ns = order.delay_ns
                self._reached_ns = max(self._reached_ns, self._reached_ns + 1 if shown_ns is None else shown_ns)
                yield (frame, damaged), shown_ns
                damaged = False

    def _decode_rest(self) -> Iterator[_Decoded]:
        """What comes after the last frame, if there were packets of it.

        After an error near its end, libav's frame threads keep what they hold; without them it comes out.
        """
        reached_ns = self._reached_ns
        if self.packets_end_ns - reached_ns < 1.5 * self._clock.period_ns:
            return
        clock, from_beginning = self._clock, self._from_beginning
        self._reopen(thread_type="SLICE")
        start_ns = self._start_ns if reached_ns < 0 else reached_ns
        for frame, time_ns in self._decode(self._packets_from(start_ns)):
            if time_ns is not None and time_ns > reached_ns:
                yield frame, time_ns
        self._clock, self._from_beginning = clock, from_beginning

    def _seek(self, time_ns: int) -> tuple["av.Packet[Any]", int] | None:
        """To the last key frame at or before a time: its packet and stamp; None where that cannot be done."""
        if self._stream.time_base is None:
            return None
        target = (Fraction(time_ns, NS) + self._origin) / Fraction(self._stream.time_base)
        try:
            self._container.seek(int(target), stream=self._stream)
        except av.FFmpegError:
            return None
        packet = next(self._packets(), None)
        stamp = self._stamp_of(packet)
        return (packet, stamp.ns) if packet and stamp and stamp.is_key and stamp.ns <= time_ns else None

    def _reopen(self, thread_type: Literal["AUTO", "SLICE"] = "AUTO") -> None:
        self._container.close()
        self._open(thread_type)

    def _read_info(self) -> VideoInfo:
        stream, still = self._stream, bool(self._source.is_picture)
        size = self._source.grid or stream
        said = lengths(self._container, stream)
        form = self._container.format.name.split(",")[0]
        is_joined = form == "mov" and self._source.second_recording is not None
        return VideoInfo(
            width=size.width,
            height=size.height,
            period_ns=None if still else frame_period_ns(self._container, stream),
            end_ns=None if still else said.shortest_ns,
            time_base=str(stream.time_base),
            codec=stream.codec_context.name,
            is_picture=still,
            is_indexed=form in ("mov", "matroska") and not is_joined,
            end_is_estimate=said.is_estimate,
            claimed_ns=None if still or said.is_estimate else said.longest_ns,
            other_streams=self._source.other_streams,
        )

"""What a container says about time: where it begins, how its packets are stamped, how long it claims to be."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from typing import Any, cast

import av
from av.container import InputContainer
from av.format import Flags
from av.video.stream import VideoStream

from pipeline.video.clock import Stamp, Timing
from pipeline.video.irregular import NS

RATE_MAX, RATE_MIN = 1000, Fraction(1, 100)
"""A stated frame rate outside is a mistake; what is read in its place are the time stamps."""
STAMP_NS_MAX = 100 * 365 * 24 * 3600 * NS
"""A stamp farther away is none, such as the header of a second file read as a packet. Unix time is within it."""
FLV_DELAY_FRAMES = 4
"""How far decoding usually is ahead of showing at most; FLV's length may include it."""
_MPEG_WRAP_NS = round(Fraction(2**33, 90_000) * NS)
"""MPEG systems count 90 kHz ticks in 33 bits."""
_DURATION = re.compile(r"(\d{1,6}):(\d\d?):(\d\d?(?:\.\d{1,9})?)")

PacketStamp = Callable[["av.Packet[Any] | None"], Stamp | None]


def container_start(container: InputContainer) -> Fraction:
    """The container's start in s, exactly: the earliest stream's own start where that is what was rounded."""
    start = Fraction(container.start_time or 0, av.time_base)
    exact = [
        Fraction(s.start_time * s.time_base) for s in container.streams if s.start_time is not None and s.time_base
    ]
    return next((e for e in exact if abs(e - start) < Fraction(1, av.time_base)), start)


def frame_period_ns(container: InputContainer, stream: VideoStream) -> int | None:
    """Nominal time between frames; None where the container does not say, or says what cannot be."""
    rate = stream.average_rate or stream.guessed_rate
    if is_unstamped(container):  # then the average is libav's own assumption, 25; the stream may state its rate
        rate = stream.guessed_rate or rate
    return round(NS / rate) if rate and RATE_MIN <= rate <= RATE_MAX else None


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long a stream is said to be, from its start."""

    shortest_ns: int | None
    """The shortest stated length, which agrees with every statement in the file; None if nothing is stated."""
    longest_ns: int | None
    is_estimate: bool
    """libav measured it from the last time stamps; the file itself says nothing."""


def lengths(container: InputContainer, stream: VideoStream) -> Lengths:
    """What the container says about the length of a stream, in its different places."""
    origin = container_start(container)
    said: list[Fraction] = []
    if stream.duration and stream.time_base and container.format.name != "asf":  # there it is the whole file's
        said.append((stream.start_time or 0) * Fraction(stream.time_base) - origin + stream.duration * stream.time_base)
    # Matroska's tag and FLV count from 0 and not from where the file begins; others write lengths in the same place.
    ends = list[Fraction]()
    if tag := _DURATION.fullmatch(stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = tag.groups()
        ends.append(int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds))
    if container.duration and len(container.streams) == 1 and not (said and not _one_timeline(container)):
        ends.append(Fraction(container.duration, av.time_base))
        if container.format.name == "flv":  # some writers count from the first decoding time
            ends.append(ends[-1] - FLV_DELAY_FRAMES * Fraction(frame_period_ns(container, stream) or 0, NS))
    said += [length for end in ends for length in (end, end - origin)]
    known = [round(length * NS) for length in said if length > 0]
    return Lengths(min(known, default=None), max(known, default=None), is_estimate=not _one_timeline(container))


def timing(container: InputContainer, stream: VideoStream) -> Timing:
    """What the clock has to know of a container."""
    said = lengths(container, stream)
    end_ns = said.shortest_ns
    if end_ns is None and container.duration:  # of the longest of several streams
        end_ns = container.duration * (NS // av.time_base)
    return Timing(
        period_ns=frame_period_ns(container, stream) or NS // 25,
        one_timeline=_one_timeline(container),
        end_ns=None if said.is_estimate else end_ns,
        wrap_ns=_MPEG_WRAP_NS if container.format.name in ("mpegts", "mpeg") else None,
    )


def is_unstamped(container: InputContainer) -> bool:
    """Whether it is a bare stream without time stamps: time is counted at the rate of its frames."""
    return _flagged(container, Flags.no_timestamps)


def stamps_decode_order(container: InputContainer) -> bool:
    """Whether the container only says in which order pictures are decoded, one after the other at an even pace.

    AVI has no presentation times: those that libav makes up for B-frames are wrong. A bare stream has no times at all.
    """
    return container.format.name == "avi" or is_unstamped(container)


def packet_stamps(container: InputContainer, stream: VideoStream) -> PacketStamp:
    """How to read the stamp of a packet of this stream."""
    origin, base = container_start(container), Fraction(stream.time_base or 0)
    period_ns, numbers = frame_period_ns(container, stream) or NS // 25, count()

    def read(packet: "av.Packet[Any] | None") -> Stamp | None:
        if packet is None or packet.size == 0 or packet.is_discard:  # an error, the end, what an edit list leaves out
            return None
        position = packet.pos if packet.pos is not None and packet.pos >= 0 else None
        if stamps_decode_order(container):
            by_number_ns = next(numbers) * period_ns
            ns = by_number_ns if packet.dts is None else round((packet.dts * base - origin) * NS)
            return Stamp(ns, position=position)
        if packet.pts is None or not base:
            return None
        reordered = stream.codec_context.has_b_frames or packet.dts not in (None, packet.pts)
        ns = round((packet.pts * base - origin) * NS)
        if abs(ns) > STAMP_NS_MAX:
            return None
        return Stamp(ns, packet.is_keyframe, is_reordered=reordered, position=position)

    return read


def _one_timeline(container: InputContainer) -> bool:
    """Whether one writer stamped the whole file: libav knows the formats that may be joined byte for byte."""
    return not _flagged(container, Flags.ts_discont) and not is_unstamped(container)


def _flagged(container: InputContainer, flag: Flags) -> bool:
    return bool(container.format.flags & cast(int, flag.value))

"""Joined, cut, restamped and uneven recordings: every frame that libav decodes is there once, in order of time.

The reference is a bare PyAV decode. Offsets are made by stamping packets anew, and asserted in the file.
"""

import random
from fractions import Fraction
from itertools import islice

import av
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.video.decode import VideoReader
from pipeline.video.sampling import sample
from tests.media import write_video

FPS = 30
TICKS = 90_000
FORMATS = {"ts": "mpegts", "mpg": "mpeg", "flv": "flv", "mkv": "matroska", "mp4": "mp4", "mov": "mov", "avi": "avi"}
CODECS = {"mpg": "mpeg2video", "avi": "mpeg4"}
JOINED = ["ts", "mpg", "flv", "mkv", "avi"]
"""Formats of which libav reads on after the end of the first recording."""


def recording(path, suffix, b_frames=0, *, count=40, offset_s=0.0, shift_s=lambda number: 0.0):
    """A file of `count` pictures at 30 a second from `offset_s` on; `shift_s` moves the stamps of single packets."""
    codec, written = CODECS.get(suffix, "libx264"), FORMATS[suffix]
    with av.open(str(path), "w", format=written, options={"avoid_negative_ts": "disabled"}) as container:
        stream = container.add_stream(codec, rate=FPS, options={"bf": str(b_frames)} | _fast(codec))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 12
        stream.codec_context.time_base = Fraction(1, FPS)
        number = 0
        delay = 2 if b_frames and suffix == "flv" else 0  # FLV has no negative decoding times
        for i in [*range(count), None]:
            frame = None
            if i is not None:
                image = np.full((48, 64, 3), 20 + i * 7 % 200, np.uint8)
                frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
                frame.pts, frame.time_base = i, Fraction(1, FPS)
            for packet in stream.encode(frame):
                by = round((offset_s + shift_s(number) + delay / FPS) * TICKS)
                ticks = [round(t * packet.time_base * TICKS) + by for t in (packet.pts, packet.dts)]
                packet.time_base, packet.duration = Fraction(1, TICKS), TICKS // FPS
                packet.pts, packet.dts = ticks
                container.mux(packet)
                number += 1
    return path


def _fast(codec):
    return {"preset": "ultrafast"} if codec == "libx264" else {}


def bare_count(path):
    """How many frames libav decodes."""
    count = 0
    with av.open(str(path)) as container:
        if not container.streams.video:
            return 0
        for packet in container.demux(container.streams.video[0]):
            try:
                count += len(packet.decode())
            except av.FFmpegError:
                continue
    return count


def begins_s(path):
    """The first stamp that is written in a file."""
    with av.open(str(path), options={"correct_ts_overflow": "0"}) as container:
        packets = container.demux(container.streams.video[0])
        return min(float(p.pts * p.time_base) for p in islice(packets, 4) if p.pts is not None)


def read(path):
    """(times in s, what is said about the clock); frames are numbered from 0 and later than the one before."""
    with VideoReader(path) as reader:
        frames = [(frame.pts_ns, frame.frame_index) for frame in reader.frames()]
        assert [index for _, index in frames] == list(range(len(frames)))
        times_ns = np.array([pts_ns for pts_ns, _ in frames])
        assert (np.diff(times_ns) > 0).all()
        return times_ns / 1e9, reader.irregular


def missing(path):
    with VideoReader(path) as reader:
        found = sample(reader.frames(), reader.info, fps=None, start_s=0, end_s=None)
        return sum(frame.missing for frame in found)


@pytest.mark.parametrize("suffix", ["ts", "mpg", "flv", "mkv", "mp4", "mov"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_where_the_stamps_of_a_file_begin_does_not_matter(tmp_path, suffix, b_frames):
    for offset_s in [-1000, -30.5, -0.7, 0.5, 7, 1000]:
        if offset_s < 0 and suffix not in ("ts", "mpg"):  # others cannot hold it
            continue
        path = recording(tmp_path / f"{offset_s}.{suffix}", suffix, b_frames, offset_s=offset_s)
        wrapped = offset_s % (2**33 / TICKS)
        muxer_s = 2.0  # MPEG muxers add up to this much
        assert (begins_s(path) - wrapped + 0.1) % (2**33 / TICKS) < muxer_s + 0.1
        times, irregular = read(path)
        assert len(times) == 40
        assert times[0] == 0
        exact = suffix != "mpg"  # not every picture has a stamp there
        assert times[-1] == pytest.approx(39 / FPS, abs=0.002 if exact else 0.15)
        assert not irregular.new_clocks and not irregular.outliers and not irregular.gaps
        assert missing(path) == 0


@pytest.mark.parametrize("suffix", JOINED)
@pytest.mark.parametrize("b_frames", [0, 2])
def test_of_joined_recordings_every_frame_is_there(tmp_path, suffix, b_frames):
    rng = random.Random(suffix + str(b_frames))
    offsets = [0, 0.3, 0.9, 1.2, 5, 30, 1000] + [-1000] * (suffix == "ts")
    parts = {o: recording(tmp_path / f"part.{suffix}", suffix, b_frames, offset_s=o).read_bytes() for o in offsets}
    for order in [rng.sample(offsets, rng.choice([2, 2, 3])) for _ in range(10)] + [[0, 0], [1000, 0], [0, 1000]]:
        path = tmp_path / f"joined.{suffix}"
        path.write_bytes(b"".join(parts[o] for o in order))
        times, irregular = read(path)
        assert len(times) == bare_count(path), order
        if suffix in ("ts", "flv", "mkv"):
            steps = np.diff(times)
            gaps_s = steps[steps > 0.2].sum()
            assert times[-1] - gaps_s == pytest.approx((len(times) - 1) / FPS, abs=0.25), order
            assert {round(gap.by_ns / 1e9, 3) for gap in irregular.gaps} >= {round(s, 3) for s in steps if s > 1.1}
            assert missing(path) == 0, order


@pytest.mark.parametrize("suffix", ["ts", "mkv", "mp4", "flv"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_of_uneven_and_cut_recordings_every_frame_is_there(tmp_path, suffix, b_frames):
    rng = random.Random(suffix + str(b_frames))
    uneven = recording(tmp_path / f"uneven.{suffix}", suffix, b_frames, shift_s=lambda number: rng.random() * 0.012)
    times, irregular = read(uneven)
    assert len(times) == bare_count(uneven) == 40
    assert np.abs(times - times[0] - np.arange(40) / FPS).max() < 0.05
    assert not irregular.new_clocks
    whole = recording(tmp_path / f"whole.{suffix}", suffix, b_frames, count=90).read_bytes()
    for _ in range(4):
        begin = rng.randrange(len(whole) // 3) if suffix == "ts" else 0
        path = tmp_path / f"cut.{suffix}"
        path.write_bytes(whole[begin : rng.randrange(len(whole) // 2, len(whole))])
        try:
            count = bare_count(path)
        except av.FFmpegError:
            with pytest.raises(SourceError):
                read(path)
            continue
        if count:
            times, _ = read(path)
            assert len(times) == count
            assert times[-1] < 3.1


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "flv"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_pause_in_one_file_stays_a_gap_without_damage(tmp_path, suffix, b_frames):
    path = recording(tmp_path / f"pause.{suffix}", suffix, b_frames, shift_s=lambda number: 30.0 * (number >= 24))
    times, irregular = read(path)
    assert len(times) == 40
    assert times[-1] == pytest.approx(39 / FPS + 30, abs=0.01)
    gaps = [] if suffix == "mp4" and not b_frames else [30]  # mp4 says for how long the frame before is shown
    assert [round(gap.by_ns / 1e9) for gap in irregular.gaps] == gaps
    assert missing(path) == 0


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "flv", "avi", "ts"])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_at_its_own_rate_a_video_is_sampled_whole_and_at_half_of_it_every_second_frame(tmp_path, suffix, b_frames):
    path = recording(tmp_path / f"a.{suffix}", suffix, b_frames, count=60)
    with VideoReader(path) as reader:
        every = list(reader.frames())
        info = reader.info
    for fps, numbers in ((30, range(60)), (15, range(0, 60, 2)), (10, range(0, 60, 3))):
        found = list(sample(every, info, fps=Fraction(fps), start_s=0, end_s=None))
        assert [frame.frame_index for frame in found] == list(numbers)
    found = list(sample(every, info, fps=Fraction(12), start_s=0, end_s=None))
    assert [frame.frame_index for frame in found][:6] == [0, 3, 5, 8, 10, 13]


def times_from(path, start_s):
    """The times of all frames from a start on, ns."""
    with VideoReader(path, start_s=start_s) as reader:
        return [frame.pts_ns for frame in reader.frames() if frame.pts_ns >= start_s * 1e9]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("refresh.mp4", "libx264", {"bf": "3", "x264-params": "intra-refresh=1:keyint=30"}),
        ("refresh.mkv", "libx264", {"bf": "3", "x264-params": "intra-refresh=1:keyint=30"}),
        ("refresh.ts", "libx264", {"bf": "3", "x264-params": "intra-refresh=1:keyint=250"}),
        ("b_frames.avi", "mpeg4", {"bf": "2"}),
        ("plain.avi", "mpeg4", {}),
        ("open_gop.mkv", "libx264", {"bf": "2", "x264-params": "open-gop=1:keyint=24"}),
    ],
)
def test_a_later_start_gives_the_frames_of_the_whole_file(tmp_path, name, codec, options):
    path = tmp_path / name
    rng = np.random.default_rng(0)
    moving = [np.roll(rng.integers(0, 255, (48, 64, 3), np.uint8) // 4, i, 1) for i in range(210)]
    write_video(path, moving, fps=FPS, codec=codec, options=options, gop=24, time_base=Fraction(1, FPS))
    whole, _ = read(path)
    for start_s in (2.3, 3.48, 5.23, 6.3):
        expected = [round(t * 1e9) for t in whole if round(t * 1e9) >= start_s * 1e9]
        assert times_from(path, start_s) == pytest.approx(expected, abs=1), start_s


@pytest.mark.parametrize("fps", [24, 30, 60])
@pytest.mark.parametrize(("form", "codec"), [("h264", "libx264"), ("hevc", "libx265"), ("m4v", "mpeg4")])
def test_a_bare_stream_runs_at_the_rate_that_it_states(tmp_path, form, codec, fps):
    path = tmp_path / f"bare.{form}"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(48):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 + 4 * i, np.uint8), format="bgr24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    times, _ = read(path)
    assert len(times) == 48
    assert times[-1] == pytest.approx(47 / fps, abs=1e-3)


def test_a_bare_stream_says_at_which_rate_its_pictures_are_counted(tmp_path):
    path = tmp_path / "bare.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * i, np.uint8), format="bgr24")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    _, irregular = read(path)
    assert irregular.in_words(None) == ("no time stamps: pictures counted at 30 per second",)

"""Reading what people have: odd files, broken files, files that are no videos. ffmpeg's command is the reference."""

import shutil
import subprocess
from fractions import Fraction
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.video.decode import VideoReader
from pipeline.video.sampling import sample
from pipeline.video.timing import lengths
from tests.media import squares, write_video

NS = 1_000_000_000

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg command is not installed")


def read(path, **where):
    """All frames of a file, and what its container says."""
    with VideoReader(path, **where) as reader:
        frames = [(f.pts_ns, f.frame_index, f.corrupt, f.picture()) for f in reader.frames()]
        return frames, reader.info


def gradient(width, height):
    """A picture whose corners differ."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 60)], -1).astype(np.uint8)


def test_times_and_numbers_are_those_of_the_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", squares(10), fps=Fraction(30000, 1001))
    frames, info = read(path)
    assert [f[1] for f in frames] == list(range(10))
    assert [f[0] for f in frames] == [round(i * 1001 * NS / 30000) for i in range(10)]
    assert info.end_ns == pytest.approx(10 * 1001 * NS / 30000, abs=1)


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("2024-05-01T10:30:00.mp4", "http:a.mp4"):
        write_video(tmp_path / "a.mp4", squares(3)).rename(name)
        assert len(read(name)[0]) == 3


@pytest.mark.parametrize("tag", ["x", "1:2", "00:00:0x", "00:00:1/0", "1e9:0:0", "0:0:1e999999999"])
def test_a_damaged_duration_is_an_unknown_one(tag):
    stream = SimpleNamespace(duration=None, time_base=None, start_time=None, metadata={"DURATION": tag})
    form = SimpleNamespace(name="matroska,webm", flags=0)
    container = SimpleNamespace(duration=None, start_time=None, streams=[stream], format=form)
    assert lengths(container, stream).shortest_ns is None
    stream.metadata["DURATION"] = "00:01:02.500000000"
    assert lengths(container, stream).shortest_ns == 62.5 * NS


def test_variable_frame_rate_keeps_each_frames_own_time(tmp_path):
    times = [0, 0.04, 0.05, 0.5, 1.25, 1.3]
    frames, _ = read(write_video(tmp_path / "vfr.mp4", squares(6), pts_s=times))
    assert [f[0] / NS for f in frames] == pytest.approx(times, abs=1e-4)


def test_time_begins_with_the_container(tmp_path):
    late = write_video(tmp_path / "late.mkv", squares(5), pts_s=[7 + i / 25 for i in range(5)])
    frames, _ = read(late)
    assert frames[0][0] == 0


@pytest.mark.parametrize("size", [(161, 121), (160, 121), (161, 120), (2, 2), (1280, 16)])
def test_odd_sizes_are_read_whole(tmp_path, size):
    path = write_video(tmp_path / "odd.mkv", [gradient(*size)] * 3, codec="ffv1", pix_fmt="yuv444p")
    frames, _ = read(path)
    assert [f[3].y.shape for f in frames] == [(size[1], size[0])] * 3
    assert frames[0][3].u.shape == (-(-size[1] // 2), -(-size[0] // 2))


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuv422p", "yuv444p", "gray", "yuvj420p", "rgb24", "yuva420p"])
def test_every_pixel_format_becomes_the_same_luma(tmp_path, pix_fmt):
    codec = "ffv1" if pix_fmt != "rgb24" else "png"
    image = cv2.GaussianBlur(gradient(96, 64), (0, 0), 2)
    (_, _, _, plain), *_ = read(write_video(tmp_path / "a.mkv", [image] * 2, codec="ffv1"))[0]
    if pix_fmt == "yuvj420p":
        codec = "mjpeg"
    suffix = ".mov" if codec == "png" else ".mkv"
    path = write_video(tmp_path / f"b{suffix}", [image] * 2, codec=codec, pix_fmt=pix_fmt)
    (_, _, _, other), *_ = read(path)[0]

    def full(picture):
        y = picture.y.astype(float)
        return y if picture.full_range else (y - 16) * 255 / 219

    assert np.abs(full(plain) - full(other)).mean() < 3


@needs_ffmpeg
@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotated_video_is_upright_as_ffmpeg_shows_it(tmp_path, rotation):
    path = write_video(tmp_path / "turned.mp4", [gradient(96, 64)] * 3, rotation=rotation)
    shown = tmp_path / "shown.png"
    subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-y", shown], check=True)
    reference = cv2.imread(str(shown))
    with VideoReader(path) as reader:
        frame = next(reader.frames())
        assert frame.bgr().shape == reference.shape
        assert np.abs(frame.bgr().astype(int) - reference).mean() < 4
        assert frame.picture().y.shape == reference.shape[:2]
        luma = cv2.cvtColor(reference, cv2.COLOR_BGR2GRAY)
        assert np.corrcoef(frame.picture().y.ravel(), luma.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("aspect", [Fraction(64), Fraction(1, 64)])
def test_pixels_of_an_impossible_shape_are_taken_for_square(tmp_path, aspect):
    path = write_video(tmp_path / "claims.mp4", [gradient(96, 64)] * 3, aspect=aspect)
    assert av.open(str(path)).streams.video[0].sample_aspect_ratio == aspect
    with VideoReader(path) as reader:
        frame = next(reader.frames())
    assert (frame.picture().width, frame.picture().height) == (96, 64)
    assert frame.bgr().shape == (64, 96, 3)


def test_anamorphic_pixels_are_made_square(tmp_path):
    path = write_video(tmp_path / "wide.mp4", [gradient(96, 64)] * 3, aspect=Fraction(4, 3))
    (_, _, _, picture), *_ = read(path)[0]
    assert picture.y.shape == (64, 128)
    assert picture.u.shape == (32, 64)


@needs_ffmpeg
def test_interlaced_video_shows_one_moment_per_frame(tmp_path):
    path = tmp_path / "inter.mkv"
    moving = write_video(tmp_path / "moving.mkv", squares(20), fps=50)
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        moving,
        "-vf",
        "interlace",
        "-c:v",
        "libx264",
        "-flags",
        "+ilme+ildct",
        path,
    ]
    subprocess.run(command, check=True)
    (_, _, _, picture), *_ = read(path)[0][5:]
    comb = np.abs(np.diff(picture.y[22:42].astype(int), axis=0))
    assert comb.max() < 120  # a comb would jump by the full contrast of 200 at each line


def test_a_picture_is_one_frame_at_zero(tmp_path):
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tiff"):
        path = tmp_path / f"p{suffix}"
        cv2.imwrite(str(path), gradient(60, 40))
        frames, info = read(path)
        assert (len(frames), frames[0][0], info.is_picture) == (1, 0, True)


def test_start_goes_to_the_key_frame_before_it(tmp_path):
    path = write_video(tmp_path / "long.mp4", squares(250, 320), fps=25, gop=25)
    frames, _ = read(path, start_s=6.5)
    assert 5.5 * NS <= frames[0][0] <= 6.5 * NS
    assert frames[0][1] is None  # its number is not known without reading all before it


def ffmpeg(path, *options, seconds=12):
    """A moving test picture at 25 frames per second, as ffmpeg writes it."""
    source = ["-f", "lavfi", "-i", f"testsrc2=size=320x240:rate=25:duration={seconds}"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, str(path)], check=True)
    return path


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.avi", "a.mkv", "a.h264"])
def test_a_start_loses_no_frame_whatever_the_container(tmp_path, name):
    codec = "mpeg2video" if name.endswith("mpg") else "libx264"
    path = ffmpeg(tmp_path / name, "-c:v", codec, "-bf", "2", "-g", "150")
    every = [time for time, *_ in read(path)[0]]
    late = [time for time, *_ in read(path, start_s=9.0)[0]]
    assert len(every) == 300
    assert [t for t in late if t >= 9 * NS] == [t for t in every if t >= 9 * NS]


@needs_ffmpeg
def test_avi_with_b_frames_keeps_every_frame_in_order(tmp_path):
    mp4 = ffmpeg(tmp_path / "a.mp4", "-c:v", "libx264", "-bf", "2", seconds=2)
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(mp4), "-c", "copy", str(tmp_path / "a.avi")], check=True)
    (frames, _), (reference, _) = read(tmp_path / "a.avi"), read(mp4)
    assert len(frames) == len(reference) == 50
    assert set(np.diff([time for time, *_ in frames])) == {40_000_000}
    for (*_, ours), (*_, theirs) in zip(frames, reference, strict=True):
        assert (ours.y == theirs.y).all()


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "is empty (0 bytes)"), (b"hello, I am a text\n" * 40, "is not a video"), (None, "no such file")],
)
def test_what_is_no_video_is_named_with_the_cause(tmp_path, content, cause):
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=r"clip\.mp4") as error:
        read(path)
    assert cause in str(error.value)


@needs_ffmpeg
def test_sound_without_picture_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=1", path], check=True)
    with pytest.raises(SourceError, match="has no video stream"):
        read(path)


@needs_ffmpeg
def test_the_cover_of_a_song_is_no_video(tmp_path):
    cover, song = tmp_path / "cover.png", tmp_path / "song.mp3"
    cv2.imwrite(str(cover), gradient(64, 64))
    sound = ["-f", "lavfi", "-i", "sine=d=1", "-i", cover, "-map", "0", "-map", "1", "-disposition:v", "attached_pic"]
    subprocess.run(["ffmpeg", "-v", "error", *sound, song], check=True)
    with pytest.raises(SourceError, match="has no video stream"):
        read(song)


def analysed(path):
    """Pictures that are there, and ticks that are missing."""
    with VideoReader(path) as reader:
        found = list(sample(reader.frames(), reader.info, fps=Fraction(10), start_s=0, end_s=None))
    return [f for f in found if not f.missing], [f for f in found if f.missing]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_of_a_truncated_video_everything_decodable_is_read_and_the_rest_is_missing(tmp_path, suffix):
    whole, front = write_video(tmp_path / f"whole{suffix}", squares(100), fps=25), tmp_path / f"front{suffix}"
    extra = ["-movflags", "+faststart"] if suffix == ".mp4" else []
    subprocess.run(["ffmpeg", "-v", "error", "-i", whole, "-c", "copy", *extra, front], check=True)
    content = front.read_bytes()
    front.write_bytes(content[: len(content) // 2])
    there, missing = analysed(front)
    assert 5 <= len(there) < 40
    assert len(there) + len(missing) == 40
    count = ["ffprobe", "-v", "quiet", "-threads", "1", "-count_frames", "-select_streams", "v:0"]
    shown = subprocess.run(
        [*count, "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", front], capture_output=True
    )
    assert len(read(front)[0]) == int(shown.stdout)


def test_a_corrupt_middle_is_read_around_and_flagged(tmp_path):
    path = write_video(tmp_path / "a.ts", squares(200, 320, 240), fps=25, gop=25, options={"bf": "0"})
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 6000] = np.random.default_rng(0).bytes(6000)
    path.write_bytes(content)
    there, missing = analysed(path)
    assert len(there) >= 50
    assert any(f.corrupt for f in there) or missing


def test_a_lost_index_is_named(tmp_path):
    path = write_video(tmp_path / "noindex.mp4", squares(50))
    path.write_bytes(path.read_bytes()[:-2000])  # the index of an mp4 is at its end
    with pytest.raises(SourceError, match="index may be missing"):
        read(path)


def test_a_picture_over_the_limit_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.video.picture.PIXELS_MAX", 100)
    path = write_video(tmp_path / "big.mp4", squares(2))
    with pytest.raises(SourceError, match="160x120 px is larger"):
        read(path)


def test_the_picture_before_an_error_that_ends_the_file_is_there(tmp_path):
    """libav's frame threads give it up with the picture that is broken."""
    path = write_video(tmp_path / "cut.flv", squares(24))
    with av.open(str(path)) as container:
        broken = [packet for packet in container.demux(video=0) if packet.size][1]
        end = broken.pos + int(0.7 * broken.size)
    path.write_bytes(path.read_bytes()[:end])
    with VideoReader(path) as reader:
        assert [frame.pts_ns for frame in reader.frames()] == [0]


def test_a_picture_that_is_too_large_is_named_with_its_size(tmp_path):
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), np.zeros((8200, 8200), np.uint8))
    with pytest.raises(SourceError, match=r"large.png: .*8200x8200 px.* 8192x8192"), VideoReader(path) as reader:
        next(reader.frames()).picture()

"""Which file is read, and which of its streams: what a player would show, and never what another file holds."""

import itertools
import shutil
import subprocess
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.video.decode import VideoReader
from tests.heif import write_heif
from tests.media import squares, write_video
from tests.web_server import serving

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg command is not installed")
DEFAULT, COVER, STILL, IMPAIRED = 1, 1024, 1 << 20, 256


def flat(level, width=160, height=120):
    return np.full((height, width, 3), level, np.uint8)


def write_streams(path, *streams):
    """A file of several video streams, each (width, height, disposition, number of pictures), grey at 40, 80, 120…"""
    with av.open(str(path), "w") as container:
        outs = []
        for width, height, disposition, _ in streams:
            out = container.add_stream("libx264", rate=25, options={"bf": "0"})
            out.width, out.height, out.pix_fmt = width, height, "yuv420p"
            out.disposition = disposition
            outs.append(out)
        for number in range(max(count for *_, count in streams)):
            for index, (out, (width, height, _, count)) in enumerate(zip(outs, streams, strict=True)):
                if number < count:
                    frame = av.VideoFrame.from_ndarray(flat(40 + 40 * index, width, height), format="bgr24")
                    frame.pts, frame.time_base = number, Fraction(1, 25)
                    container.mux(out.encode(frame))
        for out in outs:
            container.mux(out.encode(None))
    return path


def level_shown(path, **wanted):
    """Which of the streams of `write_streams` is shown, by its grey."""
    with VideoReader(path, **wanted) as reader:
        return round((float(next(reader.frames()).bgr().mean()) - 40) / 40), reader.info


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize(
    ("streams", "shown"),
    [
        ([(160, 90, 0, 9), (320, 180, DEFAULT, 9)], 1),
        ([(160, 90, DEFAULT, 9), (320, 180, 0, 9)], 0),
        ([(160, 90, 0, 9), (320, 180, 0, 9)], 1),
        ([(160, 90, DEFAULT, 9), (320, 180, DEFAULT, 9), (240, 136, DEFAULT, 9)], 1),
        ([(320, 180, DEFAULT, 9), (320, 180, DEFAULT, 9)], 0),
    ],
)
def test_the_stream_is_the_flagged_then_the_largest_then_the_first(tmp_path, suffix, streams, shown):
    if suffix != ".mkv" and not any(disposition for _, _, disposition, _ in streams):
        pytest.skip("MP4 cannot say that no stream is shown by default")
    path = write_streams(tmp_path / f"a{suffix}", *streams)
    found, info = level_shown(path)
    assert found == shown
    others = [f"{i} ({w}x{h} h264)" for i, (w, h, _, _) in enumerate(streams) if i != shown]
    assert list(info.other_streams) == others


def test_a_still_beside_a_video_is_not_shown(tmp_path):
    path = write_streams(tmp_path / "a.mp4", (640, 360, DEFAULT, 1), (160, 90, DEFAULT, 9))
    assert level_shown(path)[0] == 1


@needs_ffmpeg
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "song.flac", "song.m4a", "song.mp3", "song.mka"])
def test_a_cover_is_no_video(tmp_path, name):
    clip, cover = write_video(tmp_path / "clip.mp4", squares(5)), tmp_path / "cover.png"
    cv2.imwrite(str(cover), flat(200, 640, 640))
    options = ["-map", "0", "-map", "1"]
    if name == "a.mkv" or name == "song.mka":
        options = ["-map", "0", "-attach", cover, "-metadata:s:t", "mimetype=image/png"]
    sound = name.startswith("song")
    source = ["-f", "lavfi", "-i", "sine=d=1"] if sound else ["-i", clip]
    codecs = ["-c:v", "copy", f"-disposition:v:{0 if sound else 1}", "attached_pic"]
    extra = [] if "-attach" in options else ["-i", cover]
    command = ["ffmpeg", "-v", "error", *source, *extra, *options, *(codecs if extra else ["-c:v", "copy"])]
    subprocess.run([*command, tmp_path / name], check=True)
    if sound:
        with pytest.raises(SourceError, match="has no video stream"):
            level_shown(tmp_path / name)
    else:
        info = level_shown(tmp_path / name)[1]
        assert (info.width, info.height, info.other_streams) == (160, 120, ())


@pytest.mark.parametrize("still", [(320, 180, 0, 1), (320, 180, DEFAULT, 1)])
@pytest.mark.parametrize("suffix", [".mp4", ".ts"])
def test_a_stream_of_one_picture_is_not_taken_beside_one_that_moves(tmp_path, suffix, still):
    """A single wrong byte may make a packet look like one of a further, larger stream."""
    path = write_streams(tmp_path / f"a{suffix}", still, (160, 90, 0, 40))
    found, info = level_shown(path)
    assert (found, info.is_picture) == (1, False)
    with VideoReader(path, video_stream=0) as reader:
        assert len(list(reader.frames())) == 1


def test_any_stream_can_be_asked_for(tmp_path):
    path = write_streams(tmp_path / "a.mkv", (160, 90, 0, 9), (320, 180, DEFAULT, 9))
    assert [level_shown(path, video_stream=n)[0] for n in (0, 1)] == [0, 1]
    with pytest.raises(
        SourceError, match=r"a\.mkv: has no video stream 2; it has 0 \(160x90 h264\), 1 \(320x180 h264\)"
    ):
        level_shown(path, video_stream=2)


def unknown_codec(path, first=True):
    """Give a video stream of an MP4 a codec that nobody knows."""
    content = path.read_bytes()
    at = content.index(b"avc1", content.index(b"stsd")) if first else content.rindex(b"avc1")
    path.write_bytes(content[:at] + b"zzzz" + content[at + 4 :])
    return path


def test_a_stream_without_a_decoder_is_named(tmp_path):
    path = unknown_codec(write_video(tmp_path / "a.mp4", squares(5)))
    with pytest.raises(SourceError, match=r"a\.mp4: its video cannot be decoded: there is no decoder"):
        VideoReader(path)
    with pytest.raises(SourceError, match=r"no video stream 1; it has 0 \(no decoder\)"):
        VideoReader(path, video_stream=1)


def test_of_two_streams_the_one_that_can_be_decoded_is_taken(tmp_path):
    path = unknown_codec(write_streams(tmp_path / "a.mp4", (320, 180, DEFAULT, 9), (160, 90, DEFAULT, 9)))
    found, info = level_shown(path)
    assert (found, info.other_streams) == (1, ("0 (no decoder)",))


@needs_ffmpeg
def test_a_stream_that_appears_in_mid_file_ends_nothing(tmp_path):
    one, two = tmp_path / "one.ts", tmp_path / "two.ts"
    noise = np.random.default_rng(0).integers(0, 256, (20, 120, 160, 3), np.uint8)
    clip = write_video(tmp_path / "clip.mp4", noise, crf=1)
    write = ["ffmpeg", "-v", "error", "-i", clip, "-c", "copy"]
    subprocess.run([*write, one], check=True)
    sound = ["-f", "lavfi", "-i", "sine=d=1", "-c:v", "copy", "-streamid", "1:999"]
    subprocess.run([*write[:5], *sound, two], check=True)
    content = one.read_bytes()
    many = content * (6_000_000 // len(content))  # libav looks for streams in 5 MB at the beginning and some at the end
    one.write_bytes(many + two.read_bytes() * 2 + many)
    with av.open(str(one)) as container:
        assert len(container.streams) == 1
    with VideoReader(one) as reader:
        assert len(list(reader.frames())) >= 20


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_picture_of_tiles_is_put_together(tmp_path, suffix):
    y, x = np.mgrid[:126, :180]
    image = np.stack([x, y, 200 - x // 2], -1).astype(np.uint8)
    whole = np.pad(image, ((0, 2), (0, 12), (0, 0)), mode="edge")
    tiles = [whole[top : top + 64, left : left + 64] for top in (0, 64) for left in (0, 64, 128)]
    for turns, mirrored in ((0, False), (1, False), (3, True)):
        path = tmp_path / f"{turns}{suffix}"
        write_heif(path, tiles, columns=3, size=(180, 126), quarter_turns=turns, mirrored=mirrored)
        expected = np.rot90(image, turns)
        expected = np.fliplr(expected) if mirrored else expected
        with VideoReader(path) as reader:
            (frame,) = reader.frames()
            assert (reader.info.is_picture, reader.info.width, reader.info.height) == (True, 180, 126)
        assert frame.bgr().shape == expected.shape
        assert np.abs(frame.bgr().astype(int) - expected).mean() < 4
        assert frame.picture().y.shape == expected.shape[:2]


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_picture_of_tiles_with_a_64_bit_box_is_put_together(tmp_path, suffix):
    path = write_heif(tmp_path / f"long{suffix}", [flat(level, 64, 64) for level in (60, 180)], 2, long_sizes=True)
    with VideoReader(path) as reader:
        (frame,) = reader.frames()
    assert frame.bgr().mean((0, 2))[[10, 100]] == pytest.approx([60, 180], abs=4)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_tile_is_never_taken_for_the_picture(tmp_path, suffix):
    path = write_heif(tmp_path / f"tiles{suffix}", [flat(90, 64, 64)] * 6, columns=3)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"dimg", b"gone"))
    with pytest.raises(SourceError, match=rf"tiles\{suffix}: is a picture of 6 tiles that cannot be put together"):
        VideoReader(path)
    path.write_bytes(content[:-20])
    with pytest.raises(SourceError, match=rf"tiles\{suffix}: "):
        list(VideoReader(path).frames())


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
def test_a_picture_in_one_piece_is_read(tmp_path, suffix):
    with VideoReader(write_heif(tmp_path / f"one{suffix}", [flat(90, 128, 64)])) as reader:
        (frame,) = reader.frames()
        assert (reader.info.is_picture, frame.pts_ns, frame.bgr().shape) == (True, 0, (64, 128, 3))


@pytest.mark.parametrize(
    "name", ["one.mp4", "one.mov", "one.mkv", "one.webm", "one.avi", "one.ts", "one.flv", "one.gif"]
)
def test_a_file_of_one_frame_is_a_picture(tmp_path, name):
    noise = np.random.default_rng(0).integers(0, 256, (2, 120, 160, 3), np.uint8)
    codec = {".webm": "libvpx-vp9", ".gif": "gif"}.get(name[3:], "libx264")
    kind = {"codec": codec, "pix_fmt": "rgb8" if codec == "gif" else "yuv420p", "time_base": Fraction(1, 25)}
    path = write_video(tmp_path / name, noise[:1], **kind)
    with VideoReader(path) as reader:
        (frame,) = reader.frames()
        assert (reader.info.is_picture, frame.pts_ns, reader.info.end_ns) == (True, 0, None)
    with VideoReader(write_video(tmp_path / f"two{path.suffix}", noise, **kind)) as reader:
        assert len(list(reader.frames())) == 2
        assert not reader.info.is_picture


def test_a_fragmented_video_is_no_picture(tmp_path):
    options = {"movflags": "frag_every_frame"}
    with av.open(str(tmp_path / "a.mp4"), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height = 160, 120
        for image in squares(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert len(list(reader.frames())) == 20
        assert not reader.info.is_picture


def test_a_video_cut_off_after_its_first_frame_is_no_picture(tmp_path):
    path = write_video(tmp_path / "a.mkv", np.random.default_rng(0).integers(0, 255, (50, 120, 160, 3), np.uint8))
    with av.open(str(path)) as container:
        second = next(itertools.islice(container.demux(video=0), 1, None)).pos
    path.write_bytes(path.read_bytes()[:second])
    with VideoReader(path) as reader:
        assert len(list(reader.frames())) == 1
        assert not reader.info.is_picture


def pictures_and_patterns(folder):
    """Pictures whose names libav could take for patterns, each beside one that the pattern means."""
    for name, other in (("shot%03d", "shot001"), ("a*", "ab"), ("b?", "bc"), ("p{a,b}", "pa"), ("[x]", "x")):
        for suffix in (".jpg", ".png"):
            cv2.imwrite(str(folder / f"{name}{suffix}"), flat(80))
            cv2.imwrite(str(folder / f"{other}{suffix}"), flat(200))
            yield f"{name}{suffix}"


def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path):
    for name in pictures_and_patterns(tmp_path):
        with VideoReader(tmp_path / name) as reader:
            (frame,) = reader.frames()
        assert abs(frame.bgr().mean() - 80) < 2, name
    shutil.copy(write_video(tmp_path / "clip.mp4", [flat(80)] * 3), tmp_path / "clip%03d.mp4")
    assert level_shown(tmp_path / "clip%03d.mp4")[0] == 1


def playlists(clip):
    """Texts that have libav read another file."""
    yield "concat", f"ffconcat version 1.0\nfile {clip}\n"
    yield "concat by path", f"ffconcat version 1.0\nfile 'file:{clip}'\n"
    yield "hls", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{clip}\n#EXT-X-ENDLIST\n"
    yield (
        "dash",
        (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static">'
            '<Period><AdaptationSet contentType="video" mimeType="video/mp4"><Representation id="0" bandwidth="1">'
            f"<BaseURL>{clip}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ),
    )
    yield "sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"
    yield "text", "hello\n" * 100


@pytest.mark.parametrize("suffix", [".mp4", ".jpg", ".m3u8", ".mpd", ".sdp", ".ffconcat", ".txt", ".ts"])
def test_a_file_that_names_another_is_refused(tmp_path, suffix, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = write_video(tmp_path / "clip.mp4", squares(5))
    for kind, text in playlists(clip.name):
        path = tmp_path / f"{kind}{suffix}"
        path.write_text(text)
        with pytest.raises(SourceError, match=rf"{kind}\{suffix}: "):
            list(VideoReader(path).frames())


def test_a_remote_file_opens_no_local_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    clip = write_video(tmp_path / "clip.mp4", squares(5))
    cv2.imwrite("shot%03d.jpg", flat(200))
    shutil.copy("shot%03d.jpg", "shot001.jpg")
    there = cv2.imencode(".jpg", flat(80))[1].tobytes()
    files = {f"/{n}{s}": text.encode() for n, (_, text) in enumerate(playlists(clip)) for s in (".mp4", ".jpg")}
    files |= {"/shot%2503d.jpg": there, "/shot001.jpg": b"no picture at all" * 50}
    with serving(files) as site:
        for path in files:
            address = f"http://127.0.0.1:{site.server_port}{path}"
            if path == "/shot%2503d.jpg":
                with VideoReader(address) as reader:
                    assert abs(next(reader.frames()).bgr().mean() - 80) < 2
                continue
            with pytest.raises(SourceError):
                list(VideoReader(address).frames())

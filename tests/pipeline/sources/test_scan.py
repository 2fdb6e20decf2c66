"""What a folder, a pattern and a bucket pass over: hidden and system folders, links, odd files, unread endings."""

import json
import os
import socket
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from affectstream import analyze
from pipeline.errors import ConfigError
from pipeline.sources.find import find_sources
from pipeline.sources.scan import KEPT_MAX, LeftOut
from pipeline.video.decode import VideoReader
from tests.commands import affectstream
from tests.heif import write_heif
from tests.media import squares, write_video

NS = 1_000_000_000
HIDDEN = (".Trash-1000/files/a.mp4", ".git/annex/objects/b.mp4", "sub/.thumbnails/c.jpg")
SYSTEM = (
    "@eaDir/d.jpg",
    "sub/@eaDir/e.jpg",
    "$RECYCLE.BIN/f.mp4",
    "System Volume Information/g.avi",
    "lost+found/h.mp4",
)
SYSTEM += ("__MACOSX/i.mp4", "#recycle/j.mp4")
TAKEN = ("good.mp4", "sub/GOOD.MOV", "sub/deep/p.jpg", "node_modules/q.png", "eaDir/r.mp4")


def put(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def search(*items, **settings):
    """Paths of what was found, and what was left out."""
    left_out = LeftOut()
    found = find_sources(items, left_out=left_out, **settings)
    return [source.path for source in found], left_out


def test_hidden_and_system_folders_are_left_out_and_named(tmp_path):
    put(tmp_path, *TAKEN, *HIDDEN, *SYSTEM)
    found, left_out = search(tmp_path)
    assert sorted(found) == sorted(str(tmp_path / name) for name in TAKEN)
    assert left_out.counts == {"hidden folder": 3, "system folder": 7}
    assert f"3 hidden folders ({tmp_path}/.Trash-1000" in str(left_out)
    assert left_out.record()["hidden folder"]["paths"] == [
        str(tmp_path / n) for n in (".Trash-1000", ".git", "sub/.thumbnails")
    ]


def test_what_is_given_by_name_is_taken_whatever_it_is(tmp_path):
    put(tmp_path, *HIDDEN, ".hidden.mp4", "photo.dng", "raw.braw", "notes.txt", ".album/x.mp4", ".album/.y/z.mp4")
    names = (".hidden.mp4", "photo.dng", "raw.braw", "notes.txt", ".Trash-1000/files/a.mp4")
    found, left_out = search(*(tmp_path / name for name in names))
    assert found == [str(tmp_path / name) for name in names]
    assert not left_out
    found, left_out = search(tmp_path / ".album")
    assert found == [str(tmp_path / ".album/x.mp4")]
    assert left_out.counts == {"hidden folder": 1}


def test_files_that_are_not_read_are_counted_by_their_kind(tmp_path):
    put(tmp_path, "good.mp4", "a.dng", "b.DNG", "sub/c.dng", "d.braw", "e.r3d", "f.cr3", "g.mp4.part", "._good.mp4")
    put(tmp_path, "notes.txt", "good.srt", "good.json", "noending", ".DS_Store", "sub/.nomedia")
    found, left_out = search(tmp_path)
    assert found == [str(tmp_path / "good.mp4")]
    assert left_out.counts == {
        ".dng file": 3,
        ".braw file": 1,
        ".r3d file": 1,
        ".cr3 file": 1,
        ".part file": 1,
        "hidden file": 1,
        "other file": 4,
    }


def test_links_to_files_are_followed_and_links_to_folders_are_named(tmp_path):
    put(tmp_path, "in/good.mp4", "outside/other.mp4", "outside/deep/more.mp4", ".git/annex/objects/key.mp4")
    here = tmp_path / "in"
    (here / "link.mp4").symlink_to("../outside/other.mp4")
    (here / "annexed.mp4").symlink_to("../.git/annex/objects/key.mp4")
    (here / "folder").symlink_to("../outside/deep")
    (here / "circle").symlink_to(".")
    (here / "folder.mp4").symlink_to("../outside")
    (here / "broken.mp4").symlink_to("nowhere.mp4")
    found, left_out = search(here)
    assert [Path(path).name for path in found] == ["annexed.mp4", "broken.mp4", "good.mp4", "link.mp4"]
    assert left_out.counts == {"link to a folder": 3}
    assert "3 links to folders" in str(left_out)
    found, _ = search(here / "folder")
    assert found == [str(here / "folder" / "more.mp4")]


def test_pipes_sockets_and_devices_are_left_out_and_cannot_hang_a_run(tmp_path, monkeypatch):
    put(tmp_path, "good.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.mp4")
        found, left_out = search(tmp_path)
    assert found == [str(tmp_path / "good.mp4")]
    assert left_out.counts == {"special file": 2}


def test_folders_that_cannot_be_read_are_named_with_the_cause(tmp_path, monkeypatch):
    put(tmp_path, "good.mp4", "private/secret.mp4")
    scandir = os.scandir

    def refusing(path):
        if Path(path).name == "private":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    found, left_out = search(tmp_path)
    assert found == [str(tmp_path / "good.mp4")]
    assert str(left_out) == f"1 unreadable folder ({tmp_path}/private: Permission denied)"
    with pytest.raises(ConfigError, match=r"1 unreadable folder .*private: Permission denied"):
        search(tmp_path / "private")


def test_a_very_deep_tree_is_searched(tmp_path):
    deep = tmp_path.joinpath(*["d"] * 1500)
    folders = [folder for folder in reversed([deep, *deep.parents]) if tmp_path in folder.parents]
    for folder in folders:
        folder.mkdir()
    (deep / "a.mp4").touch()
    try:
        assert len(search(tmp_path)[0]) == 1
    finally:
        (deep / "a.mp4").unlink()
        for folder in reversed(folders):  # too deep for pytest to remove
            folder.rmdir()


def test_many_are_counted_and_the_first_are_kept(tmp_path):
    put(tmp_path, "good.mp4", *(f"{i:03}.dng" for i in range(250)))
    _, left_out = search(tmp_path)
    assert left_out.counts == {".dng file": 250}
    assert len(left_out.record()[".dng file"]["paths"]) == KEPT_MAX
    assert str(left_out).count(".dng,") == 3
    assert "250 .dng files" in str(left_out)


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.mp4", ["good.mp4", "sub/x.mp4"]),
        ("*", ["good.mp4", "sub/x.mp4"]),
        ("**", ["good.mp4", "sub/x.mp4"]),
        ("**/*.jpg", ["sub/p.jpg"]),
        ("**/@eaDir/*.jpg", ["@eaDir/d.jpg", "sub/p.jpg"]),
        ("*.dng", ["a.dng"]),
        (".cache/*.mp4", [".cache/y.mp4"]),
        (".h*.mp4", [".hidden.mp4"]),
        (".*", [".hidden.mp4"]),
    ],
)
def test_patterns_pass_over_the_same_but_for_what_they_name(tmp_path, pattern, found):
    put(tmp_path, "good.mp4", "sub/x.mp4", "@eaDir/d.jpg", "a.dng", ".cache/y.mp4", "@eaDir/z.mp4", ".hidden.mp4")
    if "jpg" in pattern:
        put(tmp_path, "sub/@eaDir/p.jpg") if "@eaDir" in pattern else put(tmp_path, "sub/p.jpg")
        found = [name.replace("sub/p", "sub/@eaDir/p") if "@eaDir" in pattern else name for name in found]
    assert sorted(search(f"{tmp_path}/{pattern}")[0]) == sorted(str(tmp_path / name) for name in found)


def test_nothing_to_analyse_says_what_was_left_out(tmp_path):
    put(tmp_path, ".Trash-1000/a.mp4", "b.dng")
    with pytest.raises(ConfigError, match=r"no video or picture found; left out: 1 \.dng file .*, 1 hidden folder"):
        search(tmp_path)


def test_a_bucket_passes_over_the_same(bucket):
    for key in ("a.mp4", "sub/b.mxf", ".git/annex/c.mp4", ".git/annex/d.mp4", "sub/@eaDir/e.jpg", "f.dng", "n.txt"):
        bucket.put(f"in/{key}", b"x")
    found, left_out = search(f"{bucket.url}/in/")
    assert found == [f"{bucket.url}/in/a.mp4", f"{bucket.url}/in/sub/b.mxf"]
    assert left_out.counts == {"hidden folder": 1, "system folder": 1, ".dng file": 1, "other file": 1}
    assert search(f"{bucket.url}/in/f.dng")[0] == [f"{bucket.url}/in/f.dng"]
    assert search(f"{bucket.url}/in/*.dng")[0] == [f"{bucket.url}/in/f.dng"]


def test_what_was_left_out_is_told_at_the_start_at_the_end_and_in_the_record(tmp_path):
    clips, out = (
        put(tmp_path / "clips", ".Trash-1000/a.mp4", "IMG_1.dng", "IMG_2.dng", "bad\x1b[1m.dng"),
        tmp_path / "out",
    )
    write_video(clips / "good.mp4", squares(3))
    done = affectstream("analyze", clips, "-o", out)
    assert done.returncode == 0, done.stderr
    line = f"left out: 3 .dng files ({clips}/IMG_1.dng, {clips}/IMG_2.dng, {clips}/bad\\x1b[1m.dng), 1 hidden folder"
    assert line in done.stderr
    assert line in done.stdout
    record = json.loads((out / "run.json").read_text())
    assert record["left_out"]["hidden folder"] == {"count": 1, "paths": [str(clips / ".Trash-1000")]}
    again = affectstream("analyze", clips, "-o", out, "--log-json")
    (said,) = [json.loads(text) for text in again.stderr.splitlines() if "left_out" in text]
    assert said["event"] == "run.left_out"
    assert said["kinds"][".dng file"]["count"] == 3
    analyze(clips / "good.mp4", out=out)
    assert json.loads((out / "run.json").read_text())["left_out"] == {}


MADE = {  # ending: format, codec, pixel format
    ".mxf": ("mxf", "mpeg2video", "yuv420p"),
    ".vob": ("vob", "mpeg2video", "yuv420p"),
    ".mpe": ("mpeg", "mpeg1video", "yuv420p"),
    ".m2v": ("mpeg2video", "mpeg2video", "yuv420p"),
    ".m2t": ("mpegts", "libx264", "yuv420p"),
    ".dv": ("dv", "dvvideo", "yuv420p"),
    ".asf": ("asf", "wmv2", "yuv420p"),
    ".f4v": ("f4v", "libx264", "yuv420p"),
    ".3g2": ("3g2", "libx264", "yuv420p"),
    ".qt": ("mov", "libx264", "yuv420p"),
    ".divx": ("avi", "mpeg4", "yuv420p"),
    ".ogm": ("ogg", "libtheora", "yuv420p"),
    ".nut": ("nut", "libx264", "yuv420p"),
    ".y4m": ("yuv4mpegpipe", "wrapped_avframe", "yuv420p"),
    ".apng": ("apng", "apng", "rgb24"),
}


@pytest.mark.parametrize("suffix", MADE)
def test_endings_that_are_taken_can_be_read_with_right_times(tmp_path, suffix):
    format, codec, pixels = MADE[suffix]
    path = tmp_path / f"a{suffix}"
    try:
        with av.open(str(path), "w", format=format) as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = 720, 576, pixels
            stream.codec_context.time_base = Fraction(1, 25)
            for index in range(12):
                picture = np.full((576, 720, 3), 20 * index, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels)
                frame.pts, frame.time_base = index, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except (ValueError, av.FFmpegError) as exc:
        pytest.skip(f"cannot be written here: {exc}")
    assert [Path(found).suffix for found in search(tmp_path)[0]] == [suffix]
    with VideoReader(path) as reader:
        times = [frame.pts_ns / NS for frame in reader.frames()]
    assert times == pytest.approx([index / 25 for index in range(12)], abs=0.002)


@pytest.mark.parametrize("suffix", [".heic", ".heif", ".hif", ".HEIC"])
def test_heic_pictures_are_taken_and_can_be_read(tmp_path, suffix):
    made = write_heif(tmp_path / "made.heic", [np.full((64, 64, 3), 90, np.uint8)] * 4, columns=2)
    made.rename(tmp_path / f"a{suffix}")
    (found,) = search(tmp_path)[0]
    with VideoReader(found) as reader:
        (frame,) = reader.frames()
        assert frame.bgr().shape == (128, 128, 3)


@pytest.mark.parametrize("suffix", [".jpe", ".jfif", ".jp2", ".ppm", ".pgm", ".avif", ".webp", ".dib"])
def test_endings_of_pictures_that_are_taken_can_be_read(tmp_path, suffix):
    made = {".jpe": ".jpg", ".jfif": ".jpg", ".dib": ".bmp"}.get(suffix, suffix)
    try:
        ok, content = cv2.imencode(made, np.full((48, 64, 3), 90, np.uint8))
    except cv2.error:
        ok = False
    if not ok:
        pytest.skip(f"OpenCV writes no {made} here")
    (tmp_path / f"a{suffix}").write_bytes(content.tobytes())
    assert len(search(tmp_path)[0]) == 1
    with VideoReader(tmp_path / f"a{suffix}") as reader:
        (frame,) = reader.frames()
        assert frame.bgr().shape == (48, 64, 3)

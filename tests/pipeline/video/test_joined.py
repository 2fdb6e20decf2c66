"""Recordings joined byte for byte, of which libav reads the first alone, are named with their place."""

import subprocess

import pytest

from pipeline.video.decode import VideoReader
from pipeline.video.joined import second_recording

FORMS = {
    "plain.mp4": ["-c:v", "libx264"],
    "front.mp4": ["-c:v", "libx264", "-movflags", "+faststart"],
    "fragments.mp4": ["-c:v", "libx264", "-movflags", "frag_keyframe+empty_moov"],
    "plain.mov": ["-c:v", "mpeg4"],
    "sorenson.flv": ["-c:v", "flv"],
    "h264.flv": ["-c:v", "libx264"],
    "plain.wmv": ["-c:v", "wmv2"],
    "plain.asf": ["-c:v", "msmpeg4v3"],
}


def recording(path, options):
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *options, "-g", "12", str(path)], check=True)
    return path


def read_whole(path):
    with VideoReader(path) as reader:
        return len(list(reader.frames())), reader.irregular.in_words(reader.info.claimed_ns)


@pytest.mark.parametrize("name", FORMS)
def test_a_second_recording_that_is_not_read_is_named_with_its_place(tmp_path, name):
    path = recording(tmp_path / name, FORMS[name])
    first = path.read_bytes()
    assert read_whole(path) == (25, ())
    path.write_bytes(first + first)
    frames, lines = read_whole(path)
    assert 25 <= frames < 50
    assert lines[-1] == (f"another recording begins at byte {len(first)} and is not read in whole; cut the file there")


@pytest.mark.parametrize("start_s", [0.7, 1.05, 2.01, 2.3])
def test_a_later_start_in_joined_fragments_gives_the_frames_of_the_whole_file(tmp_path, start_s):
    path = recording(tmp_path / "fragments.mp4", [*FORMS["fragments.mp4"], "-t", "2"])
    second = recording(tmp_path / "second.mp4", [*FORMS["fragments.mp4"]])
    path.write_bytes(path.read_bytes() + second.read_bytes() * 2)
    with VideoReader(path) as reader:
        whole = [frame.pts_ns for frame in reader.frames()]
    with VideoReader(path, start_s=start_s) as reader:
        rest = [frame.pts_ns for frame in reader.frames()]
    assert [t for t in rest if t >= start_s * 1e9] == [t for t in whole if t >= start_s * 1e9]


@pytest.mark.parametrize("name", ["plain.mkv", "plain.avi", "plain.ts", "plain.mpg"])
def test_where_libav_reads_all_recordings_nothing_is_said_to_be_unread(tmp_path, name):
    path = recording(tmp_path / name, [])
    path.write_bytes(path.read_bytes() * 2)
    frames, lines = read_whole(path)
    assert frames >= 49
    assert not any("another recording" in line for line in lines)


@pytest.mark.parametrize("form", ["mov", "asf", "flv"])
def test_a_search_through_any_bytes_ends(tmp_path, form):
    path = tmp_path / "any"
    for content in (b"", b"\0" * 100, b"\xff" * 100, b"FLV", b"\0\0\0\1ftyp", bytes(range(256))):
        path.write_bytes(content)
        assert second_recording(path, form) is None, content


def test_a_file_of_endless_parts_is_searched_for_so_long_only(tmp_path):
    path = tmp_path / "parts.mp4"
    path.write_bytes(b"\0\0\0\x08free" * 1_000_001 + b"\0\0\0\x08ftyp" * 2)
    assert second_recording(path, "mov") is None

"""Annotated and hidden faces."""

import shutil
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, PolicyError, ResultsError, SourceError
from pipeline.overlay import write_overlay
from pipeline.overlay.courses import Course
from pipeline.overlay.hide import BLOCKS, hide
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from tests.media import squares, write_video

NS = 1_000_000_000


def course(times_s, boxes, values=None, cuts_s=()):
    count = len(times_s)
    affect = np.zeros((count, 2)) if values is None else np.column_stack([values, values])
    return Course(
        1,
        np.round(np.array(times_s) * NS).astype(np.int64),
        np.array(boxes, float),
        affect,
        np.array(["neutral"] * count),
        np.full(count, 2),
        None,
        np.round(np.array(cuts_s) * NS).astype(np.int64),
    )


def box(x):
    return [x, 10, x + 20, 40]


def test_between_analysed_frames_boxes_and_values_are_interpolated():
    moment = course([0, 0.1], [box(0), box(10)], [0.0, 0.5]).at(round(0.05 * NS))
    assert moment.box.tolist() == box(5)
    assert moment.valence == pytest.approx(0.25)


def test_a_gap_is_left_open_and_ends_are_held_shortly():
    there = course([0, 0.1, 2.0, 2.1], [box(0)] * 4)
    assert there.at(round(0.2 * NS)) is not None
    assert there.at(round(1.0 * NS)) is None
    assert there.at(round(2.2 * NS)) is not None
    assert there.at(round(2.5 * NS)) is None


def test_nothing_is_held_across_a_scene_cut():
    before = course([0, 0.1], [box(0)] * 2, cuts_s=[0.2])
    assert before.at(round(0.1 * NS)) is not None
    assert before.at(round(0.14 * NS)) is None
    after = course([0.2, 0.3], [box(0)] * 2, cuts_s=[0.2])
    assert after.at(round(0.16 * NS)) is None
    assert after.at(round(0.2 * NS)) is not None


def test_hiding_goes_on_through_gaps_and_for_a_second_past_the_ends():
    there = course([2.0, 2.1, 4.0], [box(0), box(0), box(50)])
    assert there.box_near(round(3.0 * NS), 1.0) is not None
    assert there.box_near(round(1.1 * NS), 1.0) is not None
    assert there.box_near(round(0.9 * NS), 1.0) is None
    assert there.box_near(round(4.9 * NS), 1.0) is not None


def test_the_mosaic_is_opaque_larger_than_the_face_and_coarse():
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    before = image.copy()
    hide(image, [np.array([100.0, 50, 160, 130])])
    changed = np.flatnonzero((image != before).any((0, 2)))
    assert (changed.min(), changed.max()) == (91, 168)  # 60 px wide, 30 % larger
    part = image[38:142, 91:169]
    assert len(np.unique(part.reshape(-1, 3), axis=0)) <= BLOCKS**2


def test_a_box_at_the_edge_is_hidden_as_far_as_it_goes():
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    hide(image, [np.array([-10.0, -10, 20, 20]), np.array([500.0, 500, 600, 600])])
    assert len(np.unique(image[:20, :20].reshape(-1, 3), axis=0)) <= BLOCKS**2


@pytest.fixture(scope="module")
def analysed(drawn_video, tmp_path_factory):
    """The drawn video with a tone, and its results."""
    folder = tmp_path_factory.mktemp("overlay")
    video = folder / "people.mp4"
    if shutil.which("ffmpeg"):
        sound = ["-f", "lavfi", "-i", "sine=d=4", "-c:v", "copy", "-c:a", "aac", "-shortest"]
        subprocess.run(["ffmpeg", "-v", "error", "-i", drawn_video, *sound, video], check=True)
    else:
        shutil.copy(drawn_video, video)
    config = load_config(None, {"output.landmarks": True, "networks.threads": 1})
    run(find_sources([video]), folder / "results", config, in_process=True)
    return video, folder / "results"


def pictures(path):
    with av.open(str(path)) as container:
        frames = [(float(f.time), f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]
        return frames, [stream.type for stream in container.streams]


def test_the_annotated_video_has_every_frame_at_its_time_and_the_sound(analysed, tmp_path):
    video, results = analysed
    shown = []
    write_overlay(video, results, tmp_path / "o.mp4", shown=lambda done, total: shown.append((done, total)))
    before, streams_before = pictures(video)
    after, streams_after = pictures(tmp_path / "o.mp4")
    assert [t for t, _ in after] == pytest.approx([t for t, _ in before], abs=1e-4)
    assert sorted(streams_after) == sorted(streams_before)
    assert shown[-1] == (len(before), len(before))
    assert np.abs(after[40][1].astype(int) - before[40][1]).max() > 60
    assert not list(tmp_path.glob("_*"))


def test_every_face_is_hidden_in_every_frame(analysed, drawn_video, tmp_path):
    video, results = analysed
    write_overlay(video, results, tmp_path / "b.mp4", blur_faces=True)
    before, _ = pictures(video)
    after, _ = pictures(tmp_path / "b.mp4")
    truth = pd.read_parquet(Path(drawn_video).with_suffix(".truth.parquet"))
    for face in truth[truth["visible"] > 0.5].itertuples():
        x1, y1, x2, y2 = (max(int(v), 0) for v in (face.x1, face.y1, face.x2, face.y2))
        sharp, hidden = (
            cv2.Laplacian(cv2.cvtColor(frames[face.frame_index][1][y1:y2, x1:x2], cv2.COLOR_BGR2GRAY), cv2.CV_64F)
            for frames in (before, after)
        )
        assert np.median(np.abs(hidden)) < np.median(np.abs(sharp))


def test_hiding_is_refused_where_a_part_was_not_analysed(analysed, tmp_path):
    video, _ = analysed
    run(find_sources([video]), tmp_path / "part", load_config(None, {"sampling.end_s": 1.0}), in_process=True)
    with pytest.raises(PolicyError, match="--force"):
        write_overlay(video, tmp_path / "part", tmp_path / "b.mp4", blur_faces=True)
    assert not (tmp_path / "b.mp4").exists()
    write_overlay(video, tmp_path / "part", tmp_path / "b.mp4", blur_faces=True, force=True)


def test_a_picture_becomes_a_picture(analysed, tmp_path):
    video, _ = analysed
    cv2.imwrite(str(tmp_path / "p.png"), pictures(video)[0][10][1])
    run(find_sources([tmp_path / "p.png"]), tmp_path / "r", load_config(None), in_process=True)
    write_overlay(tmp_path / "p.png", tmp_path / "r", tmp_path / "o.png")
    assert cv2.imread(str(tmp_path / "o.png")).shape == cv2.imread(str(tmp_path / "p.png")).shape


def test_a_video_without_results_is_told_what_there_is(analysed, square_video, tmp_path):
    _, results = analysed
    with pytest.raises(ResultsError, match=r"no results of squares\.mp4; it has people\.mp4"):
        write_overlay(square_video, results, tmp_path / "o.mp4")


def test_the_video_itself_is_never_written_over(analysed):
    video, results = analysed
    with pytest.raises(ConfigError, match="is the video itself"):
        write_overlay(video, results, video)


def test_hiding_is_refused_with_the_results_of_another_video_of_that_name(analysed, tmp_path):
    _, results = analysed
    other = write_video(tmp_path / "people.mp4", squares(50))
    with pytest.raises(PolicyError, match="another video of that name"):
        write_overlay(other, results, tmp_path / "b.mp4", blur_faces=True)


def test_what_was_read_of_another_video_of_that_name_is_not_drawn_unless_forced(analysed, tmp_path):
    _, results = analysed
    other = write_video(tmp_path / "people.mp4", squares(50))
    with pytest.raises(ResultsError, match=r"another video of that name .* or it has changed since"):
        write_overlay(other, results, tmp_path / "b.mp4")
    write_overlay(other, results, tmp_path / "b.mp4", force=True)
    assert (tmp_path / "b.mp4").is_file()


@pytest.mark.parametrize("fps", [0.5, 2, 4.9])
def test_hiding_is_refused_where_faces_may_move_far_between_two_analysed_frames(analysed, tmp_path, fps):
    video, _ = analysed
    run(find_sources([video]), tmp_path / "r", load_config(None, {"sampling.fps": fps}), in_process=True)
    with pytest.raises(PolicyError, match="between two analysed frames"):
        write_overlay(video, tmp_path / "r", tmp_path / "b.mp4", blur_faces=True)


def test_an_overlay_needs_one_file_that_is_there(analysed, tmp_path):
    video, results = analysed
    with pytest.raises(ConfigError, match="is a folder; an overlay is made of one video or picture"):
        write_overlay(video.parent, results, tmp_path / "o.mp4")
    with pytest.raises(SourceError, match=r"nowhere\.mp4: no such file"):
        write_overlay(tmp_path / "nowhere.mp4", results, tmp_path / "o.mp4")


@pytest.mark.parametrize("name", ["o.avi", "folder.mp4"])
def test_a_name_that_no_video_can_have_is_refused(analysed, tmp_path, name):
    (tmp_path / "folder.mp4").mkdir()
    video, results = analysed
    with pytest.raises(ConfigError):
        write_overlay(video, results, tmp_path / name)
    assert not list(tmp_path.glob("_*"))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg command is not installed")
@pytest.mark.parametrize("name", ["late.ts", "windows.wmv", "plain.avi"])
def test_the_sound_stays_with_the_pictures_whatever_the_container(analysed, tmp_path, name):
    """A beep at 2 s: in .ts with a clock that begins elsewhere, elsewhere in codecs that .mp4 cannot hold."""
    video = tmp_path / name
    beep = ["-f", "lavfi", "-i", "aevalsrc=sin(2*PI*880*t)*between(t\\,2\\,2.5):d=4:s=44100"]
    codecs = {".ts": ("libx264", "aac"), ".wmv": ("wmv2", "wmav2"), ".avi": ("mpeg4", "pcm_s16le")}[video.suffix]
    pictures_of = ["-i", str(analysed[0]), "-map", "0:v", "-map", "1:a", "-c:v", codecs[0], "-c:a", codecs[1]]
    subprocess.run(["ffmpeg", "-v", "error", *pictures_of[:2], *beep, *pictures_of[2:], str(video)], check=True)
    run(find_sources([video]), tmp_path / "r", load_config(None, {"networks.threads": 1}), in_process=True)
    write_overlay(video, tmp_path / "r", tmp_path / "o.mp4")
    with av.open(str(tmp_path / "o.mp4")) as container:
        loud = [f.time for f in container.decode(audio=0) if np.abs(f.to_ndarray().astype(float)).mean() > 0.05]
    assert (loud[0], loud[-1]) == pytest.approx((2.0, 2.5), abs=0.12)

"""Who is who on footage made from real faces: swapped tiles, long gaps, a turning camera, a changing picture size."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.config import load_config
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.video.decode import VideoReader
from tests.media import write_video

NS = 1_000_000_000
FACES = [(217, 60, 308, 174), (313, 233, 409, 362), (435, 211, 517, 314), (532, 304, 632, 432), (685, 284, 791, 420)]
"""The five people of the group photograph, px."""
TILE_W, TILE_H = 320, 180


def analysed(path, out, **settings):
    """Points, frames and tracks."""
    config = load_config(None, {"networks.threads": 1, **{k.replace("__", "."): v for k, v in settings.items()}})
    assert not run(find_sources([path]), out, config, in_process=True).failed
    return [read_results(out, table) for table in ("points", "frames", "tracks")]


def pictures(path: Path, count: int) -> list[np.ndarray]:
    with VideoReader(path) as reader:
        return [frame.bgr() for _, frame in zip(range(count), reader.frames(), strict=False)]


@pytest.fixture(scope="module")
def group(shared):
    return cv2.imread(str(shared / "media" / "group.jpg"))


@pytest.fixture(scope="module")
def smile(shared):
    return pictures(shared / "media" / "neutral_to_smile.mp4", 30)


def tiles(group):
    made = []
    for i, (x1, y1, x2, y2) in enumerate(FACES):
        tile = np.full((TILE_H, TILE_W, 3), (60 + 20 * i, 90, 120 - 10 * i), np.uint8)
        tile[20:170, 104:216] = cv2.resize(group[max(y1 - 15, 0) : y2 + 15, x1 - 10 : x2 + 10], (112, 150))
        made.append(tile)
    return [*made, np.full((TILE_H, TILE_W, 3), 30, np.uint8)]


@pytest.mark.parametrize(
    ("pair", "at", "fps"), [((0, 1), 15, 10), ((1, 3), 17, 10), ((2, 4), 22, "native"), ((0, 3), 20, 5)]
)
def test_nobodys_track_goes_on_in_another_face_when_tiles_of_a_video_call_change_places(group, tmp_path, pair, at, fps):
    faces, noise = tiles(group), np.random.default_rng(0)
    swapped = list(range(6))
    swapped[pair[0]], swapped[pair[1]] = pair[1], pair[0]

    def picture(order):
        image = np.vstack([np.hstack([faces[k] for k in order[row : row + 3]]) for row in (0, 3)])
        return np.clip(image + noise.integers(-3, 4, image.shape), 0, 255).astype(np.uint8)

    images = [picture(list(range(6)) if i < at else swapped) for i in range(40)]
    path = write_video(tmp_path / "call.mp4", images, fps=20)
    points, frames, tracks = analysed(path, tmp_path / "out", sampling__fps=fps)
    assert not frames["scene_cut"].any()
    tile = (points["y1"] // TILE_H * 3 + points["x1"] // TILE_W).astype(int)
    later = points["pts_ns"] >= at * NS // 20
    person = np.where(later, np.array(swapped)[tile], tile)
    assert (points.assign(person=person).groupby("track_id")["person"].nunique() == 1).all()
    assert len(points) == 5 * len(frames)
    assert len(tracks) == 7


def another_at(smile, group):
    """The smile's first picture with another person's face where that face is."""
    (x1, y1, x2, y2), at = FACES[2], (314, 152)
    scale = 120 / np.sqrt((x2 - x1) * (y2 - y1))
    shift = np.float32([[scale, 0, at[0] - scale * (x1 + x2) / 2], [0, scale, at[1] - scale * (y1 + y2) / 2]])
    moved = cv2.warpAffine(group, shift, (640, 360))
    mask = np.zeros((360, 640), np.uint8)
    cv2.ellipse(mask, at, (74, 90), 0, 0, 360, 255, -1)
    return np.where(mask[..., None] > 0, moved, smile[0])


@pytest.mark.parametrize("hole_s", [1.2, 30])
def test_a_hole_in_the_recording_ends_a_track(smile, group, tmp_path, hole_s):
    images = [*smile, *[another_at(smile, group)] * 30]
    times = [i / 30 for i in range(30)] + [1 + hole_s + i / 30 for i in range(30)]
    path = write_video(tmp_path / "hole.mkv", images, pts_s=times)
    _, _, tracks = analysed(path, tmp_path / "out")
    assert ((tracks["end_ns"] - tracks["start_ns"]) / NS).tolist() == pytest.approx([0.95, 0.95], abs=0.06)
    assert tracks["end_reason"].tolist() == ["lost", "end_of_stream"]


def test_undecodable_seconds_between_two_people_end_a_track(smile, group, tmp_path):
    images = [*smile, *smile, *[another_at(smile, group)] * 60]
    path = write_video(tmp_path / "damaged.mp4", images, fps=30, gop=10)
    content = bytearray(path.read_bytes())
    start, end = (round(len(content) * share) for share in (0.3, 0.8))
    content[start:end] = np.random.default_rng(0).bytes(end - start)
    path.write_bytes(content)
    points, frames, _ = analysed(path, tmp_path / "out")
    assert (frames["status"] == "decode_error").sum() > 10
    assert (points.groupby("track_id")["pts_ns"].diff().dropna() / NS).max() <= 1.0
    first, second = (set(points.loc[when, "track_id"]) for when in (points["pts_ns"] < NS, points["pts_ns"] > 3 * NS))
    assert first
    assert second
    assert not first & second


def test_a_camera_that_turns_keeps_its_scene_and_its_people(shared, tmp_path):
    """By three quarters of the picture's width a second, there and back."""
    images = []
    for i, image in enumerate(pictures(shared / "media" / "street_crowd_1080p.mp4", 60)):
        x = 0.75 * 1280 * i / 25 % 1280
        shift = np.float32([[1, 0, -min(x, 1280 - x)], [0, 1, -300]])
        images.append(cv2.warpAffine(image, shift, (1280, 720)))
    path = write_video(tmp_path / "pan.mp4", images, fps=25, crf=20)
    points, frames, tracks = analysed(path, tmp_path / "out")
    assert frames["scene_cut"].sum() <= 1
    assert ((tracks["end_ns"] - tracks["start_ns"]) / NS >= 1.0).sum() >= 5
    lasting = tracks.loc[~tracks["brief"], "track_id"]
    assert points["track_id"].isin(lasting).mean() >= 0.9


@pytest.mark.parametrize("sizes", [((640, 360), (320, 180), (640, 360)), ((320, 180), (480, 270))])
def test_a_change_of_the_pictures_size_is_no_new_scene_and_no_new_track(smile, tmp_path, sizes):
    path = tmp_path / "sizes.ts"
    joined = b""
    for k, size in enumerate(sizes):
        images = [cv2.resize(image, size, interpolation=cv2.INTER_AREA) for image in smile[:24]]
        part = write_video(tmp_path / f"{k}.ts", images, pts_s=[1 + 0.8 * k + i / 30 for i in range(24)], gop=24)
        joined += part.read_bytes()
    path.write_bytes(joined)
    points, frames, tracks = analysed(path, tmp_path / "out")
    assert not frames["scene_cut"].any()
    assert len(tracks) == 1
    assert len(points) == len(frames)
    merged = points.merge(frames[["pts_ns", "width"]], on="pts_ns")
    centre = (merged["x1"] + merged["x2"]) / 2 / merged["width"]
    assert centre.to_numpy() == pytest.approx(0.46, abs=0.02)

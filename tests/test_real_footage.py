"""What must hold on real footage and on drawn people never trained on, with the shipped networks."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from engines import open_network
from pipeline.config import load_config
from pipeline.faces.detection import landmark_squares
from pipeline.overlay.courses import read_courses
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.stats import metrics
from pipeline.video.decode import VideoReader
from tests.media import write_video
from training.face_detector.average_precision import pairwise_iou

NS = 1_000_000_000


def analyse(path, out, **settings):
    """Points, frames and tracks of one video."""
    config = load_config(None, {key.replace("__", "."): value for key, value in settings.items()})
    result = run(find_sources([path]), out, config, in_process=True)
    assert not result.failed
    return (read_results(out, table) for table in ("points", "frames", "tracks"))


def rise(points):
    """Mean smooth valence of the last third of the time minus that of the first."""
    third = (points["pts_ns"].max() + 1) / 3
    first, last = points[points["pts_ns"] < third], points[points["pts_ns"] >= 2 * third]
    return last["valence_smooth"].mean() - first["valence_smooth"].mean()


def test_a_smile_raises_valence_and_only_the_face_counts(shared, tmp_path):
    path = shared / "media" / "neutral_to_smile.mp4"
    points, frames, tracks = analyse(path, tmp_path / "a")
    assert len(tracks) == 1
    assert not tracks["brief"].any()
    assert (frames["status"] == "ok").mean() >= 0.95
    assert rise(points) >= 0.25

    (course,) = read_courses(points, frames)
    box_map = open_network("face-s").spec.detector.box_map
    factor = open_network("emofan-s").spec.crop.factor
    images, times = [], []
    with VideoReader(path) as reader:
        for frame in reader.frames():
            image = frame.bgr()
            box = course.box_near(frame.pts_ns, reach_s=10)
            x, y, side = landmark_squares(box[None], box_map, factor)[0]
            seen = np.zeros(image.shape[:2], bool)
            seen[max(int(y - side / 2), 0) : int(y + side / 2), max(int(x - side / 2), 0) : int(x + side / 2)] = True
            image[~seen] = 0
            images.append(image)
            times.append(frame.pts_ns / NS)
    alone = write_video(tmp_path / "alone.mkv", images, pts_s=times, crf=10)
    points_alone, *_ = analyse(alone, tmp_path / "b")
    assert rise(points_alone) == pytest.approx(rise(points), abs=0.05)


def test_a_cartoon_has_no_face(shared, tmp_path):
    _, frames, _ = analyse(shared / "media" / "cartoon_no_face.mp4", tmp_path)
    assert (frames["status"] == "ok").mean() <= 0.02


# Three people walk in front; where their faces are at three moments, marked by hand: time in s, x and y in px.
WALKERS = {
    "woman": [(0.6, 318, 695), (1.8, 258, 728), (3.0, 222, 710)],
    "red-haired man": [(0.6, 751, 628), (1.8, 629, 651), (3.0, 537, 668)],
    "boy": [(0.6, 998, 710), (1.8, 1023, 742), (3.0, 881, 727)],
}


def test_people_walking_in_a_street_are_followed_unbroken(shared, tmp_path):
    points, _, tracks = analyse(shared / "media" / "street_crowd_1080p.mp4", tmp_path)
    long = tracks[(tracks["end_ns"] - tracks["start_ns"]) / NS >= 1.0]
    assert 5 <= len(long) <= 14
    for name, places in WALKERS.items():
        ids = set()
        for time_s, x, y in places:
            now = points[(points["pts_ns"] / NS - time_s).abs() < 0.07]
            inside = now[(now["x1"] < x) & (now["x2"] > x) & (now["y1"] < y) & (now["y2"] > y)]
            ids |= set(inside["track_id"])
        assert len(ids) == 1, f"{name}: tracks {ids}"


def test_a_group_photograph_has_five_faces(shared, tmp_path):
    points, frames, _ = analyse(shared / "media" / "group.jpg", tmp_path)
    assert len(points) == 5
    assert frames["num_faces"].tolist() == [5]
    assert (points["valence"] > 0.2).all()


def test_a_yunet_file_serves_as_the_detector(shared, tmp_path):
    model = shared / "models" / "yunet_n_640_640.onnx"
    clip = shared / "media" / "neutral_to_smile.mp4"
    points, frames, tracks = analyse(clip, tmp_path, networks__detector=str(model))
    assert (len(tracks), (frames["status"] == "ok").mean()) == (1, 1.0)
    assert rise(points) >= 0.25


@pytest.fixture(scope="module")
def held_out(tmp_path_factory):
    """Points and truths of drawn people, style and identities never trained on."""
    from training.drawn import HELD_OUT_SEED_MIN, HELD_OUT_STYLE, make_scene
    from training.drawn.footage import write_footage

    folder = tmp_path_factory.mktemp("held-out")
    pairs = []
    for i in range(3):
        path = folder / f"{i}.mp4"
        scene = make_scene(
            HELD_OUT_SEED_MIN + 100 + i,
            size_px=(854, 480),
            fps=20,
            duration_s=8.0,
            num_people=1 + i,
            style=HELD_OUT_STYLE,
            num_cuts=i % 2,
        )
        truth = pd.read_parquet(write_footage(scene, path))
        points, frames, _ = analyse(path, folder / f"out-{i}")
        pairs.append(matched(points, truth[truth["pts_ns"].isin(frames["pts_ns"])]))
    return pairs


def matched(points, truth):
    """Every drawn face of `truth`, with the row of its frame whose box overlaps it most; overlap 0 where none does."""
    rows = []
    for pts_ns, faces in truth.groupby("pts_ns"):
        now = points[points["pts_ns"] == pts_ns]
        overlap = pairwise_iou(faces[["x1", "y1", "x2", "y2"]].to_numpy(), now[["x1", "y1", "x2", "y2"]].to_numpy())
        for face, ious in zip(faces.itertuples(), overlap, strict=True):
            iou, track, valence = 0.0, -1, np.nan
            if ious.max(initial=0.0) > 0:
                best = now.iloc[ious.argmax()]
                iou, track, valence = ious.max(), best.track_id, best.valence
            rows.append((face.person_id, face.visible, face.valence, iou, track, valence))
    return pd.DataFrame(rows, columns=["person", "visible", "valence", "iou", "track", "predicted"])


def test_drawn_people_are_found(held_out):
    faces = pd.concat(held_out)
    faces = faces[faces["visible"] >= 0.6]
    assert (faces["iou"] >= 0.5).mean() >= 0.95
    assert faces["iou"].median() >= 0.6


def test_every_drawn_person_is_one_track_and_nobody_swaps(held_out):
    for faces in held_out:
        found = faces[(faces["visible"] >= 0.6) & (faces["iou"] >= 0.5)]
        assert (found.groupby("person")["track"].nunique() == 1).all()
        assert (found.groupby("track")["person"].nunique() == 1).all()


def test_the_valence_of_drawn_people_is_read(held_out):
    faces = pd.concat(held_out)
    found = faces[faces["iou"] >= 0.5]
    assert metrics.ccc(found["valence"].to_numpy(), found["predicted"].to_numpy()) >= 0.6


@pytest.mark.parametrize(
    ("network", "data_set", "least"),
    [
        ("face-s", "faces_in_scenes", {"ap_16px": 0.91, "ap_32px": 0.94}),
        ("face-s", "closeups", {"found_closeups": 0.97, "whole_closeups": 0.98}),
        ("emofan-s", None, {"accuracy": 0.86, "macro_recall": 0.65}),
    ],
)
def test_the_shipped_networks_reach_their_figures(shared, tmp_path, network, data_set, least):
    out = tmp_path / "figures.json"
    command = [sys.executable, "-m", "affectstream.cli", "evaluate", network, "--data", str(shared), "-o", str(out)]
    command += ["--set", data_set] if data_set else []
    subprocess.run(command, check=True, capture_output=True)
    measured = json.loads(out.read_text())
    for figure, value in least.items():
        assert measured["figures"][figure] >= value, figure
    if network == "emofan-s":
        assert measured["figures"]["nme"] <= 0.05
        assert measured["calibration"]["ece"] <= 0.05

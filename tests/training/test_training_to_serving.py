"""From a run's configuration to a network that serves, on data drawn on the spot and laid out like the real ones."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affectstream import analyze
from engines import EngineOptions, load_engine
from training.data.drawn import draw_faces, draw_scenes
from training.data.faceset import CIRCUMPLEX
from training.data.ferplus import read_ferplus
from training.errors import TrainingError
from training.evaluate import evaluate
from training.runs import read_run, train_run
from training.ship import ship

EMOFAN = """
version: 1
task: emofan
network: {input_channels: 1, input_px: 64, stem_channels: 8, channels: 16, stacks: 1, depth: 2, num_classes: 8}
crop: {size_px: 64, factor: 0.6}
mix: {batch_size: 8, newsfaces_share: 0.25, background_share: 0.125, drawn_share: 0.25}
drawn_faces: 6
loop: {steps: 3, validate_every: 3, checkpoint_every: 2, optimizer: {warmup_steps: 1}}
"""
DETECTOR = """
version: 1
task: face_detector
detector: {batch_size: 4, crop_px: 128, drawn_share: 0.25, channels: [4, 4, 8, 8, 8], head_channels: 8}
drawn_scenes: 3
loop: {steps: 3, validate_every: 3, optimizer: {warmup_steps: 1}}
"""


def png(image):
    return cv2.imencode(".png", image)[1].tobytes()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The three files that training reads, with drawn people in them."""
    folder = tmp_path_factory.mktemp("data")
    faces, scenes = draw_faces(24, seed=50), draw_scenes(8, clutter_share=0.0, seed=50)
    names, splits = [str(i) for i in range(24)], ["train"] * 16 + ["val"] * 8
    marks = [(points + 0.5).ravel() / 200 for points in faces.landmarks]
    happy = [0, 8, 1, 0, 0, 0, 0, 0, 1, 0]  # FER+'s order: neutral, happiness, surprise, ...
    common = {"image_id": names, "split": splits, "image": [png(i) for i in faces.images], "landmarks": marks}
    pq.write_table(pa.table({**common, "votes": [happy] * 24}), folder / "ferplus.parquet")
    pq.write_table(pa.table(common), folder / "newsfaces.parquet")
    sizes = [np.array([*s.image.shape[::-1]] * 2, np.float32) for s in scenes]
    rows = {
        "image": [png(s.image) for s in scenes],
        "boxes": [(s.boxes / size).ravel() for s, size in zip(scenes, sizes, strict=True)],
        "invalid": [s.invalid.astype(np.int8) for s in scenes],
        "width": [s.image.shape[1] for s in scenes],
        "height": [s.image.shape[0] for s in scenes],
        "split": ["train"] * 5 + ["val"] * 3,
    }
    pq.write_table(pa.table(rows), folder / "faces_in_scenes.parquet")
    return folder


def trained(text, data, folder):
    folder.mkdir()
    (folder / "run.yaml").write_text(text)
    run = read_run(folder / "run.yaml")
    return run, train_run(run, data, folder / "run", device="cpu", log=lambda line: None)


def test_ferplus_votes_become_our_classes(data):
    faces = read_ferplus(data / "ferplus.parquet", "val")
    assert faces.expression[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]  # the single vote for surprise is dropped
    assert faces.affect[0] == pytest.approx(CIRCUMPLEX[1])
    assert faces.votes[0].tolist() == [0, 8, 0, 0, 0, 0, 0, 0, 0, 0]


@pytest.mark.slow
def test_what_is_trained_can_be_shipped_measured_and_served(data, drawn_video, tmp_path):
    run, weights = trained(EMOFAN, data, tmp_path / "emofan")
    network = ship(run, weights, data, tmp_path / "mine", name="mine", licence="none")
    figures = evaluate(load_engine(network, EngineOptions(threads=1)), data)
    assert 0 <= figures["accuracy"] <= 1
    assert figures["faces_scored"] == 8
    assert np.isfinite([figures["ccc_valence"], figures["nme"]]).all()
    points = analyze(drawn_video, network=str(tmp_path / "mine"), threads=1)
    assert len(points)
    assert np.isfinite(points["valence"]).all()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("_")] == []

    run, weights = trained(DETECTOR, data, tmp_path / "detector")
    with pytest.raises(TrainingError, match="train it longer"):
        ship(run, weights, data, tmp_path / "blind", name="blind", licence="none")
    assert not (tmp_path / "blind").exists()


def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path):
    run, _ = trained(DETECTOR, data, tmp_path / "a")
    other = replace(run, detector=replace(run.detector, batch_size=2))
    with pytest.raises(TrainingError, match="other settings"):
        train_run(other, data, tmp_path / "a" / "run", device="cpu", log=lambda line: None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (EMOFAN.replace("size_px: 64", "size_px: 32"), "input_px"),
        (EMOFAN.replace("newsfaces_share: 0.25", "newsfaces_share: 0.9"), "shares"),
        (EMOFAN.replace("stacks: 1", "stack: 1"), "did you mean 'stacks'"),
        (DETECTOR.replace("steps: 3,", "steps: 3, checkpoint_every: 0,"), "checkpoint_every"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(tmp_path, text, told):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(TrainingError, match=told):
        read_run(tmp_path / "run.yaml")


def test_the_configurations_of_the_shipped_networks_can_be_read():
    for name in ("emofan-s", "face-s"):
        assert read_run(Path(__file__).parents[2] / "configs" / "train" / f"{name}.yaml")


def test_training_needs_nothing_but_torch_numpy_pyarrow_opencv_and_yaml():
    forbidden = ["av", "ray", "pydantic", "openvino", "onnxruntime", "rich", "typer", "pandas"]
    code = f"import sys; [sys.modules.__setitem__(name, None) for name in {forbidden}]; import training.runs"
    subprocess.run([sys.executable, "-c", code], check=True)

"""From a run's configuration to a network that serves, on data drawn on the spot and laid out like the real ones."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from affectstream import analyze
from engines import EngineOptions, load_engine
from training.data.faceset import CIRCUMPLEX
from training.data.ferplus import read_ferplus
from training.errors import TrainingError
from training.evaluation.evaluate import evaluate
from training.runs import read_run, train_run
from training.ship import ship

EMOFAN = """
version: 1
task: emofan
network: {input_channels: 1, input_px: 64, stem_channels: 8, channels: 16, stacks: 1, depth: 2, num_classes: 8}
crop: {size_px: 64, factor: 0.6}
sets:
  - {set: ferplus}
  - {set: newsfaces, share: 0.25}
  - {set: scenes, share: 0.125}
  - {set: drawn, share: 0.25, count: 6}
batch: {size: 8}
loop: {steps: 3, validate_every: 3, checkpoint_every: 2, optimizer: {warmup_steps: 1}}
"""
DETECTOR = """
version: 1
task: face_detector
network: {channels: [4, 4, 8, 8, 8, 8], residuals: [1, 0, 0, 0], head_channels: 8}
detector: {canvas_px: [128], batch_px: 65536, drawn_share: 0.25}
drawn_scenes: 3
loop: {steps: 3, validate_every: 3, optimizer: {warmup_steps: 1}}
"""


def trained(text, data, folder):
    folder.mkdir()
    (folder / "mine.yaml").write_text(text)
    weights = train_run(folder / "mine.yaml", data, folder / "run", log=lambda line: None)
    return read_run(folder / "run" / "run.yaml"), weights


def test_ferplus_votes_become_our_classes(data):
    faces = read_ferplus(data / "ferplus.parquet", "val")
    assert faces.expression[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0]  # the single vote for surprise is dropped
    assert faces.affect[0] == pytest.approx(CIRCUMPLEX[1])
    assert faces.votes[0].tolist() == [0, 8, 0, 1, 0, 0, 0, 0, 1, 0]


@pytest.mark.slow
def test_what_is_trained_can_be_shipped_measured_and_served(data, drawn_video, tmp_path):
    trained(EMOFAN.replace("{set: ferplus}", "{set: ferplus, hold_back: 0.3}"), data, tmp_path / "emofan")
    lines = []
    network = ship(tmp_path / "emofan" / "run", data, tmp_path / "mine", name="mine", licence="none", log=lines.append)
    assert "faces that were held back" in lines[0]
    figures = evaluate(load_engine(network, EngineOptions(threads=1)), data)
    assert 0 <= figures["accuracy"] <= 1
    assert figures["faces_scored"] == 8
    assert np.isfinite([figures["ccc_valence"], figures["nme"]]).all()
    points = analyze(drawn_video, network=str(tmp_path / "mine"), threads=1)
    assert len(points)
    assert np.isfinite(points["valence"]).all()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("_")] == []

    trained(DETECTOR, data, tmp_path / "detector")
    with pytest.raises(TrainingError, match="train it longer"):
        ship(tmp_path / "detector" / "run", data, tmp_path / "blind", name="blind", licence="none")
    assert not (tmp_path / "blind").exists()


def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path):
    trained(DETECTOR, data, tmp_path / "a")
    other = tmp_path / "other.yaml"
    other.write_text(DETECTOR.replace("drawn_share: 0.25", "drawn_share: 0.5"))
    with pytest.raises(TrainingError, match="other settings"):
        train_run(other, data, tmp_path / "a" / "run", log=lambda line: None)
    assert (tmp_path / "a" / "run" / "run.yaml").read_text() == DETECTOR


def test_a_student_begins_from_a_pretrained_alignment_network_keeps_it_and_learns_from_a_teacher(data, tmp_path):
    aligning = EMOFAN.replace("loop:", "loss: {categories: 0, affect: 0}\nloop:")
    _, first = trained(aligning, data, tmp_path / "fan")
    teacher = tmp_path / "fan" / "run"
    student = EMOFAN.replace(
        "loop:", f"loss: {{distillation: 0.5}}\nteacher: {teacher}\nfreeze_alignment: true\nloop:"
    ).replace("{set: ferplus}", "{set: ferplus, hold_back: 0.2}")
    (tmp_path / "student.yaml").write_text(student)
    lines = []
    last = train_run(tmp_path / "student.yaml", data, tmp_path / "student", start=first, log=lines.append)
    before, after = (torch.load(path, weights_only=True) for path in (first, last))
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"conv1x1_input_emo_2", "emo_net_2", "emo_fc_2"}
    assert any("0 fresh" in line for line in lines)


def test_a_start_that_does_not_fit_and_a_teacher_of_another_task_are_refused(data, tmp_path):
    _, detector = trained(DETECTOR, data, tmp_path / "detector")
    (tmp_path / "a.yaml").write_text(EMOFAN)
    with pytest.raises(TrainingError, match="no layer fits"):
        train_run(tmp_path / "a.yaml", data, tmp_path / "a", start=detector, log=lambda line: None)
    (tmp_path / "b.yaml").write_text(EMOFAN + f"loss: {{distillation: 1.0}}\nteacher: {detector.parent}\n")
    with pytest.raises(TrainingError, match="must be an EmoFAN"):
        train_run(tmp_path / "b.yaml", data, tmp_path / "b", log=lambda line: None)
    (tmp_path / "noise.pt").write_bytes(b"not weights")
    with pytest.raises(TrainingError, match="not a file of PyTorch weights"):
        train_run(tmp_path / "a.yaml", data, tmp_path / "c", start=tmp_path / "noise.pt", log=lambda line: None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (EMOFAN.replace("size_px: 64", "size_px: 32"), "input_px"),
        (EMOFAN.replace("newsfaces, share: 0.25", "newsfaces, share: 0.9"), "leave some of the batch"),
        (EMOFAN.replace("newsfaces, share: 0.25", "newsfaces"), "needs a share"),
        (EMOFAN.replace("{set: ferplus}", "{set: scenes}"), "must begin with"),
        (EMOFAN.replace("{set: ferplus}", "{set: pack}"), "needs file"),
        (EMOFAN + "teacher: somewhere\n", "go together"),
        (EMOFAN.replace("{set: ferplus}", "{set: ferplus, fold: 1/5}"), "takes no fold"),
        (EMOFAN.replace("newsfaces, share: 0.25", "newsfaces, share: 0.25, hold_back: 0.1"), "for the first set"),
        (EMOFAN.replace("batch: {size: 8}", "batch: {size: 1}"), "at least 2"),
        (EMOFAN.replace("{warmup_steps: 1}", "{learning_rate: .nan}"), "above 0"),
        (EMOFAN.replace("{warmup_steps: 1}", "{betas: [0.9, 1.0]}"), "below 1"),
        (EMOFAN.replace("steps: 3,", "steps: 3, seed: -1,"), "0 or more"),
        (EMOFAN.replace("steps: 3,", "steps: 3, ema_decay: 7.0,"), "below 1"),
        (EMOFAN.replace("task: emofan", "task: [emofan]"), "is not one of"),
        (DETECTOR.replace("canvas_px: [128]", "canvas_px: [192]"), "multiples of 128"),
        (DETECTOR.replace("batch_px: 65536", "batch_px: 16384"), "must hold two canvases"),
        (DETECTOR.replace("drawn_share: 0.25", "drawn_share: 4.0"), "0..1"),
        ("\x00\x80", "not valid YAML"),
        (EMOFAN.replace("stacks: 1", "stack: 1"), "did you mean 'stacks'"),
        (DETECTOR.replace("steps: 3,", "steps: 3, checkpoint_every: 0,"), "checkpoint_every"),
    ],
)
def test_a_run_that_makes_no_sense_is_refused(tmp_path, text, told):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(TrainingError, match=told):
        read_run(tmp_path / "run.yaml")


def test_an_export_replaces_networks_only(data, tmp_path):
    trained(DETECTOR, data, tmp_path / "detector")
    for precious in (tmp_path / "detector" / "run", tmp_path):
        with pytest.raises(TrainingError, match="is no network folder"):
            ship(tmp_path / "detector" / "run", data, precious, name="a", licence="none")
    assert (tmp_path / "detector" / "run" / "best.pt").exists()


def test_a_run_keeps_the_configuration_it_was_trained_with_not_one_that_failed_before(data, tmp_path):
    (tmp_path / "a.yaml").write_text(DETECTOR)
    with pytest.raises(TrainingError, match="no such file"):
        train_run(tmp_path / "a.yaml", tmp_path / "nowhere", tmp_path / "run", log=lambda line: None)
    assert not (tmp_path / "run" / "run.yaml").exists()
    (tmp_path / "a.yaml").write_text(DETECTOR.replace("steps: 3,", "steps: 2,"))
    train_run(tmp_path / "a.yaml", data, tmp_path / "run", log=lambda line: None)
    assert "steps: 2," in (tmp_path / "run" / "run.yaml").read_text()


def test_a_run_does_not_go_on_with_another_teacher(data, tmp_path):
    trained(EMOFAN, data, tmp_path / "first")
    teacher = tmp_path / "first" / "run"
    config = tmp_path / "student.yaml"
    config.write_text(EMOFAN + f"loss: {{distillation: 1.0}}\nteacher: {teacher}\n")
    train_run(config, data, tmp_path / "student", log=lambda line: None)
    state = torch.load(teacher / "best.pt", weights_only=True)
    state["conv1.bias"] += 1
    torch.save(state, teacher / "best.pt")
    with pytest.raises(TrainingError, match="other settings"):
        train_run(config, data, tmp_path / "student", log=lambda line: None)


def test_every_training_configuration_can_be_read():
    files = sorted((Path(__file__).parents[2] / "configs" / "train").glob("*.yaml"))
    assert {"emofan-s", "face-s"} <= {path.stem for path in files}
    for path in files:
        assert read_run(path)


def test_training_needs_nothing_but_torch_numpy_pyarrow_opencv_and_yaml():
    forbidden = [
        "av",
        "ray",
        "pydantic",
        "openvino",
        "onnxruntime",
        "rich",
        "typer",
        "pandas",
        "matplotlib",
        "tensorboard",
    ]
    code = f"import sys; [sys.modules.__setitem__(name, None) for name in {forbidden}]; import training.runs"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_killed_at_a_random_moment_ends_with_the_weights_of_an_unbroken_one(data, tmp_path, seed):
    config = tmp_path / "mine.yaml"
    config.write_text(
        EMOFAN.replace(
            "steps: 3, validate_every: 3, checkpoint_every: 2", "steps: 60, validate_every: 30, checkpoint_every: 7"
        )
    )
    code = (
        "import sys, torch; torch.set_num_threads(1); from pathlib import Path; from training.runs import train_run; "
    )
    code += "train_run(*map(Path, sys.argv[1:]), log=lambda line: print(line, flush=True))"
    command = [sys.executable, "-c", code, str(config), str(data)]  # one thread: more may add up in another order
    subprocess.run([*command, str(tmp_path / "whole")], check=True)
    command.append(str(tmp_path / "broken"))
    process = subprocess.Popen(command)
    while process.poll() is None and not (tmp_path / "broken" / "checkpoint.pt").exists():
        time.sleep(0.01)
    time.sleep(np.random.default_rng(seed).uniform(0, 0.5))
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run was over before it was killed"
    subprocess.run(command, check=True)
    whole, broken = (torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "broken"))
    for part in ("model", "average"):
        assert all(torch.equal(whole[part][name], broken[part][name]) for name in whole[part])
    assert whole["best"] == broken["best"]

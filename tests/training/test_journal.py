"""What a run writes down can be read again, by TensorBoard too."""

import json

import pytest

from training.journal import CURVES_FOLDER, LOG_FILE, Journal

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="TensorBoard is not installed"
)


def curves(folder):
    reader = accumulator.EventAccumulator(str(folder / CURVES_FOLDER))
    reader.Reload()
    return {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def test_figures_are_json_lines_and_curves(tmp_path):
    journal = Journal(tmp_path, 0)
    journal.learnt(100, {"loss": 2.0}, 0.5)
    journal.validated(100, {"score": 0.25})
    journal.close()
    assert [json.loads(line) for line in (tmp_path / LOG_FILE).read_text().splitlines()] == [
        {"step": 100, "score": 0.25}
    ]
    assert curves(tmp_path) == {
        "train/loss": [(100, 2.0)],
        "train/learning_rate": [(100, 0.5)],
        "val/score": [(100, 0.25)],
    }


def test_what_was_written_after_the_checkpoint_of_a_restart_is_dropped(tmp_path):
    journal = Journal(tmp_path, 0)
    for step in (100, 200, 300):
        journal.learnt(step, {"loss": float(step)}, 0.5)
        journal.validated(step, {"score": 1.0})
    journal.close()
    journal = Journal(tmp_path, 150)
    journal.learnt(200, {"loss": 7.0}, 0.5)
    journal.close()
    assert curves(tmp_path)["train/loss"] == [(100, 100.0), (200, 7.0)]
    assert [json.loads(line)["step"] for line in (tmp_path / LOG_FILE).read_text().splitlines()] == [100]

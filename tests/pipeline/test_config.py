"""Settings: where they come from, what they may be, and which of them can change rows."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from engines.runtimes import RUNTIMES
from pipeline.config import AnalyzeConfig, Runtime, _later_rows, config_hash, json_schema, load_config
from pipeline.errors import ConfigError, PolicyError

CONFIGS = Path(__file__).parents[2] / "configs"


def write(tmp_path, text):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    return path


def test_the_shipped_example_spells_out_every_key_with_its_default():
    path = CONFIGS / "analyze.yaml"
    assert load_config(path) == AnalyzeConfig()

    def leaves(content, prefix=""):
        for key, value in content.items():
            yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]

    assert set(leaves(yaml.safe_load(path.read_text()))) == set(leaves(AnalyzeConfig().model_dump()))


def test_flags_come_after_the_file_and_the_file_after_defaults(tmp_path):
    path = write(tmp_path, "version: 1\nsampling: {fps: 5, start_s: 2}\n")
    config = load_config(path, {"sampling.fps": "native"})
    assert (config.sampling.fps, config.sampling.start_s, config.batching.size) == ("native", 2, 32)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version: 1\nsamplin: {fps: 5}\n", ["run.yaml", "'samplin'", "did you mean 'sampling'"]),
        ("version: 1\nsampling: {fsp: 5}\n", ["'sampling.fsp'", "did you mean 'fps'"]),
        ("version: 1\nsampling: {fps: -2}\n", ["sampling.fps", "-2", "0.001"]),
        ("version: 1\nsampling: {fps: quick}\n", ["sampling.fps", "'quick'", "native"]),
        ("version: 1\nbatching: {size: 0}\n", ["batching.size", "0", "1"]),
        ("version: 1\noutput: {format: xml}\n", ["output.format", "'xml'", "'parquet', 'csv' or 'jsonl'"]),
        ("version: 1\nworker: {gpus: 1.5}\n", ["worker.gpus=1.5", "or whole ones"]),
        ("version: 2\n", ["version", "2"]),
        ("sampling: {fps: 5}\n", ["'version: 1' is required"]),
        ("version: 1\nsampling: [1\n", ["not valid YAML"]),
        ("version: 1\nsampling: 2001-99-99\n", ["not valid YAML", "month must be in 1..12"]),
        ("version: 1\nsampling: {fps: " + 5000 * "1" + "}\n", ["not valid YAML", "4300 digits"]),
        ("version: 1\nsampling: " + 10_000 * "[", ["not valid YAML"]),
        ("version: 1\nsampling: &s {fps: *s}\n", ["sampling.fps", "should be a valid number"]),
        ("- 1\n", ["expected settings"]),
        (
            "version: 1\nsampling: {start_s: 5, end_s: 3}\n",
            ["sampling.end_s=3: must be greater than", "sampling.start_s=5"],
        ),
    ],
)
def test_a_wrong_setting_is_told_with_its_place_and_what_is_allowed(tmp_path, text, told):
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    for part in told:
        assert part in str(error.value)


def test_a_wrong_value_is_not_shown_at_any_length(tmp_path):
    doubled = "".join(f"x{i}: &x{i} [*x{i - 1}, *x{i - 1}]\n" for i in range(1, 20))
    text = f"version: 1\nx0: &x0 [1, 1]\n{doubled}sampling: {{fps: *x19, start_s: {5000 * 'x'}}}\n"
    with pytest.raises(ConfigError, match="start_s") as error:
        load_config(write(tmp_path, text))
    assert max(len(line) for line in str(error.value).splitlines()) < 500


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_config(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("context", ["workplace", "education"])
def test_prohibited_contexts_need_a_reason(context):
    with pytest.raises(PolicyError, match="AI Act"):
        load_config(None, {"deployment.context": context})
    assert load_config(None, {"deployment.context": context, "deployment.reason": "fatigue of drivers: safety"})


def test_only_settings_that_can_change_rows_change_the_hash():
    base = config_hash(load_config(None), {})
    for key, value in {"batching.size": 8, "batching.prefetch": 5, "networks.threads": 3, "worker.hang_s": 60}.items():
        assert config_hash(load_config(None, {key: value}), {}) == base
    for key, value in {"sampling.fps": 5, "smoothing.half_width_s": 0.5, "output.landmarks": True}.items():
        assert config_hash(load_config(None, {key: value}), {}) != base
    assert config_hash(load_config(None), {"affect": "other"}) != base


def test_the_hash_of_the_defaults_is_that_of_version_0_1_so_that_its_runs_can_be_resumed():
    """A new setting that can change rows is declared as a later one (`_later_rows`)."""
    assert config_hash(load_config(None), {}) == "2ec9a8dea23be1ae8f32c81b5f4cb1e22ecb7e8209b64054fbfddd0e75486422"


def test_a_later_setting_changes_the_hash_unless_it_has_its_default():
    class Changed(AnalyzeConfig):
        turned: int = _later_rows(0, "Added later.")

    hashes = {turned: config_hash(Changed(turned=turned), {}) for turned in (0, 90)}
    assert hashes[0] == config_hash(AnalyzeConfig(), {})
    assert hashes[90] != hashes[0]


def test_the_published_json_schema_is_that_of_the_settings():
    published = Path(__file__).parents[2] / "docs" / "analyze.schema.json"
    assert published.read_text() == json_schema()


def test_a_setting_under_its_old_name_works_and_the_new_name_is_told(tmp_path, caplog):
    path = tmp_path / "old.yaml"
    path.write_text("version: 1\nworker: {stretch_s: 60}\n")
    assert load_config(path).worker.segment_s == 60
    assert [r.message for r in caplog.records] == [
        f"{path}: worker.stretch_s is now called worker.segment_s; the old name works until version 0.3"
    ]


def test_the_runtimes_that_can_be_chosen_are_those_of_the_registry():
    assert get_args(Runtime) == ("auto", *RUNTIMES)

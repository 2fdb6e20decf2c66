"""Whole runs: what is written, how it resumes, what a bad file costs. On both runners wherever it matters."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, ResultsError, SinkError
from pipeline.results import commits, run_folder
from pipeline.results.read import read_results, read_table
from pipeline.runs.progress_file import read_status
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.storage.store import open_store, write_json
from pipeline.tables import TABLES
from tests.media import squares, write_video

VALUES = ["x1", "y1", "x2", "y2", "valence", "arousal", "valence_smooth", "arousal_smooth", "yaw", "blur", "visibility"]
KEYS = ["stream_id", "pts_ns", "track_id", "frame_index", "quality", "grade", "expression"]


def same_rows(a, b, atol=1e-3):
    """Ids bit for bit, values within `atol`."""
    assert len(a) == len(b) > 0
    for column in KEYS:
        assert a[column].astype(str).tolist() == b[column].astype(str).tolist(), column
    for column in VALUES:
        np.testing.assert_allclose(a[column], b[column], atol=atol, err_msg=column)


@pytest.fixture(scope="module")
def drawn_points(drawn_video, tmp_path_factory):
    """The points of the drawn video, by the Python call's own way."""
    out = tmp_path_factory.mktemp("reference")
    run(find_sources([drawn_video]), out, load_config(None, {"networks.threads": 1}), in_process=True)
    return read_results(out)


@pytest.mark.parametrize(
    "settings", [{"batching__size": 1}, {"batching__size": 8, "batching__prefetch": 1}, {"batching__prefetch": 16}]
)
def test_rows_do_not_depend_on_runner_batch_size_or_prefetch(
    analyze_all, drawn_video, drawn_points, tmp_path, settings
):
    analyze_all([drawn_video], tmp_path, **settings)
    same_rows(read_results(tmp_path), drawn_points)


def test_every_table_has_the_declared_schema(analyze_all, drawn_video, tmp_path):
    analyze_all([drawn_video], tmp_path, output__landmarks=True)
    for name, schema in TABLES.items():
        table = read_table(tmp_path, name)
        assert table.schema.equals(schema)
        assert table.num_rows > 0
        for field in schema:
            if not field.nullable:
                assert table[field.name].null_count == 0, field.name
    assert read_table(tmp_path)["landmarks"].null_count == 0


def test_a_plain_parquet_reader_sees_the_same_rows(analyze_all, drawn_video, tmp_path):
    analyze_all([drawn_video], tmp_path)
    plain = pd.read_parquet(tmp_path / "points").sort_values(["track_id", "pts_ns"], ignore_index=True)
    exact = read_results(tmp_path)
    assert plain["valence"].tolist() == exact["valence"].tolist()
    assert list(plain.columns) == list(exact.columns)


def test_files_say_where_they_come_from_and_are_encoded_as_documented(analyze_all, drawn_video, tmp_path):
    analyze_all([drawn_video], tmp_path)
    (path,) = (tmp_path / "points").rglob("*.parquet")
    file = pq.ParquetFile(path)
    metadata = {key.decode(): value.decode() for key, value in file.schema_arrow.metadata.items()}
    assert {"schema_version", "affectstream_version", "config_hash", "smoothing", "time_base", "ts_source"} <= set(
        metadata
    )
    assert {"network", "network_sha256", "detector", "detector_sha256", "engine", "precision"} <= set(metadata)
    group = file.metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert columns["valence"].compression == "ZSTD"
    assert "BYTE_STREAM_SPLIT" in columns["valence"].encodings
    assert "DELTA_BINARY_PACKED" in columns["pts_ns"].encodings
    assert any("DICTIONARY" in encoding for encoding in columns["expression"].encodings)
    assert group.sorting_columns


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_other_formats_hold_the_same_rows(analyze_all, drawn_video, drawn_points, tmp_path, format):
    analyze_all([drawn_video], tmp_path, output__format=format, output__landmarks=True)
    again = read_results(tmp_path)
    same_rows(again, drawn_points)
    assert len(again["landmarks"].iloc[0]) == 136
    assert list((tmp_path / "points").rglob(f"*.{format}"))


def test_a_bad_file_costs_itself_alone(analyze_all, clips, tmp_path):
    result = analyze_all([clips, clips / "nowhere.mp4"], tmp_path / "out")
    failed = {report.stream_id.rsplit("~", 1)[0]: report.error for report in result.failed}
    assert set(failed) == {"empty.mp4", "text.mp4", "cut.mp4", "nowhere.mp4"}
    assert "empty (0 bytes)" in failed["empty.mp4"]
    assert "no such file" in failed["nowhere.mp4"]
    frames = read_results(tmp_path / "out", "frames")
    assert set(frames["stream_id"].astype(str).str.rsplit("~", n=1).str[0]) == {"good.mp4", "sub/also good.mp4"}
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert {entry["stream_id"].rsplit("~", 1)[0] for entry in record["failed"]} == set(failed)


def test_a_second_run_does_only_what_is_not_done_and_keeps_the_run_id(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    first = analyze_all([clips / "good.mp4"], out)
    stamps = {path: path.stat().st_mtime_ns for path in (out / "frames").rglob("*.parquet")}
    assert stamps
    second = analyze_all([clips / "good.mp4", clips / "sub"], out)
    assert (second.resumed, second.run_id) == (1, first.run_id)
    assert len(second.reports) == 2
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())


def test_a_stream_never_takes_anothers_place(clips, tmp_path):
    config = load_config(None, {"networks.threads": 1})
    (good,) = find_sources([clips / "good.mp4"])
    run([good], tmp_path / "out", config, in_process=True)
    (other,) = find_sources([clips / "sub"])
    with pytest.raises(ResultsError, match=f"would be called {good.stream_id}, as {good.uri} is there; choose"):
        run([replace(other, stream_id=good.stream_id)], tmp_path / "out", config, in_process=True)
    assert set(read_results(tmp_path / "out", "frames")["stream_id"]) == {good.stream_id}


def test_rows_that_cannot_be_written_for_a_moment_are_written_then(clips, tmp_path, monkeypatch):
    """In the caller's own process, too."""
    causes = [SinkError("the bucket is away"), None]

    def commit(*arguments):
        if (cause := causes.pop(0)) is not None:
            raise cause
        commits.write_commit(*arguments)

    monkeypatch.setattr("pipeline.jobs.analyze.write_commit", commit)
    monkeypatch.setattr("pipeline.runs.schedule.SINK_PAUSES_S", (0.01,))
    config = load_config(None, {"networks.threads": 1})
    assert not run(find_sources([clips / "good.mp4"]), tmp_path / "out", config, in_process=True).failed
    assert len(read_results(tmp_path / "out", "frames")) == 16


def test_rows_of_a_source_that_failed_are_gone_when_the_run_ends(clips, tmp_path, monkeypatch):
    """A plain reader of files sees none of them."""

    def commit(*arguments):
        assert [*(tmp_path / "out" / "points").rglob("*.parquet")]
        raise SinkError("no space left")

    monkeypatch.setattr("pipeline.jobs.analyze.write_commit", commit)
    monkeypatch.setattr("pipeline.runs.schedule.SINK_PAUSES_S", ())
    config = load_config(None, {"networks.threads": 1})
    assert run(find_sources([clips / "good.mp4"]), tmp_path / "out", config, in_process=True).failed
    assert not [*(tmp_path / "out").rglob("*.parquet")]


def test_a_call_removes_the_analysed_segments_of_its_own_sources_that_are_done_and_no_others(clips, tmp_path):
    """Those of another call in this folder that was interrupted are gone on with."""
    sources = find_sources([clips / "good.mp4", clips / "empty.mp4"])
    store = open_store(tmp_path / "out")
    names = [*(source.stream_id for source in sources), "long.mp4~01234567"]
    paths = [run_folder.checkpoint_path(name, f"000000-{i}.json") for i, name in enumerate(names)]
    for path in paths:
        write_json(store, path, {})
    run(sources, tmp_path / "out", load_config(None, {"networks.threads": 1}), in_process=True)
    assert [store.exists(path) for path in paths] == [False, True, True]


def test_failed_sources_are_tried_again(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    assert analyze_all([clips / "empty.mp4"], out).failed
    write_video(clips / "empty.mp4", squares(10))
    assert not analyze_all([clips / "empty.mp4"], out).failed


def test_other_settings_that_change_rows_are_refused_until_fresh(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out)
    with pytest.raises(ResultsError, match="--fresh"):
        analyze_all([clips / "good.mp4"], out, sampling__fps=5)
    analyze_all([clips / "good.mp4"], out, batching__size=4)  # changes no row
    analyze_all([clips / "good.mp4"], out, fresh=True, sampling__fps=5)
    assert len(read_results(out, "frames")) == 8


def test_settings_may_change_while_nothing_is_committed(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    assert analyze_all([clips / "empty.mp4"], out).failed
    assert not analyze_all([clips / "good.mp4"], out, sampling__fps=5).failed


def test_a_refusal_names_the_setting_that_changed(analyze_all, clips, tmp_path):
    analyze_all([clips / "good.mp4"], tmp_path / "out")
    with pytest.raises(ResultsError, match=r"sampling\.fps was 10, now 5"):
        analyze_all([clips / "good.mp4"], tmp_path / "out", sampling__fps=5)


def test_a_video_that_changed_is_analysed_again(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out)
    write_video(clips / "good.mp4", squares(100))
    assert analyze_all([clips / "good.mp4"], out).resumed == 0
    assert len(read_results(out, "frames")) == 40


def test_the_rows_of_a_video_that_is_gone_are_kept(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out)
    (clips / "good.mp4").unlink()
    assert analyze_all([clips / "good.mp4"], out).resumed == 1
    assert len(read_results(out, "frames")) == 16


def test_a_video_reached_another_way_is_not_analysed_twice_and_counts_as_done(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips], out)
    rows = len(read_results(out, "frames"))
    assert analyze_all([clips / "sub" / "also good.mp4"], out).resumed == 1
    assert len(read_results(out, "frames")) == rows
    status = read_status(out)
    assert (status.done, status.sources) == (1, 1)


def test_what_was_committed_and_is_lost_is_done_again(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out)
    next((out / "frames").rglob("*.parquet")).unlink()
    analyze_all([clips / "good.mp4"], out)
    assert len(read_results(out, "frames")) == 16


def test_each_call_records_its_own_context(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out, deployment__context="research")
    analyze_all([clips / "sub"], out, deployment__context="media")
    assert json.loads((out / "run.json").read_text())["context"] == "media"
    assert {commit.context["context"] for commit in commits.read_commits(open_store(out))} == {
        "research",
        "media",
    }


def test_a_start_beyond_the_end_is_a_failure_that_says_so(analyze_all, clips, tmp_path):
    (failed,) = analyze_all([clips / "good.mp4"], tmp_path / "out", sampling__start_s=60.0).failed
    assert "it ends at 1.6 s" in failed.error


def test_fresh_removes_nothing_that_is_not_ours(analyze_all, clips, tmp_path):
    mine = tmp_path / "frames" / "mine.png"
    mine.parent.mkdir()
    mine.touch()
    with pytest.raises(ResultsError, match="choose another --out"):
        analyze_all([clips / "good.mp4"], tmp_path, fresh=True)
    assert mine.exists()


def test_a_network_of_the_wrong_kind_is_wrong_use(analyze_all, clips, tmp_path):
    with pytest.raises(ConfigError, match="'face-s' is a face detector"):
        analyze_all([clips / "good.mp4"], tmp_path, networks__affect="face-s")


def test_leftovers_of_a_broken_try_are_swept(analyze_all, clips, tmp_path):
    out = tmp_path / "out"
    analyze_all([clips / "good.mp4"], out)
    (commit,) = (out / "_commits").glob("*.json")
    commit.unlink()
    (folder,) = (out / "frames").iterdir()
    (folder / "_0.parquet").write_bytes(b"half")
    shutil.copy(next(folder.glob("[!_]*.parquet")), folder / "9999999999999999999.parquet")
    analyze_all([clips / "good.mp4"], out)
    assert len(list(folder.iterdir())) == 1


def test_two_runs_cannot_write_to_one_folder(clips, tmp_path):
    with open_store(tmp_path).locked(), pytest.raises(ResultsError, match="another run"):
        run(find_sources([clips / "good.mp4"]), tmp_path, load_config(None), in_process=True)


def test_a_folder_that_cannot_be_written_is_wrong_use(clips, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(ConfigError, match="cannot write results there"):
        run(find_sources([clips / "good.mp4"]), blocked / "out", load_config(None), in_process=True)


def test_results_of_something_else_are_not_touched(clips, tmp_path):
    (tmp_path / "points").mkdir()
    with pytest.raises(ResultsError, match=r"no run.json"):
        run(find_sources([clips / "good.mp4"]), tmp_path, load_config(None), in_process=True)


def test_reading_an_empty_folder_says_so(tmp_path):
    with pytest.raises(ResultsError, match="no results there"):
        read_results(tmp_path)

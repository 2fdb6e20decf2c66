"""Tables as files: names, parts, order, and nothing half-written."""

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipeline.errors import SinkError
from pipeline.heartbeat import beats
from pipeline.sinks import FileSink
from pipeline.sinks.files import PART_NS, _flat
from pipeline.storage.store import open_store, write_json
from pipeline.tables import FRAMES, POINTS, TRACKS, repeat, table

NS = 1_000_000_000


def rows(times_s, track=1):
    """Finished points at these times, and a frame for each."""
    count = len(times_s)
    key = {"run_id": repeat("r", count), "stream_id": repeat("s", count), "epoch": np.zeros(count, np.int32)}
    pts_ns = np.round(np.array(times_s) * NS).astype(np.int64)
    common = {**key, "ts_source": repeat("file", count), "pts_ns": pts_ns}
    points = {name: np.zeros(count, np.float32) for name in POINTS.names if POINTS.field(name).type == pa.float32()}
    points |= common | {"track_id": np.full(count, track), "quality": np.zeros(count, int), "grade": np.full(count, 2)}
    frames = {"status": ["ok"] * count, "num_faces": np.ones(count, int), "scene_cut": [False] * count}
    frames |= {"corrupt": [False] * count, "quality_level": np.zeros(count, int), "width": np.ones(count, int)}
    return {
        "frames": table({**common, **frames, "height": np.ones(count, int)}, FRAMES, count),
        "points": table({**points, "expression": ["neutral"] * count}, POINTS, count),
        "tracks": TRACKS.empty_table(),
    }


@pytest.fixture
def sink(tmp_path):
    return FileSink(open_store(tmp_path), "a b.mp4~12345678", format="parquet", metadata={"who": "us"})


def files(root, name):
    return sorted(path.name for path in (root / name).rglob("*.parquet"))


def test_a_file_is_named_after_its_first_row_and_sorted_by_track(sink, tmp_path):
    sink.write_tables(rows([1, 2, 3], track=2))
    sink.write_tables(rows([3, 4], track=1))
    sink.flush()
    assert files(tmp_path, "points") == [f"{NS:019d}.parquet"]
    written = pq.read_table(next((tmp_path / "points").rglob("*.parquet")), partitioning=None)
    assert written["track_id"].to_pylist() == [1, 1, 2, 2, 2]
    assert written.schema.metadata[b"who"] == b"us"


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_files_are_cut_on_a_fixed_grid_however_rows_come(tmp_path, piece):
    sink = FileSink(open_store(tmp_path), "s~1", format="parquet", metadata={})
    times = np.arange(0.5, 2.5 * PART_NS / NS, 10)
    for start in range(0, len(times), piece):
        sink.write_tables(rows(times[start : start + piece]))
    sink.flush()
    firsts = [times[times * NS >= edge].min() for edge in (0, PART_NS, 2 * PART_NS)]
    assert files(tmp_path, "points") == [f"{round(first * NS):019d}.parquet" for first in firsts]
    assert sum(part.rows for part in sink.parts if part.table == "points") == len(times)


def test_many_rows_make_several_files_and_no_moment_is_torn(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sinks.files.PART_ROWS_MAX", 10)
    sink = FileSink(open_store(tmp_path), "s~1", format="parquet", metadata={})
    for second in range(6):
        sink.write_tables(rows([second] * 4))
    sink.flush()
    moments = [
        set(pq.read_table(path, partitioning=None)["pts_ns"].to_pylist())
        for path in (tmp_path / "points").rglob("*.parquet")
    ]
    assert len(moments) == 2
    assert sum(len(m) for m in moments) == 6


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_long_text_file_is_written_in_steps_each_with_a_heartbeat(tmp_path, monkeypatch, format):
    monkeypatch.setattr("pipeline.sinks.files.BATCH_ROWS", 100)
    sink = FileSink(open_store(tmp_path), "s~1", format=format, metadata={})
    before = beats()
    sink.write_tables(rows(np.arange(250) / 10))
    sink.flush()
    assert beats() - before == 6  # of points and frames


def test_the_rows_of_a_csv_file_are_those_written_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.sinks.files.BATCH_ROWS", 100)
    finished = rows(np.arange(250) / 10)
    landmarks = np.linspace(-5, 500, 250 * 136, dtype=np.float32)
    lists = pa.FixedSizeListArray.from_arrays(pa.array(landmarks), 136)
    points = finished["points"].set_column(POINTS.get_field_index("landmarks"), POINTS.field("landmarks"), lists)
    sink = FileSink(open_store(tmp_path), "s~1", format="csv", metadata={})
    sink.write_tables(finished | {"points": points})
    sink.flush()
    pyarrow.csv.write_csv(_flat(points), tmp_path / "whole.csv")
    (written,) = (tmp_path / "points").rglob("*.csv")
    assert written.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_what_cannot_be_written_is_told(sink, tmp_path):
    sink.write_tables(rows([1]))
    (tmp_path / "points").write_text("a file is in the way")
    with pytest.raises(SinkError, match="cannot be written"):
        sink.flush()


def test_nothing_half_written_is_visible(tmp_path):
    write_json(open_store(tmp_path), "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_json(open_store(tmp_path), "a.json", {"x": object()})
    assert (tmp_path / "a.json").read_text() == '{\n  "x": 1\n}\n'
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("kept", ["all", "none", "some"])
def test_landmarks_stay_with_their_rows_and_take_no_room_where_there_are_none(tmp_path, kept):
    sink = FileSink(open_store(tmp_path), "s~1", format="parquet", metadata={})
    numbers, field = np.arange(4 * 136, dtype=np.float32).reshape(4, 136), POINTS.field("landmarks")
    for i, track in enumerate((2, 1, 3, 2)):
        finished = rows([i], track=track)
        if kept == "all" or (kept == "some" and i % 2):
            lists = pa.FixedSizeListArray.from_arrays(pa.array(numbers[i]), 136)
            points = finished["points"].set_column(POINTS.get_field_index("landmarks"), field, lists)
            finished = finished | {"points": points}
        before = pa.total_allocated_bytes()
        sink.write_tables(finished)
        assert pa.total_allocated_bytes() - before < 136 * 4
    sink.flush()
    written = pq.read_table(next((tmp_path / "points").rglob("*.parquet")), partitioning=None)
    assert written.schema.equals(POINTS)
    assert written["pts_ns"].to_numpy().tolist() == [NS, 0, 3 * NS, 2 * NS]
    expected = [numbers[i].tolist() if kept == "all" or (kept == "some" and i % 2) else None for i in (1, 0, 3, 2)]
    assert written["landmarks"].to_pylist() == expected

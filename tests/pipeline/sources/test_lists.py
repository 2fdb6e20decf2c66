"""Lists of sources: what is read of them, and that what they say of a source comes back with its tracks."""

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from affectstream import analyze
from pipeline.config import load_config
from pipeline.errors import ConfigError
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.sources.lists import read_list
from pipeline.tables import TRACKS


@pytest.fixture
def listed(tmp_path):
    """Write a list in the test's folder and read it."""

    def read(text, name="list.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return read_list(path)

    return read


def test_cells_of_csv_are_what_their_whole_column_is_written_as(listed):
    (first, second) = listed(
        "\ufeffsource,id,age,score,seen,day,note\n"
        "a.mp4,007,31,1,true,2026-01-02,\n"
        'b.mp4,012,,0.5,FALSE,2026-01-03,"x, y"\n'
    )
    assert dict(first.labels) == {"id": "007", "age": 31, "score": 1.0, "seen": True, "day": "2026-01-02", "note": None}
    assert dict(second.labels) == {
        "id": "012",
        "age": None,
        "score": 0.5,
        "seen": False,
        "day": "2026-01-03",
        "note": "x, y",
    }
    assert isinstance(first.labels["score"], float)


@pytest.mark.parametrize("cell", ["nan", "inf", "1_000", " 1", "1e400", "-05"])
def test_what_only_looks_like_a_number_is_text(listed, cell):
    (only,) = listed(f"source,x\na.mp4,{cell}\n")
    assert only.labels["x"] == cell


@pytest.mark.parametrize("column", ["source", "path", "uri"])
def test_paths_begin_at_the_list_and_addresses_stand_as_they_are(tmp_path, listed, column):
    a, b, c = find_sources(listed(f"{column}\nclips/a.mp4\n{tmp_path}/b.mp4\nhttps://h/c.mp4\n"))
    assert a.path == str(tmp_path / "clips" / "a.mp4")
    assert a.stream_id.startswith("clips/a.mp4~")
    assert b.stream_id.startswith("b.mp4~")
    assert (c.path, c.stream_id.rpartition("~")[0]) == ("https://h/c.mp4", "c.mp4")


def test_spaces_around_a_source_are_no_part_of_it(tmp_path, listed):
    address, path = find_sources(listed("person,source\nanna, https://user:s3cret@h/v.mp4\nben, clips/a.mp4 \n"))
    assert address.shown == address.uri == "https://h/v.mp4"
    assert path.path == str(tmp_path / "clips" / "a.mp4")


def test_a_list_lies_on_this_machine():
    with pytest.raises(ConfigError, match=r"h/list\.csv: must be a file on this machine") as refused:
        read_list(Path("https://user:s3cret@h/list.csv"))
    assert "s3cret" not in str(refused.value)


def test_parquet_keeps_its_types(tmp_path):
    table = {
        "path": ["a.mp4"],
        "n": [7],
        "x": [0.5],
        "b": [True],
        "s": ["007"],
        "none": pa.nulls(1),
        "nan": [float("nan")],
    }
    pq.write_table(pa.table(table), tmp_path / "l.parquet")
    (only,) = read_list(tmp_path / "l.parquet")
    assert dict(only.labels) == {"n": 7, "x": 0.5, "b": True, "s": "007", "none": None, "nan": None}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("l.csv", "file,x\na.mp4,1\n", r"has no column source or path or uri; it has file, x"),
        ("l.csv", "source,track_id,valence\na.mp4,1,2\n", r"columns \['track_id', 'valence'\] have the names"),
        ("l.csv", ",source\n0,a.mp4\n", r"has a column without a name"),
        ("l.csv", "source,x\na.mp4\n", r"row 1 has 1 cells; its first line names 2 columns"),
        ("l.csv", "source,x\n,1\n", r"row 1 names no source"),
        ("l.csv", "source,x,x\na.mp4,1,2\n", r"several columns 'x'"),
        ("l.csv", "source,x\n", "has no row"),
        ("l.csv", "", "has no column"),
        ("l.txt", "source\na.mp4\n", r"a list is .csv or .parquet, not .txt"),
        ("l.parquet", "no parquet", "cannot be read"),
    ],
)
def test_a_list_that_cannot_be_used_is_told(listed, name, text, told):
    with pytest.raises(ConfigError, match=told):
        listed(text, name)


def test_a_missing_list_and_odd_types_are_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_list(tmp_path / "nowhere.csv")
    pq.write_table(pa.table({"source": ["a"], "when": pa.array([0], pa.timestamp("ms"))}), tmp_path / "l.parquet")
    with pytest.raises(ConfigError, match=r"column 'when' is timestamp\[ms\]"):
        read_list(tmp_path / "l.parquet")
    hashes = pa.array([7, 2**63], pa.uint64())
    pq.write_table(pa.table({"source": ["a", "b"], "hash": hashes}), tmp_path / "l.parquet")
    with pytest.raises(ConfigError, match=r"column 'hash' has numbers from 2\^63 on; write it as text"):
        read_list(tmp_path / "l.parquet")
    latin = pa.array([b"Zo\xeb"]).cast(pa.string(), safe=False)
    pq.write_table(pa.table({"source": ["a"], "person": latin}), tmp_path / "l.parquet")
    with pytest.raises(ConfigError, match=r"column 'person' has text that is not UTF-8"):
        read_list(tmp_path / "l.parquet")


def test_a_source_listed_twice_must_be_said_the_same_of(listed):
    assert len(find_sources(listed("source,x\na.mp4,1\n./a.mp4,1\n"))) == 1
    with pytest.raises(ConfigError, match=r"a\.mp4: is given twice, as {'x': 1} and as {'x': 2}"):
        find_sources(listed("source,x\na.mp4,1\na.mp4,2\n"))


def test_labels_come_back_with_the_tracks(analyze_all, drawn_video, listed, tmp_path):
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(drawn_video.read_bytes())
    wanted = listed(f"source,person,age,score\n{drawn_video},007,31,\ncopy.mp4,008,,0.5\n")
    out = tmp_path / "out"
    assert not analyze_all(wanted, out).failed
    tracks = read_results(out, "tracks")
    assert list(tracks.columns) == [*TRACKS.names, "person", "age", "score"]
    by_name = tracks.assign(name=tracks["stream_id"].astype(str).str.rpartition("~")[0]).groupby("name").first()
    assert by_name["person"].to_dict() == {drawn_video.name: "007", "copy.mp4": "008"}
    assert by_name.loc[drawn_video.name, "age"] == 31
    assert pd.isna(by_name.loc["copy.mp4", "age"])
    assert set(read_results(out, "points").columns).isdisjoint({"person", "age", "score"})
    (part,) = [path for path in (out / "tracks").rglob("*.parquet") if "copy" in str(path)]
    assert pq.read_table(part, partitioning=None)["person"].to_pylist() == ["008", "008"]
    index = json.loads((out / "run.json").read_text())["index"]
    assert [entry["labels"] for entry in index] == [
        {"person": "007", "age": 31, "score": None},
        {"person": "008", "age": None, "score": 0.5},
    ]


@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_labels_keep_their_types_in_every_format(drawn_video, listed, tmp_path, format):
    wanted = listed(f"source,person,seen,age\n{drawn_video},007,true,31\n")
    config = load_config(None, {"networks.threads": 1, "output.format": format})
    run(find_sources(wanted), tmp_path / "out", config, in_process=True)
    track = read_results(tmp_path / "out", "tracks").iloc[0]
    assert (track["person"], track["seen"], track["age"]) == ("007", True, 31)


def test_a_source_of_which_something_else_is_said_is_done_again(drawn_video, tmp_path):
    (tmp_path / "l.csv").write_text(f"source,x\n{drawn_video},1\n")
    settings = {"out": tmp_path / "out", "threads": 1}

    def resumed():
        before = (tmp_path / "out" / "_commits").stat().st_mtime_ns
        analyze(list=tmp_path / "l.csv", **settings)
        return (tmp_path / "out" / "_commits").stat().st_mtime_ns == before

    assert len(analyze(list=tmp_path / "l.csv", **settings))
    assert resumed()
    (tmp_path / "l.csv").write_text(f"source,x\n{drawn_video},2\n")
    assert not resumed()
    assert read_results(tmp_path / "out", "tracks")["x"].tolist() == [2, 2]
    analyze(drawn_video, **settings)  # without a list, what was said stays
    assert read_results(tmp_path / "out", "tracks")["x"].tolist() == [2, 2]

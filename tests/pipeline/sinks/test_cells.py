"""No spreadsheet takes a name or a label in a CSV file for a formula, and reading gives back what it was."""

import csv

import pytest

from pipeline.results.read import read_results
from tests.pipeline.report import made_up
from tests.pipeline.report.made_up import Someone, Video

HARMFUL = [
    "=cmd|' /C calc'!A0.mp4~1",
    "+1+1.mp4~1",
    "-2+3.mp4~1",
    "@SUM(1+1)*cmd.mp4~1",
    "\t=1+1.mp4~1",
    "\r=1+1.mp4~1",
    "\n=1+1.mp4~1",
    "＝1+1.mp4~1",
    "＋1.mp4~1",
    '="a,b";"c".mp4~1',
]
HARMLESS = ["'quoted' name.mp4~1", "plain, with = and -.mp4~1", "two\nlines.mp4~1", "'~1", "ü=.mp4~1"]
ALREADY_ESCAPED = ["'=cmd.mp4~1", "''-x.mp4~1"]
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def written(out, stream_id, labels=None):
    """The cells of all CSV files of a video of this name, by table."""
    made_up.write_record(out)
    someone = Someone(t_s=[0.0, 0.1], valence=[-0.5, -0.25])
    made_up.write_video(out, Video(stream_id=stream_id, people=[someone], labels=labels or {}), format="csv")
    tables = {}
    for table in ("frames", "points", "tracks"):
        (path,) = (out / table).rglob("*.csv")
        with path.open(encoding="utf-8", newline="") as file:
            tables[table] = list(csv.DictReader(file))
    return tables


@pytest.mark.parametrize("stream_id", HARMFUL + HARMLESS + ALREADY_ESCAPED)
def test_a_name_is_a_cell_of_text_and_is_read_as_it_was(tmp_path, stream_id):
    cells = written(tmp_path, stream_id)
    for table, rows in cells.items():
        names = {row["stream_id"] for row in rows}
        assert not any(name.startswith(FORMULA) for name in names)
        assert names == ({stream_id} if stream_id in HARMLESS else {f"'{stream_id}"})
        assert set(read_results(tmp_path, table)["stream_id"]) == {stream_id}
        assert len(read_results(tmp_path, table, stream_id=stream_id)) == len(rows)


def test_numbers_stay_numbers(tmp_path):
    points = written(tmp_path, "=cmd.mp4~1")["points"]
    assert [float(row["valence"]) for row in points] == [-0.5, -0.25]
    assert read_results(tmp_path)["valence"].tolist() == [-0.5, -0.25]


def test_what_a_list_says_is_text_too_also_in_the_first_line(tmp_path):
    labels = {"note": '=HYPERLINK("http://x","y")', "=cmd": "-1", "score": -1.5}
    (track,) = written(tmp_path, "a.mp4~1", labels)["tracks"]
    assert track["note"] == "'" + labels["note"]
    assert track["'=cmd"] == "'-1"
    assert float(track["score"]) == -1.5
    read = read_results(tmp_path, "tracks")
    assert {name: read[name].tolist() for name in labels} == {name: [value] for name, value in labels.items()}


def test_parquet_and_json_lines_hold_names_as_they_are(tmp_path):
    for format in ("parquet", "jsonl"):
        out = tmp_path / format
        made_up.write_record(out)
        made_up.write_video(out, Video(stream_id="=cmd.mp4~1"), format=format)
        assert set(read_results(out, "frames")["stream_id"]) == {"=cmd.mp4~1"}
    (path,) = (tmp_path / "jsonl" / "frames").rglob("*.jsonl")
    assert '"stream_id": "=cmd.mp4~1"' in path.read_text()

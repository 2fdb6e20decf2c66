"""What earlier versions wrote stays readable: it is read, resumed, compacted, reported, drawn and forgotten."""

import json

import numpy as np
import pandas as pd
import pytest

from affectstream import forget, read_results
from engines import open_network
from pipeline.overlay import write_overlay
from pipeline.report import write_report
from pipeline.results.compact import compact
from pipeline.runs.progress_file import read_status
from pipeline.tables import TABLES
from tests.pipeline.results.old_results import FIXTURES, FORMATS, OLD, old_results

DIGESTS = {
    "results-0.1": {
        "affect": "2a9d5605dc7979f8cfc16f9f6219e5ab48a799c84be86a4db47b1db6d7e490bf",
        "detector": "00e99cb00853936c1e0df965f999e7f712d5fdc33a00a9606f81f537045612ad",
    },
}
"""Part of the hash that tells whether a run can be resumed: it must not change with a later version's code."""


@pytest.fixture(params=OLD)
def version(request):
    """Each version of which results are kept."""
    return request.param


@pytest.fixture(params=FORMATS)
def old(request, tmp_path, version):
    """A copy of each of its folders."""
    return old_results(tmp_path, version, request.param)


def test_its_rows_are_read_exactly(old):
    points, frames, tracks = (read_results(old.out, table) for table in ("points", "frames", "tracks"))
    assert points.groupby("stream_id", observed=True).size().to_dict() == {
        "still.png~738d88b5": 1,
        "walk.mp4~b7368238": 15,
    }
    assert [len(frames), len(tracks)] == [26, 2]
    assert points["valence_smooth"].mean() == pytest.approx(-0.1589813, abs=1e-6)
    assert points["track_id"].unique().tolist() == [1]
    assert points["landmarks"].notna().all() == (old.kind == "parquet")
    assert frames["status"].value_counts().to_dict() == {"ok": 16, "no_face": 10}
    assert np.isclose(frames["pts_ns"].diff().dropna(), 1e8, atol=3e7).sum() == 23
    assert tracks.set_index("stream_id")["person"].to_dict()["walk.mp4~b7368238"] == "Ann Example"
    for table in TABLES:
        assert read_results(old.out, table).columns.tolist()[: len(TABLES[table])] == TABLES[table].names


def test_its_rows_are_the_same_in_every_format(tmp_path, version):
    read = {kind: read_results(old_results(tmp_path / kind, version, kind).out) for kind in FORMATS}
    for kind in FORMATS[1:]:
        pd.testing.assert_frame_equal(
            read[kind].drop(columns=["run_id", "landmarks"]),
            read["parquet"].drop(columns=["run_id", "landmarks"]),
            check_categorical=False,
        )


@pytest.mark.parametrize("role", ["affect", "detector"])
def test_the_digest_of_a_network_folder_is_what_it_was(version, role):
    assert open_network(str(FIXTURES / version / "networks" / role)).spec.digest == DIGESTS[version][role]


def test_a_run_goes_on_there_and_does_nothing_again(old):
    commits, run_id = old.commits(), json.loads((old.out / "run.json").read_text())["run_id"]
    before = read_results(old.out)
    pd.testing.assert_frame_equal(old.analyze_again(), before)
    assert old.commits() == commits
    assert json.loads((old.out / "run.json").read_text())["run_id"] == run_id
    assert json.loads((old.out / "progress.json").read_text())["call"]["resumed"] == 3


def test_a_source_that_changed_is_analysed_again_and_the_others_stay(old):
    before = old.reports()
    (old.footage / "walk.mp4").touch()
    points = old.analyze_again()
    after = old.reports()
    assert {name for name in before if after[name] != before[name]} == {"walk.mp4"}
    assert points["stream_id"].nunique() == 2
    assert points["run_id"].nunique() == 1
    assert len(read_results(old.out)) == 16


def test_its_status_is_told(old):
    status = read_status(old.out)
    assert (status.state, status.sources, status.done) == ("finished", 3, 3)


@pytest.mark.parametrize("kind", ["parquet", "merged"])
def test_it_is_compacted(tmp_path, version, kind):
    old = old_results(tmp_path, version, kind)
    before = {table: read_results(old.out, table) for table in TABLES}
    assert compact(old.out).streams == (3 if kind == "parquet" else 0)
    for table in TABLES:
        pd.testing.assert_frame_equal(read_results(old.out, table), before[table], check_categorical=False)
    assert len(list((old.out / "points").rglob("*.parquet"))) == 1


def test_it_is_reported(old):
    index = write_report(old.out)
    assert sorted(path.name.split("~")[0] for path in (index.parent / "videos").iterdir()) == [
        "sit.mp4",
        "still.png",
        "walk.mp4",
    ]
    assert "walk.mp4" in index.read_text()


@pytest.mark.parametrize(("name", "ending"), [("walk.mp4", "mp4"), ("still.png", "png")])
def test_it_is_drawn_onto_its_footage(tmp_path, version, name, ending):
    old = old_results(tmp_path, version, "merged")
    write_overlay(old.footage / name, old.out, tmp_path / f"drawn.{ending}")
    assert (tmp_path / f"drawn.{ending}").stat().st_size > 300


def test_its_sources_are_forgotten(old):
    erased = forget([old.footage / "walk.mp4", "still.png"], old.out)
    assert erased.rows == {"frames": 16, "points": 16, "tracks": 2}
    frames = read_results(old.out, "frames")
    assert {name.split("~")[0] for name in frames["stream_id"]} == {"sit.mp4"}
    assert len(frames) == 10
    assert not [path for path in old.out.rglob("*") if "walk" in path.name or "still" in path.name]
    for path in old.out.glob("*.json"):
        assert "walk" not in path.read_text()
    with pytest.warns(UserWarning, match="left out: .*walk.mp4"):
        assert len(old.analyze_again()) == 0

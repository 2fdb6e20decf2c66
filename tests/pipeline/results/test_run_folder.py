"""What is removed from a results folder, and what is not."""

import pytest

from pipeline.errors import ResultsError
from pipeline.results.run_folder import erase, sweep_failed
from pipeline.storage.store import Disk, open_store


def put(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")


def files(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "damaged", [b"", b"\0" * 100, b'{"run_id": "0", "config', b"\xff"], ids=["empty", "zeros", "cut", "bytes"]
)
def test_a_run_with_a_damaged_record_is_erased(tmp_path, damaged):
    put(tmp_path, "points/s/0.parquet", "_commits/s.json", "progress.json", "mine.txt")
    (tmp_path / "run.json").write_bytes(damaged)
    erase(open_store(tmp_path))
    assert files(tmp_path) == {"mine.txt"}


@pytest.mark.parametrize("record", [b"not JSON at all", b'{"name": "a record of something else"}'])
def test_a_folder_that_may_be_of_something_else_is_not_erased(tmp_path, record):
    put(tmp_path, "points/mine.parquet")
    (tmp_path / "run.json").write_bytes(record)
    with pytest.raises(ResultsError, match="choose another --out"):
        erase(open_store(tmp_path))
    assert files(tmp_path) == {"points/mine.parquet", "run.json"}


def test_the_rows_of_streams_that_failed_are_removed_and_no_others(tmp_path):
    failed = {"points/bad/0.parquet", "points/bad/_1.parquet", "frames/bad/0.csv", "tracks/bad%2F2/0.jsonl"}
    kept = {"points/bad/mine.txt", "points/good/0.parquet", "_commits/good.json", "points/badly/0.parquet"}
    put(tmp_path, *failed, *kept)
    for stream_id in ("bad", "bad/2", "good", "never begun"):
        sweep_failed(open_store(tmp_path), stream_id)
    assert files(tmp_path) == kept


def test_rows_that_are_committed_while_they_are_removed_do_not_count(tmp_path, monkeypatch):
    """By a try on a node that was taken for dead: the next call does the stream again."""
    put(tmp_path, "points/bad/0.parquet", "frames/bad/0.parquet")
    delete = Disk.delete

    def late(disk, path):
        delete(disk, path)
        if path.startswith("points/"):
            put(tmp_path, "_commits/bad.json")

    monkeypatch.setattr(Disk, "delete", late)
    sweep_failed(open_store(tmp_path), "bad")
    assert files(tmp_path) == set()

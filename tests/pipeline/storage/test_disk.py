"""A results folder on a disk: who writes at the same time, what is left over, what the disk refuses."""

import errno
import fcntl
import os
import resource
from contextlib import contextmanager

import pytest

from pipeline.errors import ConfigError, ResultsError, SinkError
from pipeline.storage.store import open_store, write_json


@contextmanager
def no_room():
    """Every write of this process fails, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_two_writers_of_one_file_do_not_touch_what_the_other_writes(tmp_path):
    store = open_store(tmp_path)

    def first(half):
        half.write_bytes(b"first, half")
        store.write("a.txt", lambda other: other.write_bytes(b"second"))
        assert (tmp_path / "a.txt").read_bytes() == b"second"
        assert half.read_bytes() == b"first, half"
        half.write_bytes(b"first")

    store.write("a.txt", first)
    assert (tmp_path / "a.txt").read_bytes() == b"first"
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), ValueError(), KeyboardInterrupt()])
def test_what_was_half_written_is_removed_at_once(tmp_path, error):
    def fill(half):
        assert half.name.startswith("_")
        half.write_bytes(b"half")
        raise error

    with pytest.raises((SinkError, ValueError, KeyboardInterrupt)):
        open_store(tmp_path).write("a.txt", fill)
    assert names(tmp_path) == []


def test_what_a_killed_process_was_writing_beside_the_record_is_removed_by_the_next_holder(tmp_path):
    store = open_store(tmp_path)
    if (child := os.fork()) == 0:
        store.write("run.json", lambda half: (half.write_bytes(b"half"), os._exit(0)))
    os.waitpid(child, 0)
    (half,) = names(tmp_path)
    assert half.startswith("_")
    (tmp_path / "_mine.json").touch()
    with store.locked():
        assert names(tmp_path) == ["_lock", "_mine.json"]


def test_the_longest_name_a_disk_takes_can_be_written(tmp_path):
    name = "x" * 250 + ".json"
    write_json(open_store(tmp_path), name, {})
    assert names(tmp_path) == [name]


def test_a_lock_that_cannot_be_written_is_one_clear_line(tmp_path):
    with (
        no_room(),
        pytest.raises(ConfigError, match=r"cannot write results there: File too large; choose another --out$"),
        open_store(tmp_path).locked(),
    ):
        pass
    with open_store(tmp_path).locked():
        assert open_store(tmp_path).doing() == "analysing"


def test_a_disk_without_locks_is_one_clear_line(tmp_path, monkeypatch):
    def refused(file, kind):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    with (
        pytest.raises(ConfigError, match=r"cannot write results there: No locks available; choose another --out$"),
        open_store(tmp_path).locked(),
    ):
        pass


def test_a_folder_that_is_held_is_refused(tmp_path):
    with (
        open_store(tmp_path).locked(),
        pytest.raises(ResultsError, match="another run is writing there"),
        open_store(tmp_path).locked(),
    ):
        pass


def test_an_error_within_the_lock_is_the_callers(tmp_path):
    with pytest.raises(OSError, match="theirs"), open_store(tmp_path).locked():
        raise OSError("theirs")

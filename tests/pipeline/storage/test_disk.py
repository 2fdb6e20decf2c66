"""A results folder on a disk: who writes at the same time, what is left over, what the disk refuses."""

import errno
import fcntl
import os
import resource
from contextlib import contextmanager
from pathlib import Path

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


@pytest.fixture
def durable(monkeypatch):
    """Entries of folders: those that were made, and of these, those that would survive a loss of power."""
    made, safe = set(), set()
    mkdir, replace, fsync = os.mkdir, os.replace, os.fsync

    def making(path, *args, **more):
        mkdir(path, *args, **more)
        made.add(os.fspath(path))

    def placing(old, new):
        replace(old, new)
        made.add(os.fspath(new))

    def syncing(descriptor):
        fsync(descriptor)
        folder = Path(f"/proc/self/fd/{descriptor}").readlink()
        safe.update(path for path in made if Path(path).parent == folder)

    monkeypatch.setattr(os, "mkdir", making)
    monkeypatch.setattr(os, "replace", placing)
    monkeypatch.setattr(os, "fsync", syncing)
    return made, safe


def test_no_folder_above_a_file_is_lost_with_the_power(tmp_path, durable):
    made, safe = durable
    store = open_store(tmp_path / "new" / "deep" / "out")
    with store.locked():
        assert {str(tmp_path / "new"), str(tmp_path / "new" / "deep" / "out")} <= made == safe
        store.write("points/a/0.parquet", lambda half: half.write_bytes(b"rows"))
        assert made == safe
        write_json(store, "_commits/a.json", {})
        assert {path.removeprefix(f"{tmp_path}/new/deep/out") for path in made} >= {
            *("/points", "/points/a", "/points/a/0.parquet"),
            *("/_commits", "/_commits/a.json"),
        }
        assert made == safe


def test_a_folder_that_cannot_be_removed_is_told_with_the_file_in_the_way_and_why(tmp_path, monkeypatch):
    store, unlink = open_store(tmp_path), os.unlink
    for name in ("a/b/0.zip", "a/c/1.zip", "d.json"):
        write_json(store, name, {})

    def refusing(name, **more):
        if os.fspath(name).endswith("0.zip"):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        unlink(name, **more)

    monkeypatch.setattr(os, "unlink", refusing)
    with pytest.raises(SinkError) as raised:
        store.delete_folder("a")
    assert str(raised.value) == f"{tmp_path}/a/b/0.zip: cannot be removed: Operation not permitted"
    monkeypatch.undo()
    assert store.files("") == {"a/b/0.zip": 3, "d.json": 3}, "the rest is gone"
    store.delete_folder("a")
    store.delete_folder("a")  # what is gone already is no error
    assert names(tmp_path) == ["d.json"]


def test_a_folder_that_cannot_be_listed_does_not_look_empty(tmp_path, monkeypatch):
    store, scandir = open_store(tmp_path), os.scandir
    write_json(store, "_commits/a.json", {})

    def refusing(path):
        if os.fspath(path).endswith("_commits"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(ResultsError, match=rf"^{tmp_path}/_commits: cannot be read: Permission denied$"):
        store.files("_commits")


def test_a_disk_that_may_only_be_read_is_one_clear_line(tmp_path, monkeypatch):
    store = open_store(tmp_path)
    write_json(store, "a.json", {})

    def refused(*args, **more):
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("open", "mkdir", "unlink", "rmdir", "replace"):
        monkeypatch.setattr(os, name, refused)
    monkeypatch.setattr("io.open", refused)
    for attempt in (lambda: write_json(store, "new/b.json", {}), lambda: store.delete("a.json")):
        with pytest.raises(SinkError, match=rf"^{tmp_path}/.*: cannot be (written|removed): Read-only file system$"):
            attempt()

"""Made-up results to merge, ways to look at them, and a disk that fails when it is told to."""

import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.results import compact as module
from pipeline.results import run_folder
from pipeline.results.compact import compact
from pipeline.results.read import read_results
from pipeline.storage.store import Disk, open_store
from pipeline.tables import TABLES
from tests.pipeline.report import made_up
from tests.pipeline.report.made_up import Someone, Video, ticks

NS = 1_000_000_000

NS = 1_000_000_000


def video(number, seconds=5, people=1, **settings):
    """A made-up video with values of its own; none of its people is there all the time."""
    rng = np.random.default_rng(number)
    faces = []
    for i in range(people):
        t_s = ticks(0.5 * i, seconds - 0.3)
        faces.append(Someone(t_s=t_s, valence=rng.uniform(-1, 1, len(t_s)).round(3)))
    return Video(stream_id=f"clips/{number:03}.mp4~{number:08x}", people=faces, length_s=seconds, **settings)


def make(out, videos):
    """Results of these videos."""
    made_up.write_record(out)
    for each in videos:
        made_up.write_video(out, each)
    return out


def many(count=6):
    """Videos with everything that may differ: labels, landmarks, metadata, lengths, people, no people."""
    said = [
        {"person": "Ann", "age": 30},
        {"age": 30.5},
        {"person": 7},
        {},
        {"note": None},
        {"person": "Bo", "ok": True},
    ]
    return [
        video(
            i,
            seconds=2 + i % 4 * 2,
            people=(1, 2, 1, 0)[i % 4],
            landmarks=i % 2 == 0,
            labels=said[i % len(said)],
            metadata={"network": "n", "time_base": f"1/{1000 + i % 2}"},
        )
        for i in range(count)
    ]


def rows(out):
    """All committed rows, as everybody reads them."""
    return {table: read_results(out, table) for table in TABLES}


def same(one, other):
    """Whether two readings give the same rows, bit for bit."""
    for table in TABLES:
        pd.testing.assert_frame_equal(one[table], other[table], check_exact=True, check_categorical=False)


def tables(out):
    """The files of all tables."""
    return sorted(path for path in run_folder.list_files(open_store(out)) if not path.startswith("_"))


def plain(out, table):
    """What a reader sees that knows nothing of commits."""
    frame = pd.read_parquet(Path(out) / table)
    keys = [key for key in ("stream_id", "track_id", "pts_ns") if key in frame]
    return frame.astype({"stream_id": str}).sort_values(keys, ignore_index=True)


class KilledError(Exception):
    """What ends a process at a bad moment."""


class FragileDisk(Disk):
    """A disk whose process is killed as it changes something for the `limit`-th time. `seen` is called before each."""

    def __init__(self, root, limit, seen=lambda: None):
        super().__init__(root)
        self.changes, self._limit, self._seen, self._lock = 0, limit, seen, threading.Lock()

    def _change(self, path):
        with self._lock:
            self._seen()
            self.changes += 1
            if self.changes > self._limit:
                (self._root / path).parent.mkdir(parents=True, exist_ok=True)
                (self._root / path).with_name(f"_{Path(path).name}").write_bytes(b"half")
                raise KilledError

    def write(self, path, fill):
        self._change(path)
        return super().write(path, fill)

    def delete(self, path):
        self._change("_half")
        super().delete(path)

    def delete_folder(self, path):
        self._change("_half")
        super().delete_folder(path)


def compact_on(store):
    """`compact`, with this for the store."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_store", lambda folder: store)
        return compact("anywhere")

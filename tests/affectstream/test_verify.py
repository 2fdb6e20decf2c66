"""``affectstream status --verify``: files are compared with what was committed."""

import json
import re
import shutil
from pathlib import Path

import pytest

from pipeline.results.compact import compact
from tests.commands import affectstream
from tests.pipeline.results.merging import make, video

OLD = Path(__file__).parents[1] / "fixtures" / "results-0.1" / "parquet"


@pytest.fixture
def results(tmp_path):
    """A folder with results of three videos."""
    return make(tmp_path / "out", [video(i) for i in range(3)])


def verify(out, *options):
    """Exit code and what was printed."""
    done = affectstream("status", out, "--verify", *options)
    return done.returncode, done.stdout


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("merged", [False, True])
def test_results_as_they_were_written(results, merged):
    if merged:
        compact(results)
    code, said = verify(results)
    assert code == 0
    assert f"verified {3 if merged else 9} files of 3 sources: all as they were written" in said


def test_what_is_in_a_bucket(bucket):
    out = make(f"{bucket.url}/out", [video(0)])
    assert verify(out)[0] == 0
    (key,) = bucket.keys("out/points/")
    content = bucket.read(key)
    bucket.put(key, content[:-1] + bytes([content[-1] ^ 1]))
    code, said = verify(out)
    assert code == 3
    assert f"{bucket.url}/{key}: committed, but has another SHA-256" in said


def test_results_of_an_earlier_version(tmp_path):
    out = shutil.copytree(OLD, tmp_path / "old")
    assert verify(out)[0] == 0
    flip(next((out / "points").rglob("*.parquet")))
    assert verify(out)[0] == 3


def test_each_kind_of_damage_is_a_line_and_the_rest_is_compared(results):
    tables = ("frames", "points", "tracks")
    gone, cut, flipped = (next((results / table).glob(f"*{i:03}*/*")) for i, table in enumerate(tables))
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-10])
    flip(flipped)
    (commit,) = (results / "_commits").glob("*002*")
    code, said = verify(results)
    assert code == 3
    assert "verified 9 files of 3 sources: 3 damaged" in said
    for path, why in (
        (gone, r"is missing; run"),
        (cut, r"has [\d,]+ bytes, [\d,]+ were committed; run"),
        (flipped, r"has another SHA-256 than when it was written; remove that file, then run"),
    ):
        assert re.search(rf"^{path}: committed, but {why} `affectstream analyze` on its source again$", said, re.M)
    commit.write_bytes(b"[]")
    _, said = verify(results, "--json")
    (line, *_) = json.loads(said)["verified"]["damaged"]
    assert line.startswith(f"{commit}: damaged commit (")


def test_rows_that_move_while_they_are_compared_are_not_damaged(results, monkeypatch):
    from pipeline.results import verify as module

    monkeypatch.setattr(module, "READERS", 1)
    compare = module._compare

    def late(*arguments):
        if (results / "points").exists() and not (results / "points" / "merged").exists():
            compact(results)
        return compare(*arguments)

    monkeypatch.setattr(module, "_compare", late)
    assert verify(results)[0] == 0

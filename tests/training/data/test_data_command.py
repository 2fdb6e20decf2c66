"""``affectstream data`` as people type it."""

import os
import subprocess
import sys

import pytest

from tests.training.data import made_up
from training.data.pack import PackOptions, pack
from training.data.records import Reading, Record


def cli(*arguments):
    command = [sys.executable, "-m", "affectstream.cli", "data", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def line(done, name):
    """The cells of a line of the table that is printed."""
    return next(text.split()[len(name.split()) :] for text in done.stdout.splitlines() if text.startswith(name))


def test_a_data_set_is_packed_and_what_is_in_it_is_shown(tmp_path):
    source, out = made_up.affectnet(tmp_path / "raw"), tmp_path / "packs" / "affectnet.parquet"
    done = cli("pack", "affectnet", source, "-o", out, "--size-px", "90", "--grey", "--landmarks", "emofan-s")
    assert done.returncode == 0, done.stderr
    again = cli("show", out)
    assert again.stdout == done.stdout
    assert f"{out}: AffectNet, up to 90 px, luma" in done.stdout
    assert line(done, "faces") == ["8", "5"]
    assert line(done, "neutral") == ["1", "2"]
    assert line(done, "valence") == ["-0.50", "…", "+0.38", "-0.60", "…", "+0.70"]
    assert line(done, "cleaned") == ["–", "3"]
    assert "cleaned: rules only, not the published list" in done.stdout
    assert "landmarks: emofan-s" in done.stdout
    assert "left out: 1 expression uncertain" in done.stdout


def test_a_range_of_ratings_can_be_given(tmp_path):
    done = cli("pack", "sewa", made_up.sewa(tmp_path / "raw"), "-o", tmp_path / "s.parquet", "--value-range", "0,1")
    assert done.returncode == 0, done.stderr
    assert line(done, "persons") == ["3"]
    assert line(done, "valence") == ["-0.50", "…", "+0.00"]


@pytest.mark.parametrize(("splits", "shown"), [(["", ""], ["all"]), (["", "val"], ["no", "split", "val"])])
def test_all_faces_are_called_so_only_where_there_are_no_others(tmp_path, splits, shown):
    records = [Record(name=str(row), picture=made_up.picture(row), split=split) for row, split in enumerate(splits)]
    pack(Reading(data_set="mixed", records=records), tmp_path / "m.parquet", PackOptions())
    done = cli("show", tmp_path / "m.parquet")
    assert done.stdout.splitlines()[1].split() == shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pack", "afectnet", "raw", "-o", "a.parquet"], "did you mean 'affectnet'"),
        (["pack", "afew-va", "raw", "-o", "a.parquet"], "no such file or folder; AFEW-VA is lent for research"),
        (["pack", "sewa", "raw", "-o", "a.parquet", "--value-range", "1,0"], "expected smallest,largest"),
        (["pack", "sewa", "raw", "-o", "a.parquet", "--size-px", "1"], "'--size-px': should be greater"),
        (["pack", "sewa", "raw", "-o", "a.parquet", "--landmarks", "emofan-x"], "did you mean 'emofan-s'"),
        (["pack", "sewa", "raw"], "--out"),
        (["pack", "sewa", "nowhere", "-o", "a.csv"], "packs end in .parquet"),
        (["pack", "sewa", "nowhere", "-o", "."], "is a folder"),
        (["pack", "sewa", "nowhere", "-o", "mine.parquet"], "is there already and is no pack"),
        (["pack", "sewa", "mine.parquet", "-o", "a.parquet"], "mine.parquet: is no folder"),
        (["show", "nowhere.parquet"], "nowhere.parquet: no such file"),
    ],
)
def test_a_users_mistake_gets_one_clear_line_and_exit_code_2(tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.parquet").write_text("of something else")
    done = cli(*arguments)
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_packing_and_reading_need_neither_torch_nor_the_command_line():
    forbidden = ["torch", "av", "ray", "pydantic", "openvino", "onnxruntime", "rich", "typer", "pandas"]
    code = (
        f"import sys; [sys.modules.__setitem__(name, None) for name in {forbidden}]; "
        "import training.data.readers, training.data.pack, training.data.packed"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The command as people type it: what it prints, which code it exits with, and never a traceback for their mistake."""

import inspect
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import pandas as pd
import pytest

from affectstream import analyze, read_results
from affectstream.settings import KEYS
from pipeline.errors import ResultsError, SourceError
from tests.commands import affectstream
from tests.media import squares, write_video
from tests.pipeline.report import made_up


def cli(*arguments, **kwargs):
    command = [sys.executable, "-m", "affectstream.cli", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "160"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=240, **kwargs)


def test_an_analysis_ends_with_a_summary_and_says_where_its_results_are(drawn_video, tmp_path):
    done = cli("analyze", drawn_video, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "people.mp4" in done.stdout
    assert re.search(r"1 of 1 analysed, 0:04 of video, \d+ faces in 40 frames", done.stdout)
    assert f"results: {tmp_path / 'out'}" in done.stdout
    assert len(read_results(tmp_path / "out", "tracks")) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["analyze", "nowhere.mp4", "-o", "out"], 3, "nowhere.mp4: no such file"),
        (["analyze", "empty", "-o", "out"], 2, "no video or picture found"),
        (["analyze", "text.mp4", "-o", "text.mp4/out"], 2, "cannot write results there"),
        (["analyze", "text.mp4", "-o", "out"], 3, "text.mp4: is not a video"),
        (["analyze", "text.mp4", "-o", "out", "--fps", "0"], 2, "--fps=0: should be"),
        (["analyze", "text.mp4", "-o", "out", "--config", "wrong.yaml"], 2, "did you mean 'sampling'"),
        (["analyze", "text.mp4", "-o", "out", "--network", "emofan"], 2, "did you mean 'emofan-s'"),
        (["analyze", "text.mp4", "-o", "out", "--detector", "text.mp4"], 2, "no network 'text.mp4'"),
        (["analyze", "text.mp4", "-o", "out", "--context", "workplace"], 4, "AI Act"),
        (["analyze", "text.mp4"], 2, "--out"),
        (["analyze", "-o", "out"], 2, "nothing to analyse is given"),
        (["analyze", "text.mp4", "-o", ""], 2, "no results folder is given"),
        (["analyze", "text.mp4", "-o", "out", "--workers", "2"], 2, "--workers needs --ray"),
        (["analyze", "--list", "wrong.yaml", "-o", "out"], 2, "a list is .csv or .parquet"),
        (["analyze", "text.mp4", "-o", "https://me:word@h/x"], 2, "https://h/x: results lie in a folder"),
        (["analyze", "--list", "https://me:word@h/x.csv", "-o", "out"], 2, "h/x.csv: must be a file on this machine"),
        (["analyze", "text.mp4", "--config", "https://me:word@h/x", "-o", "out"], 2, "/h/x: must be a file on this"),
        (["analyze", "https:/me:word@h/x", "-o", "out"], 2, "https:/h/x: an address has two slashes"),
        (["analyze", "rtsp://me:word@h/x", "-o", "out"], 2, "rtsp://…@h/x: is of no known kind"),
        (["analyze", "http://[bad/x.mp4", "https://me:hid/den@h/y.mp4", "-o", "out"], 3, "http://…: is not an address"),
        (["analyze", "talk [abc].mp4", "-o", "out"], 3, "talk [abc].mp4: no such file"),
        (["analyze", "x" * 300 + ".mp4", "-o", "out"], 3, "File name too long"),
        (["report", "empty"], 2, "no results there"),
        (["compact", "empty"], 2, "no results there"),
        (["compact", "nowhere"], 2, "nowhere: no results there"),
        (["compact", "https://me:word@h/x"], 2, "https://h/x: results lie in a folder"),
        (["overlay", "text.mp4", "-r", "empty", "-o", "o.mp4"], 2, "no results there"),
        (["overlay", "https://h/v.mp4", "-r", "empty", "-o", "o.mp4"], 2, "fetch the video first"),
        (["draw", "o.mp4", "--size", "big"], 2, "expected width x height"),
        (["draw", "o.mp4", "--style", "baroque"], 2, "baroque"),
        (["evaluate", "emofan-s", "--data", "empty"], 2, "no such file"),
        (["train", "wrong.yaml", "--data", "empty", "-o", "r"], 2, "task None is not one of"),
        (["engine", "build", "nothing"], 2, "no network 'nothing'"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_users_mistake_gets_one_clear_line_and_its_code(tmp_path, arguments, code, told):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video\n" * 50)
    (tmp_path / "wrong.yaml").write_text("version: 1\nsamplin: {fps: 3}\n")
    done = affectstream(*arguments, cwd=tmp_path)
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert told in re.sub(r"\s*\n[│ ]*", " ", output)
    assert "Traceback" not in output
    written = [path.read_bytes() for path in tmp_path.glob("out/**/*") if path.is_file()]
    assert not any(
        secret in content for secret in (b"me:", b"word@", b"hid/", b"den@") for content in [output.encode(), *written]
    )


def test_merging_says_what_became_of_the_files(tmp_path):
    made_up.write_record(tmp_path)
    for i in range(3):
        someone = made_up.Someone(t_s=[0.0, 0.1], valence=[0.1, 0.2])
        made_up.write_video(tmp_path, made_up.Video(stream_id=f"{i}.mp4~{i:08}", people=[someone]))
    first, second = cli("compact", tmp_path), cli("compact", tmp_path)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert re.fullmatch(r"merged 9 files into 3 \(3 videos, [0-9.]+ kB\)\n", first.stdout)
    assert second.stdout == "nothing to merge\n"
    made_up.write_video(tmp_path, made_up.Video(stream_id="3.mp4~3"), format="csv")
    third = cli("compact", tmp_path)
    assert third.returncode == 2
    assert "has tables as .csv; only Parquet is merged, and nothing was changed" in third.stderr


def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(tmp_path):
    first = write_video(tmp_path / "clips" / "00.mp4", squares(900))
    for i in range(1, 6):  # so many that the run cannot be over before it is interrupted
        shutil.copyfile(first, first.with_name(f"{i:02}.mp4"))
    command = [
        sys.executable,
        "-m",
        "affectstream.cli",
        "analyze",
        str(tmp_path / "clips"),
        "-o",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(
        [*command, "--fps", "native"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # what runs in a background ignores it
    )
    commits = tmp_path / "out" / "_commits"
    for _ in range(1200):
        time.sleep(0.05)
        if commits.exists() and list(commits.glob("[!_]*.json")):
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to everybody
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert "Traceback" not in errors
    done_before = len(list(commits.glob("[!_]*.json")))
    assert done_before >= 1
    again = cli("analyze", tmp_path / "clips", "-o", tmp_path / "out", "--fps", "native")
    assert again.returncode == 0
    assert f"{done_before} of 6 already done" in again.stderr
    assert len(read_results(tmp_path / "out", "frames")) == 6 * 900


def test_results_go_to_a_bucket_and_a_list_says_what_is_analysed(bucket, drawn_video, tmp_path):
    (tmp_path / "list.csv").write_text(f"source,person\n{drawn_video},p1\n")
    done = cli("analyze", "--list", tmp_path / "list.csv", "-o", f"{bucket.url}/r")
    assert done.returncode == 0, done.stderr
    assert f"results: {bucket.url}/r" in done.stdout
    assert read_results(f"{bucket.url}/r", "tracks")["person"].tolist() == ["p1", "p1"]
    assert "1 of 1 already done" in cli("analyze", drawn_video, "-o", f"{bucket.url}/r").stderr


@pytest.mark.parametrize(
    ("out", "code", "told"),
    [
        ("s3://no-such-bucket-at-all/r", 2, "s3://no-such-bucket-at-all/r: there is no such bucket"),
        ("s3://KEY:word@b/r", 2, "s3://b/r: has credentials in it"),
        ("gs://", 2, "gs://: names no bucket"),
    ],
)
def test_a_wrong_bucket_is_one_clear_line(bucket, drawn_video, out, code, told):
    done = cli("analyze", drawn_video, "-o", out)
    assert done.returncode == code
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "word" not in done.stderr


def test_the_command_starts_without_what_only_some_of_it_needs():
    heavy = ["torch", "ray", "pandas", "openvino", "onnxruntime", "onnx", "scipy"]
    code = f"import sys, affectstream.app; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_doctor_finds_this_machine_well():
    done = cli("doctor")
    assert done.returncode == 0, done.stdout
    for part in ("openvino", "onnxruntime", "emofan-s", "face-s"):
        assert part in done.stdout


def test_engines_are_listed_built_and_verified():
    assert "emofan-s-onnxruntime-f32" in cli("engine", "build", "emofan-s", "--runtime", "onnxruntime").stdout
    assert "landmarks" in cli("engine", "verify", "emofan-s", "--runtime", "onnxruntime").stdout
    listed = cli("engine", "list").stdout
    assert "face-s" in listed
    assert "emofan-s-onnxruntime-f32" in listed


def test_drawing_writes_a_video_and_its_truth(tmp_path):
    done = cli("draw", tmp_path / "d.mp4", "--seconds", "1", "--size", "320x180", "--fps", "10", "--seed", "5")
    assert done.returncode == 0, done.stderr
    truth = pd.read_parquet(tmp_path / "d.truth.parquet")
    assert set(truth["frame_index"]) == set(range(10))


@pytest.mark.parametrize("command", ["draw", "overlay"])
def test_a_file_is_replaced_only_if_asked_for(tmp_path, drawn_video, command):
    out = tmp_path / "precious.mp4"
    if command == "draw":
        arguments = ["draw", out, "--seconds", "0.2", "--size", "128x96", "--fps", "5"]
    else:
        assert cli("analyze", drawn_video, "--out", tmp_path / "r", "--end", "1").returncode == 0
        arguments = ["overlay", drawn_video, "--results", tmp_path / "r", "--out", out]
    out.write_bytes(b"footage")
    done = cli(*arguments)
    assert (done.returncode, out.read_bytes()) == (2, b"footage")
    assert "precious.mp4: already exists; choose another name, or replace it with --overwrite" in done.stderr
    assert cli(*arguments, "--overwrite").returncode == 0
    assert out.stat().st_size > 100


def test_a_refused_resume_names_the_flags_that_differ_and_fresh_removes_the_report(tmp_path, drawn_video):
    out = tmp_path / "r"
    assert cli("analyze", drawn_video, "--out", out, "--fps", "5", "--end", "1").returncode == 0
    assert cli("report", out).returncode == 0
    done = cli("analyze", drawn_video, "--out", out, "--fps", "4", "--end", "1", "--landmarks")
    assert done.returncode == 2
    assert "(--fps was 5, now 4, --landmarks was off, now on)" in done.stderr.replace("\n", " ")
    assert cli("analyze", drawn_video, "--out", out, "--fps", "4", "--end", "1", "--fresh").returncode == 0
    assert not (out / "report").exists()


def test_an_unknown_table_is_named(tmp_path, drawn_video):
    analyze(drawn_video, out=tmp_path / "r", end=0.5)
    with pytest.raises(ResultsError, match="no table 'foo'; there are"):
        read_results(tmp_path / "r", "foo")


def test_the_python_call_gives_the_points(drawn_video):
    points = analyze(drawn_video, fps=5, landmarks=True, threads=1)
    assert isinstance(points, pd.DataFrame)
    assert points["track_id"].nunique() == 2
    assert points["pts_ns"].nunique() == 20
    assert len(points["landmarks"].iloc[0]) == 136


def test_the_python_call_raises_what_went_wrong(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        analyze(tmp_path / "nowhere.mp4")
    with pytest.raises(TypeError, match="frames_per_second"):
        analyze(tmp_path / "nowhere.mp4", frames_per_second=3)


def test_the_python_call_spells_out_every_setting():
    keywords = list(inspect.signature(analyze).parameters)
    assert set(keywords) == {"sources", "list", "out", "config", *KEYS}
    for keyword in keywords:
        assert f"        {keyword}: " in analyze.__doc__


def test_the_python_call_gives_the_points_of_what_was_asked_for(drawn_video, tmp_path):
    write_video(tmp_path / "squares.mp4", squares(20))
    everything = analyze([drawn_video, tmp_path / "squares.mp4"], out=tmp_path / "out", threads=1)
    assert len(everything)
    assert len(analyze(tmp_path / "squares.mp4", out=tmp_path / "out", threads=1)) < len(everything)
    with pytest.raises(SourceError, match="no such file"):
        analyze(tmp_path / "nowhere.mp4", out=tmp_path / "out", threads=1)

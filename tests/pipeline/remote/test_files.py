"""Sources in buckets and on web servers: what is found, that it reads as a file here does, and what goes wrong."""

import json

import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, SourceError
from pipeline.remote import network, web
from pipeline.remote.files import BLOCK, RemoteFile
from pipeline.results.read import read_results
from pipeline.runs.run import run
from pipeline.sources.find import find_sources
from pipeline.tables import TABLES
from pipeline.video.decode import VideoReader
from tests.bad_network import Fault, bad_network
from tests.media import squares, write_video
from tests.web_server import serving


def is_get(request):
    return request.startswith("GET") and ".mp4" in request


def times(path):
    with VideoReader(path) as reader:
        return [(frame.pts_ns, frame.picture().y.sum()) for frame in reader.frames()]


@pytest.fixture
def no_pauses(monkeypatch):
    """As many tries as users get, without the pauses."""
    monkeypatch.setattr(web, "PAUSES_S", (0.01,) * len(web.PAUSES_S))


@pytest.fixture(scope="module")
def large_video(tmp_path_factory):
    """A file of more than two blocks."""
    path = write_video(tmp_path_factory.mktemp("large") / "large.avi", squares(60, 480, 320), codec="rawvideo")
    assert path.stat().st_size > 2 * BLOCK
    return path


@pytest.fixture
def site(square_video, large_video, monkeypatch):
    """A web server behind a network that can be made bad."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    files = {"/a/v.mp4": square_video.read_bytes(), "/large.avi": large_video.read_bytes(), "/empty.mp4": b""}
    with serving(files) as server, bad_network(server.server_port) as net:
        server.network, server.url = net, f"http://127.0.0.1:{net.port}"
        yield server


def test_a_video_on_a_web_server_reads_as_the_file_does(site, square_video, large_video):
    assert times(f"{site.url}/a/v.mp4") == times(square_video)
    assert times(f"{site.url}/large.avi") == times(large_video)


def test_a_server_without_ranges_serves_as_well(site, large_video):
    site.ranges = False
    site.network.faults = [Fault("cut", 1)]
    assert times(f"{site.url}/large.avi") == times(large_video)


def test_blocks_are_fetched_as_they_are_wanted(site, large_video):
    content = large_video.read_bytes()
    file = RemoteFile(f"{site.url}/large.avi")
    site.network.seen.clear()
    file.seek(-10, 2)
    assert file.read(100) == content[-10:]
    assert file.read(100) == b""
    assert file.seek(BLOCK - 2) == BLOCK - 2
    assert file.read(10) + file.read(10) == content[BLOCK - 2 : BLOCK + 10]
    assert file.seek(3, 0) == file.tell() == 3
    assert file.read(5) == content[3:8]
    assert len(site.network.seen) == 3


@pytest.mark.parametrize("kind", ["cut", "503"])
def test_a_connection_that_breaks_costs_a_retry_and_not_a_row(site, large_video, no_pauses, kind):
    whole = times(large_video)
    site.network.faults = [Fault(kind, 3)]
    assert times(f"{site.url}/large.avi") == whole
    assert site.network.met == 3


def test_a_web_server_that_stays_away_is_given_up(site, no_pauses):
    site.network.faults = [Fault("503", 99)]
    with pytest.raises(SourceError, match=r"v\.mp4: cannot be read: the server answered 503 .*; tried 7 times"):
        VideoReader(f"{site.url}/a/v.mp4")


def test_a_connection_that_breaks_for_good_in_the_middle_fails_the_video(site, no_pauses):
    with VideoReader(f"{site.url}/large.avi") as reader:
        frames = reader.frames()
        next(frames)
        site.network.faults = [Fault("cut", 99)]
        with pytest.raises(SourceError, match=r"broke off after .* bytes; tried 7 times"):
            list(frames)


def test_a_file_that_is_replaced_while_it_is_read_fails(site, no_pauses):
    file = RemoteFile(f"{site.url}/large.avi")
    site.files["/large.avi"] = site.files["/large.avi"][::-1]
    with pytest.raises(SourceError, match="was replaced by another file"):
        file.read(10)


@pytest.mark.parametrize(
    ("path", "told"), [("/nowhere.mp4", r"no such file \(404\)"), ("/empty.mp4", r"is empty \(0 bytes\)")]
)
@pytest.mark.parametrize("ranges", [True, False])
def test_what_is_not_there_is_told(site, path, told, ranges):
    site.ranges = ranges
    with pytest.raises(SourceError, match=told):
        VideoReader(site.url + path)


@pytest.mark.parametrize(
    "address",
    [
        "https://",
        "http://h:port/x.mp4",
        "http://h/ü.mp4",
        "http://me:w/xyz@h/x",
        "http://me:w[xyz]@h/x",
        "http://me:ｗ／xyz@h",
    ],
)
def test_what_is_no_address_is_told_without_its_password(address):
    with pytest.raises(SourceError, match="is not an address") as refused:
        VideoReader(address)
    assert not any(part in str(refused.value) for part in ("w/", "w[", "ｗ", "xyz"))


def test_a_password_and_a_signature_are_used_and_never_written(site, tmp_path):
    address = site.url.replace("http://", "http://somebody:pass%20word@") + "/a/v.mp4?X-Amz-Signature=abcdef&id=7"
    missing = address.replace("v.mp4", "missing.mp4")
    config = load_config(None, {"networks.threads": 1})
    result = run(find_sources([address, missing]), tmp_path, config, in_process=True)
    assert site.logins[-1] == "Basic c29tZWJvZHk6cGFzcyB3b3Jk"
    (failed,) = result.failed
    assert failed.error == f"{site.url}/a/missing.mp4?…: no such file (404)"
    assert {r.stream_id.rpartition("~")[0] for r in result.reports} == {"v.mp4", "missing.mp4"}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (b"somebody", b"word", b"abcdef"):
        assert secret not in written
    again = address.replace("abcdef", "fedcba")
    assert run(find_sources([again]), tmp_path, config, in_process=True).resumed == 1


def test_a_video_on_a_web_server_that_changed_is_analysed_again(site, square_video, tmp_path):
    def analyse():
        sources = find_sources([f"{site.url}/a/v.mp4"])
        return run(sources, tmp_path, load_config(None, {"networks.threads": 1}), in_process=True)

    assert analyse().resumed == 0
    assert analyse().resumed == 1
    site.files["/a/v.mp4"] += b"\0"
    assert analyse().resumed == 0


@pytest.fixture
def archive(bucket, square_video):
    """A bucket with videos, and other things."""
    content = square_video.read_bytes()
    for key in ("clips/a.mp4", "clips/deep/b [x].MOV", "clips/notes.txt", "clips/.hidden.mp4", "other/c.mp4"):
        bucket.put(key, content)
    return bucket


def found(*items, out=None):
    return [source.stream_id.rpartition("~")[0] for source in find_sources(items, out=out)]


@pytest.mark.parametrize(
    ("item", "names"),
    [
        ("/clips", ["a.mp4", "deep/b [x].MOV"]),
        ("/clips/", ["a.mp4", "deep/b [x].MOV"]),
        ("", ["clips/a.mp4", "clips/deep/b [x].MOV", "other/c.mp4"]),
        ("/*/*.mp4", ["clips/a.mp4", "other/c.mp4"]),
        ("/**/*.MOV", ["clips/deep/b [x].MOV"]),
        ("/cl[a-i]ps/?.mp4", ["clips/a.mp4"]),
        ("/cl*", ["clips/a.mp4", "clips/deep/b [x].MOV"]),
        ("/clips/deep/b [x].MOV", ["b [x].MOV"]),
        ("/clips/notes.txt", ["notes.txt"]),
        ("/clips/missing.mp4", ["missing.mp4"]),
        ("/clips/missing [abc].mp4", ["missing [abc].mp4"]),
        ("/clips/missing [9-0].mp4", ["missing [9-0].mp4"]),
        ("/nowhere/missing [abc].mp4", ["missing [abc].mp4"]),
    ],
)
def test_files_folders_and_patterns_are_found_in_a_bucket(archive, item, names):
    assert found(archive.url + item) == names


def test_a_folder_costs_one_listing_and_its_states_nothing(archive):
    archive.network.seen.clear()
    sources = find_sources([f"{archive.url}/clips/"])
    states = [source.state() for source in sources]
    assert all(state["bytes"] and state["mtime_ns"] for state in states)
    assert len(archive.network.seen) == 1


def test_results_in_the_bucket_are_no_sources(archive):
    archive.put("clips/out/points/x.mp4", b"")
    archive.put("clips/report/y.png", b"")
    assert found(f"{archive.url}/clips", out=f"{archive.url}/clips/out") == ["a.mp4", "deep/b [x].MOV", "report/y.png"]
    assert found(f"{archive.url}/clips", out=f"{archive.url}/clips") == ["a.mp4", "deep/b [x].MOV", "out/points/x.mp4"]


def test_an_empty_folder_and_a_missing_bucket_are_told(archive):
    with pytest.raises(ConfigError, match="no video or picture found"):
        found(f"{archive.url}/nothing/")
    with pytest.raises(ConfigError, match="no video or picture found"):
        found(f"{archive.url}/clips/missing [abc].txt")
    with pytest.raises(ConfigError, match=r"clips/\*\[9-0\]\.mp4: is no pattern: bad character range 9-0"):
        found(f"{archive.url}/clips/*[9-0].mp4")
    with pytest.raises(ConfigError, match=r"a//b\.mp4: is no key that can be asked for"):
        found(f"{archive.url}/a//b.mp4")
    with pytest.raises(ConfigError, match="cannot be listed: there is no such bucket"):
        found("s3://no-such-bucket-at-all/")


def test_rows_from_a_bucket_to_a_bucket_are_those_of_a_disk(archive, square_video, analyze_all, tmp_path):
    out = f"{archive.url}/affect"
    archive.network.faults = [Fault("cut", 1, is_get)]
    assert not analyze_all([f"{archive.url}/clips"], out, sampling__fps="native").failed
    assert archive.network.met == 1
    analyze_all([square_video], tmp_path, sampling__fps="native")
    rows, here = read_results(out, "frames"), read_results(tmp_path, "frames")
    assert len(rows) == 2 * len(here)
    for stream_id, stream in rows.groupby("stream_id", observed=True):
        same = [c for c in TABLES["frames"].names if c not in ("run_id", "stream_id")]
        pd.testing.assert_frame_equal(stream[same].reset_index(drop=True), here[same], check_categorical=False)
        assert stream_id.rpartition("~")[0] in ("a.mp4", "deep/b [x].MOV")
    assert analyze_all([f"{archive.url}/clips"], out, sampling__fps="native").resumed == 2
    archive.put("clips/a.mp4", square_video.read_bytes() + b"\0")
    assert analyze_all([f"{archive.url}/clips"], out, sampling__fps="native").resumed == 1


def test_an_object_that_stays_away_is_a_failure_that_says_so(archive, monkeypatch, tmp_path):
    monkeypatch.setattr(network, "TRIES", 2)
    (source,) = find_sources([f"{archive.url}/clips/a.mp4"])
    archive.network.faults = [Fault("503", 99)]
    with pytest.raises(SourceError, match=r"clips/a\.mp4: it answers that it is overloaded"):
        VideoReader(source.path)
    archive.network.faults = [Fault("403", 99)]
    (failed,) = run([source], tmp_path, load_config(None, {"networks.threads": 1}), in_process=True).failed
    assert "access denied" in failed.error
    assert json.loads((tmp_path / "run.json").read_text())["failed"][0]["error"] == failed.error


def test_pictures_are_read_from_afar(site, tmp_path):
    import cv2

    for suffix in (".png", ".jpg"):
        cv2.imwrite(str(tmp_path / f"p{suffix}"), squares(1)[0])
        site.files[f"/p{suffix}"] = (tmp_path / f"p{suffix}").read_bytes()
        with VideoReader(f"{site.url}/p{suffix}") as reader:
            assert reader.info.is_picture
            assert len(list(reader.frames())) == 1


def test_an_address_that_cannot_be_asked_is_refused_and_its_signature_not_told():
    with pytest.raises(SourceError, match="is not a valid address") as refused:
        times("http://127.0.0.1:9/a b.mp4?sig=secret-signature")
    assert "secret" not in str(refused.value)

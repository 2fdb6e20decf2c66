"""What is found behind files, folders and patterns, and what it is called."""

import hashlib
import os
from pathlib import Path
from unittest import mock

import pytest

from pipeline.errors import ConfigError, SourceError
from pipeline.sinks.files import stream_folder
from pipeline.sources.find import find_sources
from pipeline.video.decode import VideoReader
from tests.media import squares, write_video


@pytest.fixture
def tree(tmp_path):
    for name in ("a.mp4", "b.MOV", "notes.txt", "sub/c.jpg", "sub/deep/d.mkv", ".hidden.mp4", "out/annotated.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(sources):
    return [source.stream_id.rsplit("~", 1)[0] for source in sources]


def test_a_folder_is_searched_through_for_videos_and_pictures(tree):
    assert names(find_sources([tree], out=tree / "out")) == ["a.mp4", "b.MOV", "sub/c.jpg", "sub/deep/d.mkv"]


def test_patterns_are_matched_below_their_fixed_part(tree):
    assert names(find_sources([f"{tree}/*/*.jpg"])) == ["sub/c.jpg"]
    assert names(find_sources([f"{tree}/**/*.mkv"])) == ["sub/deep/d.mkv"]


def test_a_file_is_taken_whatever_its_name_and_also_if_it_is_missing(tree):
    assert names(find_sources([tree / "notes.txt", tree / "nowhere.mp4"])) == ["notes.txt", "nowhere.mp4"]


def test_each_source_counts_once(tree):
    assert len(find_sources([tree / "a.mp4", tree / "a.mp4", tree / "sub" / ".." / "a.mp4"])) == 1


def test_the_same_name_in_two_places_gives_two_streams(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.mp4").touch()
    ids = [s.stream_id for s in find_sources([tmp_path / "x" / "a.mp4", tmp_path / "y" / "a.mp4"])]
    assert len(set(ids)) == 2
    assert all(len(i.rsplit("~", 1)[1]) == 8 for i in ids)


def test_two_files_of_one_name_and_one_hash_get_longer_names(tmp_path):
    met = {}
    for i in range(1_000_000):
        path = tmp_path / str(i) / "a.mp4"
        twin = met.setdefault(hashlib.sha256(path.as_uri().encode()).hexdigest()[:8], path)
        if twin != path:
            break
    first, second, third = find_sources([twin, path, tmp_path / "third" / "a.mp4"])
    hexes = [source.stream_id.removeprefix("a.mp4~") for source in (first, second, third)]
    assert [len(each) for each in hexes] == [16, 16, 8]
    assert hexes[0][:8] == hexes[1][:8]
    assert hexes[0] != hexes[1]


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "a\0b.mp4", "talk [abc].mp4", "a\0*.mp4", "x" * 300 + "/a.mp4"])
def test_a_file_that_cannot_be_looked_at_is_found_out_in_its_turn(tree, name):
    missing, there = find_sources([tree / name, tree / "a.mp4"])
    assert missing.stream_id.startswith(f"{name.rpartition('/')[2]}~")
    assert missing.state() == {"uri": missing.uri}
    assert names([there]) == ["a.mp4"]
    with pytest.raises(SourceError, match=r"no such file|name too long"):
        VideoReader(missing.path)


def test_of_a_name_that_ends_in_a_nul_no_other_file_is_read(tmp_path):
    write_video(tmp_path / "a.mp4", squares(2))
    with pytest.raises(SourceError, match="no such file"):
        VideoReader(f"{tmp_path}/a.mp4\0.mp4")


def test_a_file_in_a_folder_that_may_not_be_looked_into_is_found_out_in_its_turn(tree, monkeypatch):
    monkeypatch.setattr(Path, "stat", mock.Mock(side_effect=PermissionError(13, "Permission denied")))
    (missing,) = find_sources([tree / "a.mp4"])
    assert missing.state() == {"uri": missing.uri}


def test_what_is_no_address_fails_in_its_turn_and_the_rest_goes_on():
    addresses = [
        "http://[bad/x.mp4",
        "http://u:pa[ss]@h/x",
        "https://h/o/%2Fvideos%2Fclip.mp4",
        "https://u:p/w@h/v.mp4",
    ]
    found = find_sources(addresses)
    assert names(found) == ["x.mp4", "x", "clip.mp4", "v.mp4"]
    for source in (found[0], found[1], found[3]):
        with pytest.raises(SourceError, match="is not an address"):
            VideoReader(source.path)


@pytest.mark.parametrize(
    "item", ["/lists/x https://me:word@h/v.mp4", Path("rtsp://me:word@h/v.mp4"), "ftp://me:word@h/"]
)
def test_what_holds_a_password_and_is_no_file_is_refused_without_it(item):
    with pytest.raises(ConfigError, match=r"not a local file|of no known kind") as refused:
        find_sources([item])
    assert "word" not in str(refused.value)


def test_spaces_around_an_address_are_no_part_of_it():
    assert [source.path for source in find_sources([" https://me:word@h/v.mp4\n"])] == ["https://me:word@h/v.mp4"]


def test_nothing_found_says_what_was_looked_for(tmp_path):
    with pytest.raises(ConfigError, match=r"no video or picture found .*\.mp4"):
        find_sources([tmp_path])


@pytest.mark.parametrize(
    "stream_id", ["a/b c.mp4~12345678", "x=1/y.mp4~12345678", "_a.mp4~12345678", ".a.mp4~12345678", "ü%?.mp4~12345678"]
)
def test_a_streams_folder_is_one_plain_name_that_readers_see(stream_id):
    name = stream_folder(stream_id)
    assert "/" not in name
    assert "=" not in name
    assert name[0] not in "._"


def test_long_names_stay_apart_and_within_what_file_systems_take():
    a, b = (stream_folder(f"{'long/' * 100}{letter}.mp4~12345678") for letter in "ab")
    assert a != b
    assert len(a) < 200


def test_links_that_lead_to_themselves_and_names_that_are_no_text_are_borne(tmp_path):
    (tmp_path / "self.mp4").symlink_to(tmp_path / "self.mp4")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / os.fsdecode(b"caf\xe9.mp4")).touch()
    found = find_sources([tmp_path])
    assert names(found) == ["caf\ufffd.mp4", "self.mp4"]
    assert all(stream_folder(source.stream_id) for source in found)


def test_an_empty_name_and_a_pattern_without_a_match_are_refused(tree):
    with pytest.raises(ConfigError, match="is empty"):
        find_sources([tree / "a.mp4", ""])
    for pattern in ("nothing*", "nothing [x]", "nothing [x].txt", "nothing?[x].mp4"):
        with pytest.raises(ConfigError, match="nothing"):
            find_sources([tree / "a.mp4", f"{tree}/{pattern}"])


def test_a_video_beside_its_results_is_taken_and_the_results_are_not(tree):
    for name in ("points/x.mp4", "report/y.png"):
        (tree / name).parent.mkdir()
        (tree / name).touch()
    found = names(find_sources([tree / "a.mp4", tree], out=tree))
    assert "a.mp4" in found
    assert not {"points/x.mp4", "report/y.png"} & set(found)

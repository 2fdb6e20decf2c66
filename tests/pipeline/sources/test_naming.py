"""What users type for a source that may be gone, and which streams that names."""

import shutil

import pytest

from pipeline.errors import ConfigError
from pipeline.sources.find import find_sources
from pipeline.sources.naming import Naming


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Streams as `analyze` named them, whose files and folders are gone."""
    clips = tmp_path / "clips"
    for name in ("talk.mp4", "sub/talk.mp4", "sub/deep/walk.mp4", "talk [1].mp4", "ü b.mp4", "=cmd.mp4"):
        (clips / name).parent.mkdir(parents=True, exist_ok=True)
        (clips / name).touch()
    (tmp_path / "link").symlink_to(clips)
    given = [clips, "https://host/films/talk.mp4?v=2", "https://host/films/talk.mp4?v=3"]
    streams = {source.stream_id: source.uri for source in find_sources(given)}
    streams |= {
        "one.mp4~11111111": "s3://bucket/archive/one.mp4",
        "two.mp4~22222222": "s3://bucket/archive/new/two.mp4",
        "two.mp4~33333333": "s3://bucket/archive/new/two.mp4?0123456789abcdef",  # of another endpoint
        "left over.mp4~44444444": None,
    }
    shutil.rmtree(clips)
    monkeypatch.chdir(tmp_path)
    return streams


def names(item, known):
    """What an item names, without hashes."""
    return [stream_id.rpartition("~")[0] for stream_id in Naming(known).named(item)]


def test_a_stream_id_names_that_stream(known):
    for stream_id in known:
        assert Naming(known).named(stream_id) == [stream_id]


@pytest.mark.parametrize("name", ["talk.mp4", "sub/talk.mp4", "talk [1].mp4", "ü b.mp4", "=cmd.mp4"])
def test_a_path_names_its_stream_however_it_is_written(known, tmp_path, name):
    for item in (f"clips/{name}", f"./clips/../clips/{name}", tmp_path / "clips" / name, str(tmp_path / "link" / name)):
        assert names(item, known) == [name]
    assert names((tmp_path / "clips" / name).as_uri(), known) == [name]


def test_a_folder_names_all_that_was_in_it(known):
    assert names("clips/sub", known) == ["sub/deep/walk.mp4", "sub/talk.mp4"]
    assert len(Naming(known).named("clips/")) == 6
    assert Naming(known).named("clip") == []


def test_a_pattern_does_not_cross_folders_unless_it_says_so(known):
    assert names("clips/t*.mp4", known) == ["talk [1].mp4", "talk.mp4"]
    assert names("clips/*/talk.mp4", known) == ["sub/talk.mp4"]
    assert names("clips/**/*alk.mp4", known) == ["sub/deep/walk.mp4", "sub/talk.mp4", "talk.mp4"]
    assert names("link/s*", known) == ["sub/deep/walk.mp4", "sub/talk.mp4"]
    assert Naming(known).named("clips/[b-a]*") == []


def test_a_name_without_its_hash_counts_where_no_path_fits(known):
    assert names("sub/talk.mp4", known) == ["sub/talk.mp4"]
    assert names("walk.mp4", known) == ["sub/deep/walk.mp4"]
    assert names("left over.mp4", known) == ["left over.mp4"]
    assert names("left*", known) == ["left over.mp4"]
    assert Naming(known).named("alk.mp4") == []


def test_a_name_that_several_streams_have_is_refused(known):
    with pytest.raises(ConfigError, match=r"two.mp4: 2 streams have this name: two.mp4~22222222, two.mp4~33333333"):
        Naming(known).named("two.mp4")


def test_an_address_names_one_file_or_a_folder_or_a_pattern(known):
    assert names("s3://bucket/archive/one.mp4", known) == ["one.mp4"]
    assert Naming(known).named("s3://bucket/archive/") == ["one.mp4~11111111", "two.mp4~22222222"]
    assert Naming(known).named("s3://bucket/archive/*/two.mp4") == ["two.mp4~22222222"]
    assert names("https://host/films/talk.mp4?v=2", known) == ["talk.mp4"]
    assert Naming(known).named("https://host/films/talk.mp4?v=2") != Naming(known).named(
        "https://host/films/talk.mp4?v=3"
    )
    assert Naming(known).named("s3://bucket/arch") == []
    assert Naming(known).named("s3://host/films") == []


@pytest.mark.parametrize("item", ["", " ", "nothing.mp4", "a\0b", "~", "clips/talk.mp4/more"])
def test_what_names_nothing_names_nothing(known, item):
    assert Naming(known).named(item) == []


def test_who_named_nothing_is_told_what_there_is(known):
    assert Naming({"walk.mp4~1": None, "sit.mp4~2": None}).suggestion("clips/wlak.mp4") == "did you mean 'walk.mp4'?"
    assert Naming({}).suggestion("x") == "there are none"
    assert Naming(known).suggestion("x").endswith("…")


def test_a_pattern_finds_names_with_line_ends():
    naming = Naming({"one.mp4~00000001": None, "e\nf.mp4~00000002": None})
    assert naming.named("*.mp4") == ["e\nf.mp4~00000002", "one.mp4~00000001"]

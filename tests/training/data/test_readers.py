"""What each reader makes of its data set, in small copies of the real layouts."""

import json

import numpy as np
import pytest

from engines import EXPRESSIONS
from tests.training.data import made_up
from training.data.faceset import CIRCUMPLEX
from training.data.readers import read_data_set
from training.errors import TrainingError


def by_name(reading):
    return {record.name: record for record in reading.records}


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_affectnet_codes_become_our_classes(tmp_path, header, nested):
    reading = read_data_set("affectnet", made_up.affectnet(tmp_path, header=header, nested=nested))
    records = by_name(reading)
    assert len(records) == 13
    order = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
    for code, name in enumerate(order):
        record = records[f"1/t{code}.jpg"]
        assert EXPRESSIONS[record.expression.argmax()] == name
        assert record.expression.sum() == record.expression.max() == 1
        assert (record.split, record.valence, record.arousal) == ("train", -0.5 + code / 8, code / 8)
        assert record.landmarks == pytest.approx(made_up.landmarks(code), abs=0.006)
        assert record.picture.is_file()
    assert reading.left_out == {"expression none": 1, "expression uncertain": 1, "no face": 1}
    unrated = records["2/v4.jpg"]
    assert (unrated.split, unrated.valence, unrated.arousal) == ("val", None, None)
    marks = made_up.landmarks(24)
    assert unrated.box == (*marks.min(0).astype(int), *marks.max(0).astype(int))


def test_the_newer_affectnet_is_read_whatever_its_arrays_hold(tmp_path):
    reading = read_data_set("affectnet", made_up.affectnet_2021(tmp_path))
    records = by_name(reading)
    assert sorted(records) == [
        f"{part}/{i + s}.jpg" for part, s in (("train_set", 0), ("val_set", 100)) for i in range(3)
    ]
    surprise, contempt, disgust = (records[f"val_set/{i}.jpg"] for i in (100, 101, 102))
    assert [EXPRESSIONS[r.expression.argmax()] for r in (surprise, contempt, disgust)] == [
        "surprise",
        "contempt",
        "disgust",
    ]
    assert (contempt.split, contempt.valence, contempt.arousal) == ("val", 0.25, -0.25)
    assert contempt.landmarks == pytest.approx(made_up.landmarks(101))
    assert disgust.landmarks is None
    assert reading.left_out["expression uncertain"] == 2


@pytest.mark.parametrize("grouped", [True, False])
def test_afew_va_is_rated_in_tenths_and_knows_its_actors(tmp_path, grouped):
    records = by_name(read_data_set("afew-va", made_up.afew_va(tmp_path, grouped=grouped)))
    assert len(records) == 18
    record = records["004/00002"]
    assert (record.valence, record.arousal, record.person, record.split) == (-0.3, 0.4, "actor 1", "")
    assert record.landmarks == pytest.approx(made_up.landmarks(42))
    assert record.picture.is_file()


@pytest.mark.parametrize(("actor", "person"), [(None, ""), (" anna ", "anna"), (0, "0"), ("", "")])
def test_an_afew_va_actor_may_be_unknown(tmp_path, actor, person):
    clip = made_up.afew_va(tmp_path) / "002" / "002.json"
    clip.write_text(json.dumps({**json.loads(clip.read_text()), "actor": actor}))
    assert by_name(read_data_set("afew-va", tmp_path))["002/00000"].person == person


def test_sewa_frames_meet_their_ratings_and_points(tmp_path):
    reading = read_data_set("sewa", made_up.sewa(tmp_path))
    records = by_name(reading)
    assert sorted(records) == [f"SEWA010{i}/00000{frame}" for i in (1, 2, 3) for frame in (1, 2)]
    assert reading.left_out["only one of valence and arousal"] == 3
    whole, inner, bare = (records[f"SEWA010{i}/000002"] for i in (1, 2, 3))
    assert whole.landmarks == pytest.approx(made_up.landmarks(2), abs=0.006)
    assert (whole.valence, whole.arousal, whole.person) == (0.5, 0.5, "SEWA0101")
    assert inner.landmarks is None
    marks = made_up.landmarks(12)
    assert inner.box == pytest.approx([*marks.min(0), *marks.max(0)], abs=3)  # the jaw is guessed from a mean head
    assert bare.landmarks is None
    assert bare.box is None


@pytest.mark.parametrize(
    ("frames", "told"),
    [
        (["1", "1.02", "1.04"], r"valence.csv, line 3: frame is '1.02'; expected a whole number"),
        (["1", "2", "1"], r"valence.csv, line 4: frame 1 is there twice"),
    ],
)
def test_sewa_frames_are_counted_and_each_is_rated_once(tmp_path, frames, told):
    made_up.sewa(tmp_path)
    made_up.write_csv(tmp_path / "SEWA0103" / "valence.csv", ["frame", "value"], [[frame, 0.5] for frame in frames])
    with pytest.raises(TrainingError, match=told):
        read_data_set("sewa", tmp_path)


def test_sewa_marks_of_a_frame_stand_in_one_place(tmp_path):
    made_up.sewa(tmp_path)
    cells = made_up.landmarks(1).ravel().tolist()
    header = ["frame", *(f"{axis}{i}" for i in range(68) for axis in "xy")]
    made_up.write_csv(tmp_path / "SEWA0101" / "landmarks.csv", header, [[1, *cells]])  # beside its 000001.pts
    with pytest.raises(TrainingError, match=r"landmarks.csv, line 2: frame 1 is there twice"):
        read_data_set("sewa", tmp_path)
    made_up.write_csv(tmp_path / "SEWA0103" / "landmarks.csv", header, [[1.5, *cells]])
    (tmp_path / "SEWA0101" / "landmarks.csv").unlink()
    with pytest.raises(TrainingError, match=r"landmarks.csv, line 2: frame is '1.5'"):
        read_data_set("sewa", tmp_path)


def test_sewa_pictures_are_pictures_and_one_a_frame(tmp_path):
    frames = made_up.sewa(tmp_path) / "SEWA0101" / "frames"
    for name in ("000001.txt", "000002.json", "._000001.jpg", "cover.jpg", "1"):
        (frames / name).write_text("no picture")
    records = by_name(read_data_set("sewa", tmp_path))
    assert records["SEWA0101/000001"].picture == frames / "000001.jpg"
    assert records["SEWA0101/000002"].picture == frames / "000002.jpg"
    (frames / "1.PNG").write_text("another picture")
    with pytest.raises(TrainingError, match=r"frames/1.PNG: frame 1 is there twice"):
        read_data_set("sewa", tmp_path)


def test_sewa_ratings_of_another_range_are_only_changed_when_that_is_said(tmp_path):
    made_up.sewa(tmp_path)
    records = by_name(read_data_set("sewa", tmp_path, value_range=(0.0, 1.0)))
    assert records["SEWA0101/000001"].valence == -0.5
    made_up.write_csv(tmp_path / "SEWA0103" / "valence.csv", ["frame", "value"], [[1, 0.5], [2, 700]])
    with pytest.raises(TrainingError, match=r"valence.csv, line 3: value is '700'; expected a number in -1..1"):
        read_data_set("sewa", tmp_path)


def test_sewa_subjects_come_from_their_file_where_there_is_one(tmp_path):
    made_up.sewa(tmp_path)
    rows = [["SEWA0101", "anna"], ["SEWA0102", "ben"]]
    made_up.write_csv(tmp_path / "subjects.csv", ["recording", "subject"], rows)
    with pytest.raises(TrainingError, match="no subject for 1 recordings: SEWA0103"):
        read_data_set("sewa", tmp_path)
    made_up.write_csv(tmp_path / "subjects.csv", ["recording", "subject"], [*rows, ["SEWA0103", "anna"]])
    people = {record.name[:8]: record.person for record in read_data_set("sewa", tmp_path).records}
    assert people == {"SEWA0101": "anna", "SEWA0102": "ben", "SEWA0103": "anna"}


def test_ferplus_originals_are_labelled_as_the_ferplus_file_is(tmp_path):
    reading = read_data_set("ferplus", made_up.ferplus(tmp_path))
    records = by_name(reading)
    assert reading.left_out["without a name in FER+"] == 1
    assert {name: record.split for name, record in records.items()} == {
        "fer0000000.png": "train",
        "fer0000001.png": "train",
        "fer0000003.png": "val",
        "fer0000004.png": "val",
        "fer0000005.png": "test",
        "fer0000006.png": "test",
    }
    first = records["fer0000000.png"]
    assert first.expression.tolist() == [0, 1, 0, 0, 0, 0, 0, 0]  # the single vote for surprise is dropped
    assert first.votes.tolist() == [0, 8, 0, 1, 0, 0, 0, 0, 1, 0]  # and yet it was cast
    assert [first.valence, first.arousal] == pytest.approx(CIRCUMPLEX[1])
    assert first.picture.shape == (48, 48)
    mixed = records["fer0000001.png"]
    assert mixed.expression == pytest.approx([0, 0, 0.4, 0.6, 0, 0, 0, 0])  # FER+ lists surprise before sadness
    voteless = records["fer0000006.png"]
    assert (voteless.expression, voteless.valence, voteless.votes.tolist()) == (None, None, [1] * 10)


def test_a_table_says_of_each_picture_what_it_knows(tmp_path):
    marks = " ".join(map(str, made_up.landmarks(0).ravel()))
    header = ["image", "split", "person", "expression", "valence", "arousal", "x1", "y1", "x2", "y2", "landmarks"]
    path = made_up.table(
        tmp_path,
        header,
        ["a.png", "train", "anna", "sadness", "-0.5", "0.25", 10, 20, 60, 80, marks],
        ["b/c.jpg", "val", "ben", "7", "", "", "", "", "", "", ""],
        ["d.png", "test"],
    )
    one, two, three = read_data_set("table", path).records
    assert (EXPRESSIONS[one.expression.argmax()], one.valence, one.arousal) == ("sadness", -0.5, 0.25)
    assert (one.split, one.person, one.box) == ("train", "anna", (10, 20, 60, 80))
    assert one.landmarks == pytest.approx(made_up.landmarks(0))
    assert (EXPRESSIONS[two.expression.argmax()], two.valence, two.box) == ("contempt", None, None)
    assert (three.split, three.person, three.expression, three.votes) == ("test", "", None, None)


def test_a_table_gives_all_rows_a_split_or_none_of_them(tmp_path):
    rows = [["a.png", "train"], ["b.png", ""], ["c.png", "val"], ["d.png"]]
    path = made_up.table(tmp_path, ["image", "split"], *rows)
    with pytest.raises(TrainingError, match=r"faces.csv, line 3: split is empty, as in 2 of 4 rows"):
        read_data_set("table", path)
    path = made_up.table(tmp_path, ["image", "split"], *([row[0], ""] for row in rows))
    assert read_data_set("table", path).splits == ("",)


def test_columns_named_after_expressions_are_probabilities_or_votes(tmp_path):
    header = ["image", *reversed(EXPRESSIONS)]  # by name, not by place
    rows = [["a.png", 0, 0, 0, 0, 0, 0, 0.25, 0.75], ["b.png", 0, 6, 0, 0, 0, 0, 0, 2], ["c.png", *[""] * 8]]
    shares, votes, unknown = read_data_set("table", made_up.table(tmp_path, header, *rows)).records
    assert shares.expression.tolist() == [0.75, 0.25, 0, 0, 0, 0, 0, 0]
    assert shares.votes is None
    assert votes.expression.tolist() == [0.25, 0, 0, 0, 0, 0, 0.75, 0]
    assert votes.votes.tolist() == [2, 0, 0, 0, 0, 0, 6, 0, 0, 0]
    assert unknown.expression is None


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        (["picture"], ["a.png"], r"faces.csv: has no column image; it has picture"),
        (["image", "split"], ["a.png", "dev"], r"line 2: split is 'dev'; expected train, val, test, or nothing"),
        (["image", "expression"], ["a.png", "joy"], r"line 2: expression is 'joy'; expected .*1 happiness"),
        (["image", "expression"], ["a.png", "8"], r"line 2: expression is '8'"),
        (["image", "valence"], ["a.png", "1.5"], r"line 2: valence is '1.5'; expected a number in -1..1"),
        (["image", "arousal"], ["a.png", "nan"], r"line 2: arousal is 'nan'; expected a number in -1..1"),
        (["image", "anger", "fear"], ["a.png", 0.5, 0.1], r"line 2: neutral to contempt add up to 0.6"),
        (["image", "expression", "fear"], ["a.png", 1, 1], r"line 2: has both"),
        (["image", "x1", "y1", "x2", "y2"], ["a.png", 9, 9, 3, 20], r"line 2: the box 9 9 3 20 is empty"),
        (["image", "x1", "x2", "y2"], ["a.png", 9, 12, 20], r"line 2: y1 is ''; expected a number"),
        (["image", "landmarks"], ["a.png", "1 2 3"], r"line 2: landmarks are 3 numbers; expected 136"),
        (["image", "landmarks"], ["a.png", "1 two"], r"line 2: landmarks must be numbers"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_expected(tmp_path, header, row, told):
    path = made_up.write_csv(tmp_path / "faces.csv", header, [row])
    with pytest.raises(TrainingError, match=told):
        read_data_set("table", path)


def test_a_wrong_label_of_each_data_set_is_named_where_it_stands(tmp_path):
    made_up.affectnet(tmp_path / "a")
    made_up.write_csv(tmp_path / "a/validation.csv", made_up.AFFECTNET, [made_up.affectnet_row("v", 0, 3, 0.1, 1.2)])
    with pytest.raises(TrainingError, match=r"validation.csv, line 2: arousal is '1.2'; expected a number in -1..1"):
        read_data_set("affectnet", tmp_path / "a")
    made_up.write_csv(tmp_path / "a/validation.csv", made_up.AFFECTNET, [made_up.affectnet_row("v", 0, 11, 0, 0)])
    with pytest.raises(TrainingError, match=r"validation.csv, line 2: expression is '11'; expected a number in 0..10"):
        read_data_set("affectnet", tmp_path / "a")
    made_up.write_csv(tmp_path / "a/validation.csv", made_up.AFFECTNET[:-1], [["v"]])
    with pytest.raises(TrainingError, match=r"validation.csv: has no column arousal; it has subDirectory_filePath"):
        read_data_set("affectnet", tmp_path / "a")

    made_up.affectnet_2021(tmp_path / "b")
    np.save(tmp_path / "b/val_set/annotations/101_val.npy", np.array("much"))
    with pytest.raises(TrainingError, match=r"101_val.npy is 'much'; expected a number in -1..1"):
        read_data_set("affectnet", tmp_path / "b")
    (tmp_path / "b/val_set/annotations/101_val.npy").write_bytes(b"no array")
    with pytest.raises(TrainingError, match=r"101_val.npy: is no array that can be read"):
        read_data_set("affectnet", tmp_path / "b")
    (tmp_path / "b/val_set/annotations/101_val.npy").unlink()
    with pytest.raises(TrainingError, match=r"101_val.npy: is no array that can be read: .*No such file"):
        read_data_set("affectnet", tmp_path / "b")

    clip = made_up.afew_va(tmp_path / "c") / "002" / "002.json"
    clip.write_text(clip.read_text().replace('"valence": -4.0', '"valence": -14'))
    with pytest.raises(TrainingError, match=r"002.json, frame 00001: valence is -14; expected a number in -10..10"):
        read_data_set("afew-va", tmp_path / "c")
    clip.write_text("{}")
    with pytest.raises(TrainingError, match=r"002.json: expected JSON with 'actor' and 'frames'"):
        read_data_set("afew-va", tmp_path / "c")

    votes = made_up.ferplus(tmp_path / "d") / "fer2013new.csv"
    votes.write_text(votes.read_text().replace("PublicTest", "PrivateTest", 1))
    with pytest.raises(TrainingError, match=r"fer2013.csv, line 5: Usage is 'PublicTest', and 'PrivateTest' in"):
        read_data_set("ferplus", tmp_path / "d")
    votes.write_text(
        "\n".join(made_up.ferplus(tmp_path / "d").joinpath("fer2013new.csv").read_text().splitlines()[:-1])
    )
    with pytest.raises(TrainingError, match="do not have as many rows"):
        read_data_set("ferplus", tmp_path / "d")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("affectnet", "Manually_Annotated_Images: no such .*mohammadmahoor.com"),
        ("afew-va", "expected 001/001.json .*ibug.doc.ic.ac.uk"),
        ("sewa", "expected RECORDING/frames/000001.jpg .*db.sewaproject.eu"),
        ("ferplus", "fer2013.csv: no such .*microsoft/FERPlus"),
    ],
)
def test_what_is_missing_is_named_with_where_it_comes_from(tmp_path, kind, told):
    with pytest.raises(TrainingError, match=told):
        read_data_set(kind, tmp_path)
    with pytest.raises(TrainingError, match=r"nowhere.*: no such file or folder"):
        read_data_set(kind, tmp_path / "nowhere")


@pytest.mark.parametrize("kind", ["affectnet", "afew-va", "sewa", "ferplus"])
def test_a_file_where_a_folder_should_be_is_refused(tmp_path, kind):
    (tmp_path / "data.zip").write_text("")
    with pytest.raises(TrainingError, match=r"data.zip: is no folder; .* docs/datasets.md shows"):
        read_data_set(kind, tmp_path / "data.zip")


def test_a_missing_label_file_is_named(tmp_path):
    (made_up.affectnet(tmp_path) / "validation.csv").unlink()
    with pytest.raises(TrainingError, match=r"validation.csv: no such file"):
        read_data_set("affectnet", tmp_path)


def test_an_unknown_kind_and_options_of_another_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="did you mean 'affectnet'"):
        read_data_set("afectnet", tmp_path)
    with pytest.raises(TrainingError, match="--cleaned is for affectnet"):
        read_data_set("sewa", tmp_path, cleaned=tmp_path / "list.pkl")
    with pytest.raises(TrainingError, match="--value-range is for sewa"):
        read_data_set("afew-va", tmp_path, value_range=(0, 1))


def test_a_file_that_is_no_csv_is_refused(tmp_path):
    (tmp_path / "faces.csv").write_bytes(b"image\n\xff\xfe\x00\n")
    with pytest.raises(TrainingError, match="is no CSV file in UTF-8"):
        read_data_set("table", tmp_path / "faces.csv")
    (tmp_path / "faces.csv").write_text("")
    with pytest.raises(TrainingError, match="is empty"):
        read_data_set("table", tmp_path / "faces.csv")

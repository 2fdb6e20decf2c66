"""What goes into a pack comes out of it, and whatever is wrong with the data is found while packing."""

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines import EXPRESSIONS
from tests.training.data import made_up
from training.data import faceset
from training.data.cut import cut
from training.data.drawn import draw_faces
from training.data.faceset import EncodedPictures
from training.data.pack import PackOptions, pack
from training.data.packed import pack_contents, pack_metadata, read_pack
from training.data.readers import read_data_set
from training.data.records import Reading, Record
from training.emofan.figures import true_class
from training.emofan.samples import face_square
from training.errors import TrainingError


def packed(kind, source, out, engine=None, **options):
    reading = source if isinstance(source, Reading) else read_data_set(kind, source)
    pack(reading, out, PackOptions(**options), engine=engine)
    return out


@pytest.fixture(scope="module")
def affectnet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("affectnet")
    return packed("affectnet", made_up.affectnet(folder / "raw"), folder / "affectnet.parquet")


def test_labels_and_names_come_back_by_split(affectnet):
    train, val = (read_pack(affectnet, split, colour=False) for split in ("train", "val"))
    assert train.names.tolist() == [f"1/t{i}.jpg" for i in range(8)]
    assert train.expression.tolist() == np.eye(8).tolist()
    assert train.affect == pytest.approx(np.column_stack([np.arange(8) / 8 - 0.5, np.arange(8) / 8]))
    assert (train.votes == -1).all()
    assert len(val) == 5
    assert np.isnan(val.affect[4]).all()
    assert EXPRESSIONS[val.expression[4].argmax()] == "anger"


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize("size_px", [320, 90])
def test_landmarks_are_where_the_picture_shows_them(tmp_path, colour, size_px):
    made_up.affectnet(tmp_path)
    train = read_pack(packed("affectnet", tmp_path, tmp_path / "a.parquet", size_px=size_px), "train", colour=colour)
    for image, marks in zip(train.images, train.landmarks, strict=True):
        assert image.shape[0] == image.shape[1] <= size_px
        assert image.ndim == (3 if colour else 2)
        assert np.abs(made_up.spots(image, marks) - marks[[36, 45]]).max() < 0.5


def test_the_packed_square_holds_every_crop_that_training_may_take(affectnet):
    train = read_pack(affectnet, "train", colour=False)
    for row, marks in enumerate(train.landmarks):
        extent, given = np.ptp(marks, axis=0).sum(), np.ptp(made_up.landmarks(row), axis=0).sum()
        assert extent == pytest.approx(given, abs=0.01)  # not enlarged, not shrunk
        assert train.images[row].shape == (round(1.6 * 0.909 * given),) * 2
        assert (marks.min(0) + marks.max(0)) / 2 == pytest.approx(len(train.images[row]) / 2, abs=0.51)


def test_pictures_keep_their_colours_unless_grey_is_asked_for(tmp_path):
    source = made_up.affectnet(tmp_path)
    colour, grey = (packed("affectnet", source, tmp_path / f"{g}.parquet", grey=g) for g in (False, True))
    picture = read_pack(colour, "train", colour=True).images[0]
    inside = picture[picture.max(2) > 20]
    assert inside[:, 0].mean() > inside[:, 1].mean() + 10 > inside[:, 2].mean() + 15  # reddish, as they were drawn
    flat = read_pack(grey, "train", colour=True).images[0]
    assert (flat[..., 0] == flat[..., 2]).all()
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(int)
    assert np.abs(luma - read_pack(colour, "train", colour=False).images[0]).mean() < 2


def test_whole_pixels_are_taken_over_as_they_are_and_outside_is_black():
    image, marks = made_up.picture(3), made_up.landmarks(3)
    square, matrix = cut(image, Record(name="", picture=image, landmarks=marks), 320)
    dx, dy = (-matrix[:, 2]).astype(int)
    assert matrix[:, :2].tolist() == [[1, 0], [0, 1]]
    assert (matrix[:, 2] == matrix[:, 2].round()).all()
    padded = np.pad(image, ((200, 200), (200, 200), (0, 0)))
    assert (square == padded[200 + dy :, 200 + dx :][: len(square), : len(square)]).all()


def test_a_face_without_landmarks_is_cut_by_its_box_and_else_taken_whole():
    image = made_up.picture(0)
    square, matrix = cut(image, Record(name="", picture=image, box=(50, 40, 90, 100)), 320)
    assert len(square) == round(1.6 * 0.909 * 100)
    assert matrix @ [70, 70, 1] == pytest.approx(len(square) / 2, abs=0.51)
    whole, _ = cut(image[:, :150], Record(name="", picture=image), 320)
    assert (whole == image[:, :150]).all()


@pytest.mark.parametrize("factor", [0.6, 0.909])
@pytest.mark.parametrize("size_px", [320, 90])
def test_with_the_exact_box_a_face_is_cropped_as_with_its_landmarks(tmp_path, factor, size_px):
    faces = draw_faces(6, seed=71, style="studio")

    def read_with(name, **known):
        records = [
            Record(name=str(row), person=str(row), picture=image, **{what: each[row] for what, each in known.items()})
            for row, image in enumerate(faces.images)
        ]
        path = packed("", Reading(data_set="drawn", records=records), tmp_path / name, size_px=size_px)
        return read_pack(path, "train", colour=False, fold="1/2")

    marked = read_with("marked.parquet", landmarks=faces.landmarks)
    boxed = read_with("boxed.parquet", box=[(*each.min(0), *each.max(0)) for each in faces.landmarks])
    assert np.isnan(marked.boxes).all()
    assert np.isnan(boxed.landmarks).all()
    for one, other in ((marked, boxed), (marked.mirrored(), boxed.mirrored())):
        for row in range(len(one)):
            square = face_square(one, row, factor)
            assert square == pytest.approx(face_square(other, row, factor), abs=1e-3)
            assert square[2] < factor / (1.6 * 0.909) * len(one.images[row]) + 1  # not the whole picture
            assert (one.images[row] == other.images[row]).all()


def test_landmarks_that_are_all_in_one_place_are_unknown(tmp_path):
    nowhere = {"landmarks": np.zeros((68, 2), np.float32), "box": (0.0, 0.0, 0.0, 0.0)}
    record = Record(name="a", picture=made_up.picture(0)[:, :150], split="val", **nowhere)
    path = packed("", Reading(data_set="zeros", records=[record], splits=("val",)), tmp_path / "z.parquet")
    faces = read_pack(path, "val", colour=False)
    assert np.isnan(faces.landmarks).all()
    assert np.isnan(faces.boxes).all()
    assert faces.images[0].shape == (150, 150)


def test_small_pictures_are_kept_without_loss(tmp_path):
    source = made_up.ferplus(tmp_path)
    val = read_pack(packed("ferplus", source, tmp_path / "f.parquet"), "val", colour=False)
    pixels = np.random.default_rng(0).integers(0, 256, (7, 48 * 48))
    assert (val.images[0] == pixels[3].reshape(48, 48)).all()
    assert val.votes[0].tolist() == [0, 0, 0, 0, 0, 5, 5, 0, 0, 0]
    assert val.expression[0].tolist() == [0, 0, 0, 0, 0, 0.5, 0.5, 0]


def test_votes_are_packed_as_they_were_cast_and_the_class_is_of_those_that_two_share(tmp_path):
    source = made_up.ferplus(tmp_path)
    votes = {"fer0000003.png": [2, 3, 1, 1, 0, 0, 0, 0, 1, 1], "fer0000004.png": [6, 0, 0, 0, 0, 0, 0, 0, 1, 3]}
    rows = [["PublicTest", name, *each] for name, each in votes.items()]
    lines = (source / "fer2013new.csv").read_text().splitlines()
    lines[4:6] = [",".join(map(str, row)) for row in rows]
    (source / "fer2013new.csv").write_text("\n".join(lines))
    val = read_pack(packed("ferplus", source, tmp_path / "f.parquet"), "val", colour=False)
    assert val.votes.tolist() == [[2, 3, 1, 1, 0, 0, 0, 0, 1, 1], [6, 0, 0, 0, 0, 0, 0, 0, 1, 3]]
    assert val.expression[0] == pytest.approx([0.4, 0.6, 0, 0, 0, 0, 0, 0])
    assert true_class(val).tolist() == [1, 0]  # 3 of the 5 that two share, not 3 of all 9


def test_a_picture_of_train_that_is_measured_on_too_is_left_out_and_counted(tmp_path):
    path = packed("ferplus", made_up.ferplus(tmp_path), tmp_path / "f.parquet")
    assert read_pack(path, "train", colour=False).names.tolist() == ["fer0000001.png"]
    assert pack_metadata(path)["left_out"] == {
        "picture of train that is in another split too": 1,
        "without a name in FER+": 1,
    }
    voteless = read_pack(path, "test", colour=False).take([1])
    assert np.isnan(voteless.expression).all()
    assert np.isnan(voteless.affect).all()


def test_nobody_may_be_in_two_splits(tmp_path):
    rows = [["a.png", "train", "anna"], ["b.png", "val", "ben"], ["c.png", "val", "anna"], ["d.png", "test", ""]]
    source = made_up.table(tmp_path, ["image", "split", "person"], *rows)
    with pytest.raises(TrainingError, match=r"1 persons are in two splits: 'anna' \(train and val\)"):
        packed("table", source, tmp_path / "t.parquet")
    assert not (tmp_path / "t.parquet").exists()


def test_few_unreadable_pictures_are_left_out_and_many_refused_by_name(tmp_path):
    source = made_up.affectnet(tmp_path / "raw")
    pictures = source / "Manually_Annotated_Images"
    (pictures / "1/t0.jpg").unlink()
    (pictures / "1/t3.jpg").write_bytes((pictures / "1/t3.jpg").read_bytes()[:-500])  # breaks off
    path = packed("affectnet", source, tmp_path / "a.parquet", unreadable_max=0.2)
    assert pack_metadata(path)["left_out"]["picture missing or unreadable"] == 2
    assert len(read_pack(path, "train", colour=False)) == 6
    with pytest.raises(TrainingError) as caught:
        packed("affectnet", source, tmp_path / "b.parquet", unreadable_max=0.1)
    assert "of 13 pictures at least 2" in str(caught.value)
    assert "t0.jpg: No such file" in str(caught.value)
    assert "t3.jpg: not a readable picture" in str(caught.value)
    assert [file.name for file in tmp_path.glob("*b.parquet")] == []  # nothing half made is left behind


def test_an_empty_split_is_refused_with_what_was_left_out(tmp_path):
    source = made_up.affectnet(tmp_path)
    made_up.write_csv(source / "validation.csv", made_up.AFFECTNET, [made_up.affectnet_row("x", 1, 9, -2, -2)])
    with pytest.raises(TrainingError, match=r"no faces in split 'val'; left out: .* expression uncertain"):
        packed("affectnet", source, tmp_path / "a.parquet")


def test_a_place_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"file/a.parquet: cannot be written"):
        packed("affectnet", made_up.affectnet(tmp_path / "raw"), tmp_path / "file" / "a.parquet")
    with pytest.raises(TrainingError, match="size_px is 8"):
        PackOptions(size_px=8)
    with pytest.raises(TrainingError, match="unreadable_max is 7"):
        PackOptions(unreadable_max=7)


def test_a_pack_is_written_over_a_pack_and_over_nothing_else(tmp_path):
    source = made_up.affectnet(tmp_path / "raw")
    (tmp_path / "folder.parquet").mkdir()
    for name, told in (
        ("raw/training.csv", r"packs end in .parquet; give --out .*training.parquet"),
        ("affectnet", r"packs end in .parquet; give --out .*affectnet.parquet"),
        ("raw", r"is a folder; give --out a file in it"),
        ("folder.parquet", r"is a folder"),
    ):
        with pytest.raises(TrainingError, match=told):
            packed("affectnet", source, tmp_path / name)
    mine = tmp_path / "mine.parquet"
    for write in (lambda: mine.write_text("no Parquet"), lambda: pq.write_table(pa.table({"a": [1]}), mine)):
        write()
        before = mine.read_bytes()
        with pytest.raises(TrainingError, match=r"mine.parquet: is there already and is no pack"):
            packed("affectnet", source, mine)
        assert mine.read_bytes() == before
    mine.unlink()
    assert packed("affectnet", source, packed("affectnet", source, mine)).is_file()


def test_folds_of_a_pack_share_nobody_and_leave_nobody_out(tmp_path):
    path = packed("afew-va", made_up.afew_va(tmp_path), tmp_path / "v.parquet")
    measured = []
    for fold in ("1/3", "2/3", "3/3"):
        train, val = (read_pack(path, split, colour=False, fold=fold) for split in ("train", "val"))
        assert set(train.persons).isdisjoint(val.persons)
        assert len(train) + len(val) == 18
        measured += val.names.tolist()
    assert sorted(measured) == sorted(set(measured))
    assert len(measured) == 18


def test_reading_what_is_not_there_says_what_is(tmp_path, affectnet):
    with pytest.raises(TrainingError, match="no rows with split 'test'; it has train, val"):
        read_pack(affectnet, "test", colour=False)
    with pytest.raises(TrainingError, match="has splits of its own"):
        read_pack(affectnet, "val", colour=False, fold="1/5")
    folded = packed("afew-va", made_up.afew_va(tmp_path), tmp_path / "v.parquet")
    with pytest.raises(TrainingError, match="it has none: choose a fold"):
        read_pack(folded, "train", colour=False)
    with pytest.raises(TrainingError, match="folds give 'train' and 'val', not 'test'"):
        read_pack(folded, "test", colour=False, fold="1/3")
    with pytest.raises(TrainingError, match="no cleaned set"):
        read_pack(folded, "val", colour=False, fold="1/3", cleaned=True)
    with pytest.raises(TrainingError, match="no such file; make it with `affectstream data pack`"):
        read_pack(tmp_path / "nowhere.parquet", "train", colour=False)
    pq.write_table(pq.read_table(affectnet), tmp_path / "other.parquet")
    with pytest.raises(TrainingError, match="is no pack"):
        read_pack(tmp_path / "other.parquet", "train", colour=False)
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(TrainingError, match="is no pack"):
        read_pack(tmp_path / "text.parquet", "train", colour=False)


def test_pictures_stay_compressed_through_all_that_training_does_with_a_set(affectnet, monkeypatch):
    train = read_pack(affectnet, "train", colour=True)
    val = read_pack(affectnet, "val", colour=True)
    for faces in (train, train.take([3, 1]), train.without(val), train.mirrored(), *train.hold_back(0.5)):
        assert isinstance(faces.images, EncodedPictures)
    assert (train.take([3, 1]).images[1] == train.images[1]).all()
    assert (train.take([3, 1]).take([0]).images[0] == train.images[3]).all()
    assert train.without(train.take([0, 5])).names.tolist() == [f"1/t{i}.jpg" for i in (1, 2, 3, 4, 6, 7)]
    mirrored = train.take([2]).mirrored()
    assert (mirrored.images[0] == train.images[2][:, ::-1]).all()
    assert (
        np.abs(made_up.spots(mirrored.images[0], mirrored.landmarks[0]) - mirrored.landmarks[0, [36, 45]]).max() < 0.5
    )
    with monkeypatch.context() as blind:  # a mirror image is not decoded before it is asked for
        blind.setattr(faceset, "decode_picture", None)
        assert train.mirrored().mirrored().landmarks == pytest.approx(train.landmarks)
    kept, held = train.hold_back(0.5)
    assert sorted([*kept.names, *held.names]) == sorted(train.names)


def test_a_pack_of_many_batches_and_row_groups_keeps_its_order(tmp_path):
    images = [np.array([[i // 256, i % 256]] * 2, np.uint8) for i in range(1300)]
    records = [
        Record(name=str(i), picture=image, split="train" if i % 3 else "val", valence=i / 2000)
        for i, image in enumerate(images)
    ]
    path = packed("", Reading(data_set="numbers", records=records, splits=("train", "val")), tmp_path / "n.parquet")
    val = read_pack(path, "val", colour=False)
    assert val.names.tolist() == [str(i) for i in range(0, 1300, 3)]
    assert [int(image[0, 0]) * 256 + int(image[0, 1]) for image in val.images] == list(range(0, 1300, 3))
    assert val.affect[:, 0] == pytest.approx(np.arange(0, 1300, 3) / 2000)
    assert np.isnan(val.affect[:, 1]).all()


def test_a_broken_parquet_file_is_refused(tmp_path, data):
    whole = (data / "ferplus.parquet").read_bytes()
    for name, content in (("noise", b"no Parquet"), ("torn", b"\0" * 4000 + whole[4000:])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrainingError, match=f"{name}: is no Parquet file that can be read"):
            faceset.read_columns(tmp_path / name, ["image"], "val")
    with pytest.raises(TrainingError, match="has no column hat"):
        faceset.read_columns(data / "ferplus.parquet", ["image", "hat"], "val")


def test_what_is_in_a_pack_can_be_told(affectnet):
    about, contents = pack_metadata(affectnet), pack_contents(affectnet)
    assert (about["data_set"], about["size_px"], about["landmarks"]) == ("AffectNet", 320, "as in the data set")
    assert about["left_out"] == {"expression none": 1, "expression uncertain": 1, "no face": 1}
    assert list(contents) == ["train", "val"]
    assert contents["train"].expressions == dict.fromkeys(EXPRESSIONS, 1)
    assert contents["train"].valence == (-0.5, 0.375)
    assert (contents["val"].num_faces, contents["val"].num_landmarks, contents["val"].num_persons) == (5, 5, 0)
    assert contents["val"].expressions["neutral"] == 2


def drawn_reading(known):
    """Drawn faces, either with a box that is somewhat wrong or as crops of which nothing is known; and the truth."""
    faces = draw_faces(6, seed=70, style="studio")
    records, truth = [], []
    for i, (image, marks) in enumerate(zip(faces.images, faces.landmarks, strict=True)):
        (x1, y1), (x2, y2) = marks.min(0), marks.max(0)
        corner = np.zeros(2, int)
        box = (x1 + 0.2 * (x2 - x1), y1 - 0.2 * (y2 - y1), x2 + 0.4 * (x2 - x1), y2)
        if known == "nothing":
            corner = np.array([x1 - 12, y1 - 20], int).clip(0)
            image, box = image[corner[1] : int(y2) + 12, corner[0] : int(x2) + 12], None
        records.append(Record(name=str(i), picture=image, box=box))
        truth.append(marks - corner)
    return Reading(data_set="drawn", records=records), truth


@pytest.mark.parametrize("known", ["box", "nothing"])
def test_a_network_finds_landmarks_and_they_lie_on_the_packed_face(tmp_path, affect, known):
    reading, truth = drawn_reading(known)
    path = packed("", reading, tmp_path / "d.parquet", engine=affect)
    assert pack_metadata(path)["landmarks"] == "emofan-s"
    assert pack_metadata(path)["landmarks_not_found"] == 0
    for row, record, marks in zip(pq.read_table(path).to_pylist(), reading.records, truth, strict=True):
        found = np.array(row["landmarks"]).reshape(68, 2)
        image = cv2.imdecode(np.frombuffer(row["image"], np.uint8), cv2.IMREAD_GRAYSCALE)
        # Where the packed picture lies in the original is told by its pixels alone.
        match = cv2.matchTemplate(np.pad(record.picture, 200), image, cv2.TM_SQDIFF)
        corner = np.array(cv2.minMaxLoc(match)[2]) - 200
        error = np.linalg.norm(found + corner - marks, axis=1).mean()
        assert error / np.linalg.norm(marks[36] - marks[45]) < 0.05  # one look from so wrong a box: 0.06 to 0.08


def test_only_a_network_that_finds_landmarks_is_taken_for_it(tmp_path, detector):
    with pytest.raises(TrainingError, match="face-s: finds no landmarks"):
        packed("affectnet", made_up.affectnet(tmp_path), tmp_path / "a.parquet", engine=detector)


def test_where_no_face_is_seen_the_data_sets_landmarks_stay(tmp_path, affect):
    marks = made_up.landmarks(1)
    empty = np.zeros((150, 200), np.uint8)
    reading = Reading(data_set="nothing", records=[Record(name="a", picture=empty, landmarks=marks)])
    path = packed("", reading, tmp_path / "n.parquet", engine=affect)
    assert pack_metadata(path)["landmarks_not_found"] == 1
    found = np.array(pq.read_table(path)["landmarks"].to_pylist()[0]).reshape(68, 2)
    assert found - found.mean(0) == pytest.approx(marks - marks.mean(0), abs=1e-3)

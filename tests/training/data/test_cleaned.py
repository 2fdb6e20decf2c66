"""The cleaned AffectNet set: its rules, and a list that is read without running anything in it."""

import os
import pickle
from dataclasses import replace

import numpy as np
import pytest

from engines import EXPRESSIONS
from tests.training.data import made_up
from training.data.cleaned import PUBLISHED, RULES_ONLY, follows_rules, read_list
from training.data.pack import PackOptions, pack
from training.data.packed import pack_contents, pack_metadata, read_pack
from training.data.plain_pickle import read_pickle
from training.data.readers import read_data_set
from training.errors import TrainingError

EDGE = 0.2 / np.sqrt(2)


@pytest.mark.parametrize(
    ("name", "valence", "arousal", "kept"),
    [
        ("neutral", 0.1, 0.1, True),
        ("neutral", 0.0, 0.2, False),
        ("neutral", -0.15, 0.15, False),
        ("happiness", 0.21, 0.0, True),
        ("happiness", 0.2, 0.0, False),
        ("happiness", 0.0, 0.9, False),
        ("happiness", 0.1, -0.5, True),
        ("sadness", -0.3, 0.5, True),
        ("sadness", -0.1, -0.1, False),
        ("sadness", 0.3, -0.3, False),
        ("surprise", -0.5, 0.1, True),
        ("surprise", 0.5, 0.0, False),
        ("surprise", 0.0, 0.2, False),
        ("fear", 0.0, 0.3, True),
        ("fear", -0.3, 0.0, True),
        ("fear", 0.01, 0.5, False),
        ("fear", -0.5, -0.01, False),
        ("fear", -0.2, 0.0, False),
        ("disgust", -0.31, 0.0, True),
        ("disgust", -0.3, 0.0, False),
        ("disgust", -0.25, 0.1, False),
        ("disgust", 0.0, 0.9, False),
        ("anger", 0.4, 0.1, True),
        ("anger", -0.4, 0.0, False),
        ("anger", 0.0, 0.19, False),
        ("contempt", -0.21, 0.0, True),
        ("contempt", -0.2, 0.0, False),
        ("contempt", 0.3, 0.3, False),
    ],
)
def test_each_rule_holds_at_its_edges(name, valence, arousal, kept):
    row = follows_rules(np.array([EXPRESSIONS.index(name)]), np.array([valence]), np.array([arousal]))
    assert row.tolist() == [kept]


def test_a_face_without_a_label_is_not_clean():
    assert not follows_rules(np.array([-1, 1]), np.array([0.1, np.nan]), np.array([0.0, 0.5])).any()


def entry(seed, correct, as_list=False):
    marks = made_up.landmarks(seed) + 1.0
    return {"expression_correct": correct, "landmarks_fan": marks.tolist() if as_list else marks, "valence": "0.1"}


def authors_list(path, content, protocol=2):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def test_two_faces_of_one_name_are_judged_each_by_itself(tmp_path):
    from training.data.cleaned import mark_cleaned

    reading = read_data_set("affectnet", made_up.affectnet(tmp_path))
    same = replace(reading, records=[replace(record, name="2/v.jpg") for record in reading.records])
    marked = mark_cleaned(same, None).records
    assert [record.cleaned for record in marked if record.split == "val"] == [True, False, True, True, False]


@pytest.mark.parametrize("correct", [True, False])
def test_a_verdict_may_be_an_array_of_one(tmp_path, correct):
    path = authors_list(tmp_path / "a.pkl", {"v0.jpg": entry(20, np.array(correct))})
    assert read_list(path)["v0.jpg"].correct is correct


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_the_list_is_read_in_either_form_and_any_protocol(tmp_path, protocol):
    rows = {f"v{i}.jpg": entry(20 + i, np.bool_(i != 0), as_list=i == 1) for i in range(3)}
    by_file = read_list(authors_list(tmp_path / "a.pkl", {**rows, "folder": "test"}, protocol))
    one_by_one = read_list(
        authors_list(tmp_path / "b.pkl", [{"name": f"2/{name}", **e} for name, e in rows.items()], protocol)
    )
    for listed in (by_file, one_by_one):
        assert [listed[name].correct for name in rows] == [False, True, True]
        for i in range(3):
            assert listed[f"v{i}.jpg"].landmarks == pytest.approx(made_up.landmarks(20 + i) + 1)


class Malicious:
    def __init__(self, call, *arguments):
        self._call, self._arguments = call, arguments

    def __reduce__(self):
        return self._call, self._arguments


def test_a_pickle_that_wants_something_run_is_refused(tmp_path):
    proof = tmp_path / "proof"
    for call, arguments in ((os.system, (f"touch {proof}",)), (eval, (f"open({str(proof)!r}, 'w')",))):
        path = authors_list(tmp_path / "bad.pkl", {"v0.jpg": Malicious(call, *arguments)})
        with pytest.raises(TrainingError, match=r"bad.pkl: asks to run (posix|builtins|__builtin__).*refused"):
            read_list(path)
        assert not proof.exists()


class Built:
    """Pickled as a call, and what is then set."""

    def __init__(self, call, arguments, *state):
        self._reduced = (call, arguments, *state)

    def __reduce__(self):
        return self._reduced


_RECONSTRUCT, _ARRAY = np.zeros(1).__reduce_ex__(2)[:2]
_SCALAR = np.float64(0).__reduce_ex__(2)[0]
_HIDDEN_OBJECT = Built(np.dtype, ("V8",), (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0))
_WITHIN = Built(np.dtype, ("f8",), (3, "<", (np.dtype("i8"), (1,)), None, None, 8, 1, 0))


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Built(np.ndarray, ((1,), np.dtype("O"), b"A" * 8)), "holds an array of 'O8'; expected numbers or text"),
        (Built(_RECONSTRUCT, _ARRAY, (1, (1,), _HIDDEN_OBJECT, False, b"A" * 8)), "holds an array of 'V8'"),
        (Built(_SCALAR, (_HIDDEN_OBJECT, b"A" * 8)), "holds an array of 'V8'"),
        (Built(_RECONSTRUCT, _ARRAY, (1, (1,), _WITHIN, False, b"A" * 8)), "array of records or arrays"),
        (Built(_RECONSTRUCT, _ARRAY, (1, (9,), np.dtype("f8"), False, b"A" * 8)), "is no pickle that can be read"),
        (Built(_RECONSTRUCT, _ARRAY, (1, (1,), np.dtype("f8"), False, [1])), "made of list; expected bytes"),
        (Built(_RECONSTRUCT, _ARRAY, (1, (1,), np.dtype("U1"), False, b"\xff" * 4)), "is no pickle that can be read"),
        (Built(np.ndarray, ((1,), np.dtype("f8"), b"A" * 8)), "is no pickle that can be read"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 5])
def test_an_array_that_would_point_into_memory_is_refused(tmp_path, made, told, protocol):
    with pytest.raises(TrainingError, match=f"bad.pkl: .*{told}"):
        read_pickle(authors_list(tmp_path / "bad.pkl", {"v0.jpg": made}, protocol))


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3),
        np.arange(6.0).reshape(2, 3, order="F"),
        np.arange(8, dtype=">i2")[::2],
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array(b"xyz"),
        np.zeros((0, 2), np.uint8),
        np.array(2.5),
    ],
)
def test_arrays_of_numbers_and_text_are_read_as_they_were(tmp_path, array, protocol):
    read = np.asarray(read_pickle(authors_list(tmp_path / "a.pkl", {"a": array}, protocol))["a"])
    assert (read.dtype, read.shape, read.tolist()) == (array.dtype, array.shape, array.tolist())


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_single_values_become_pythons_own(tmp_path, protocol):
    values = [np.bool_(True), np.float64(0.1), np.float32(0.5), np.int64(-3), np.str_("text")]
    read = read_pickle(authors_list(tmp_path / "a.pkl", values, protocol))
    assert read == [True, 0.1, 0.5, -3, "text"]
    assert [type(value) for value in read] == [bool, float, float, int, str]


@pytest.mark.parametrize("content", [{}, [], "text", {"a.jpg": {"valence": 0.1}}, [{"expression_correct": True}], [1]])
def test_a_pickle_of_another_kind_is_refused(tmp_path, content):
    with pytest.raises(TrainingError, match="expected a dict from file names"):
        read_list(authors_list(tmp_path / "a.pkl", content))


def test_what_is_no_pickle_is_refused(tmp_path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04garbage")
    with pytest.raises(TrainingError, match="is no pickle that can be read"):
        read_list(tmp_path / "a.pkl")
    with pytest.raises(TrainingError, match="cannot be read: No such file"):
        read_list(tmp_path / "nowhere.pkl")


def test_without_the_list_val_is_marked_by_the_rules_and_says_so(tmp_path):
    out = tmp_path / "a.parquet"
    pack(read_data_set("affectnet", made_up.affectnet(tmp_path)), out, PackOptions())
    assert pack_metadata(out)["cleaned"] == RULES_ONLY == "rules only, not the published list"
    assert read_pack(out, "val", colour=False, cleaned=True).names.tolist() == ["2/v0.jpg", "2/v2.jpg", "2/v3.jpg"]
    assert {split: c.num_cleaned for split, c in pack_contents(out).items()} == {"train": None, "val": 3}
    with pytest.raises(TrainingError, match="no faces of split 'train' are in its cleaned set"):
        read_pack(out, "train", colour=False, cleaned=True)


def test_with_the_list_both_it_and_the_rules_must_agree_and_its_landmarks_are_taken(tmp_path):
    elsewhere = {**entry(22, True), "landmarks_fan": made_up.landmarks(22) / 4}  # marked in another picture
    rows = {"v0.jpg": entry(20, False), "v1.jpg": entry(21, True), "v2.jpg": elsewhere, "v3.jpg": entry(23, True)}
    listed = authors_list(tmp_path / "test.pkl", rows)
    reading = read_data_set("affectnet", made_up.affectnet(tmp_path), cleaned=listed)
    val = {record.name: record for record in reading.records if record.split == "val"}
    assert {name: record.cleaned for name, record in val.items()} == {
        "2/v0.jpg": False,  # struck out by hand
        "2/v1.jpg": False,  # by the rules
        "2/v2.jpg": True,
        "2/v3.jpg": True,
        "2/v4.jpg": False,  # not in the list
    }
    assert reading.cleaned == f"{PUBLISHED}; landmarks of 3 of 5 faces are the list's"
    assert val["2/v3.jpg"].landmarks == pytest.approx(made_up.landmarks(23) + 1)
    assert val["2/v2.jpg"].landmarks == pytest.approx(made_up.landmarks(22), abs=0.01)
    assert all(record.cleaned is None for record in reading.records if record.split == "train")


def test_a_list_of_other_pictures_is_refused(tmp_path):
    listed = authors_list(tmp_path / "test.pkl", {"other.jpg": entry(1, True)})
    with pytest.raises(TrainingError, match=r"such as 'other.jpg', and none of val, such as 'v0.jpg'"):
        read_data_set("affectnet", made_up.affectnet(tmp_path), cleaned=listed)


def test_the_lists_landmarks_are_taken_where_the_data_set_has_none(tmp_path):
    from training.data.cleaned import Listed, mark_cleaned

    reading = read_data_set("affectnet", made_up.affectnet(tmp_path))
    bare = [replace(record, landmarks=None, box=None) for record in reading.records]
    listed = {"v0.jpg": Listed(True, made_up.landmarks(5))}
    marked = mark_cleaned(replace(reading, records=bare), listed)
    assert next(r for r in marked.records if r.name == "2/v0.jpg").landmarks == pytest.approx(made_up.landmarks(5))

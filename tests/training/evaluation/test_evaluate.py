"""How networks are asked and what is said of them: on networks whose answers are known, and on the shipped ones."""

import io
import json
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from affectstream.app import app
from affectstream.evaluation import bounds, half_width, number, print_findings
from engines import EXPRESSIONS
from engines.network import InputSpec
from pipeline.stats.bootstrap import Difference, Interval
from tests.fakes import BrightnessAffect, SquareDetector
from training.data.faceset import FaceSet
from training.data.scenes import read_scenes
from training.emofan.figures import AFFECT_FIGURES, Answer, expression_figures, true_class
from training.errors import TrainingError
from training.evaluation.evaluate import Choice, answer, detector_figures, measure
from training.evaluation.findings import Findings, find, plain


class LeftRight(BrightnessAffect):
    """Valence is how much brighter the left half is; happiness is how bright the left half is."""

    def __init__(self, channels=1, classes=EXPRESSIONS):
        super().__init__()
        size = self.spec.input.height_px
        taken = InputSpec(channels=channels, height_px=size, width_px=size)
        self.spec = replace(self.spec, input=taken, classes=list(classes))
        self.seen = []

    def run(self, images):
        self.seen.append(images)
        out = super().run(images)
        half = images.shape[2] // 2
        left, right = (part.mean((1, 2, 3)) / 255 for part in (images[:, :, :half], images[:, :, half:]))
        expression = np.tile((1 - left)[:, None] / (len(self.spec.classes) - 1), (1, len(self.spec.classes)))
        expression[:, 1] = left
        return {**out, "valence": (left - right).astype(np.float32), "expression": expression.astype(np.float32)}


def two_faces(colour=False):
    """One bright on its left, one on its right; square, so that the crop is the picture."""
    dark, bright = (np.full((32, 16), level, np.uint8) for level in (51, 204))
    images = [np.hstack([bright, dark]), np.hstack([dark, bright])]
    return FaceSet.of([cv2.cvtColor(i, cv2.COLOR_GRAY2RGB) for i in images] if colour else images)


def test_flip_averages_valence_and_arousal_only():
    network = LeftRight()
    plainly, flipped = answer(network, two_faces()), answer(network, two_faces(), flip=True)
    mirrored = answer(network, two_faces().mirrored())
    assert plainly.valence[0] > 0.4
    assert plainly.valence[1] < -0.4
    assert flipped.valence == pytest.approx((plainly.valence + mirrored.valence) / 2)
    assert np.abs(flipped.valence).max() < 0.05
    assert (flipped.expression == plainly.expression).all()
    assert (flipped.landmarks == plainly.landmarks).all()


def test_a_colour_network_gets_grey_faces_as_three_equal_channels_and_colours_as_they_are():
    network = LeftRight(channels=3)
    answer(network, two_faces())
    assert network.seen[0].shape == (2, 16, 16, 3)
    assert (network.seen[0] == network.seen[0][..., :1]).all()
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    answer(network, FaceSet.of([red]))
    assert network.seen[1][0, 8, 8].tolist() == [200, 0, 0]


def test_a_luma_network_gets_the_luma_of_colours():
    network = LeftRight()
    green = np.zeros((32, 32, 3), np.uint8)
    green[..., 1] = 200
    answer(network, FaceSet.of([green]))
    assert network.seen[0].shape == (1, 16, 16, 1)
    assert network.seen[0][0, 8, 8, 0] == round(0.587 * 200)


def test_classes_that_a_network_does_not_know_are_not_scored():
    five = LeftRight(classes=("neutral", "happiness", "sadness", "surprise", "anger"))
    said = answer(five, two_faces())
    assert np.isnan(said.expression[:, [4, 5, 7]]).all()
    assert said.guess.tolist() == [1, 0]
    labels = np.eye(8)[[1, 7]]  # happiness, which it says, and contempt, which it cannot
    figures = expression_figures(replace(two_faces(), expression=labels), said)
    assert (figures["accuracy"], figures["faces_scored"]) == (1, 1)
    assert "recall_contempt" not in figures


def test_the_true_class_is_the_majority_of_votes_or_else_the_label():
    votes = np.full((4, 10), -1)
    votes[0] = [0, 0, 6, 0, 0, 0, 0, 0, 0, 0]
    votes[1] = [5, 5, 0, 0, 0, 0, 0, 0, 0, 0]
    labels = np.eye(8, dtype=np.float32)[[2, 0, 7, 0]]
    labels[3] = np.nan
    faces = FaceSet.of([np.zeros((8, 8), np.uint8)] * 4, votes=votes, expression=labels)
    assert true_class(faces).tolist() == [2, -1, 7, -1]


def test_figures_that_the_labels_do_not_allow_are_left_out():
    said = answer(LeftRight(), two_faces())
    assert expression_figures(two_faces(), said) == {}
    figures = expression_figures(replace(two_faces(), affect=np.array([[0.6, 0.1], [-0.6, 0.1]])), said)
    assert "accuracy" not in figures
    assert figures["ccc_valence"] == pytest.approx(1, abs=0.01)


def test_an_affect_network_is_measured_on_its_sets_and_weak_labels_are_called_so(data, affect):
    ferplus, newsfaces = measure(affect, data)
    assert (ferplus.set, ferplus.weak_labels, newsfaces.weak_labels) == ("ferplus", True, False)
    found = find(ferplus, agreement=True)
    assert found.figures["faces_scored"] == 8
    assert found.agreement["annotators"] == pytest.approx(8 * 7 / 90)  # of ten, eight say happiness, two stand alone
    surprise = (ferplus.answer.guess == EXPRESSIONS.index("surprise")).mean()
    assert found.agreement["network"] == pytest.approx(0.8 * found.figures["accuracy"] + 0.1 * surprise)
    assert found.intervals["accuracy"].low <= found.figures["accuracy"] <= found.intervals["accuracy"].high
    assert not [name for name in found.intervals if name.startswith(("faces", "count"))]
    assert set(find(newsfaces).figures) == {"nme", "nme_p95", "faces_marked"}


def test_a_network_differs_from_itself_by_nothing(data, affect):
    (first,), (second,) = (measure(affect, data, Choice(set="ferplus")) for _ in range(2))
    against = find(first, other=second).against
    assert {"accuracy", "rmse_valence"} <= set(against)
    assert against["accuracy"].value == 0
    assert not against["accuracy"].resolved


class Told(BrightnessAffect):
    """Answers the same for whatever it is shown, but only among its classes."""

    def __init__(self, expression, classes=EXPRESSIONS):
        super().__init__()
        self.spec = replace(self.spec, classes=list(classes))
        self.expression = expression[:, [EXPRESSIONS.index(name) for name in classes]]

    def run(self, images):
        return {**super().run(images), "expression": self.expression}


def test_networks_of_different_classes_are_compared_on_the_classes_of_both(pack_of, data):
    said = np.random.default_rng(0).dirichlet(np.ones(8), 24).astype(np.float32)
    fewer = ("neutral", "happiness", "sadness", "surprise", "anger")
    choice = Choice(set=str(pack_of("val", "")))
    (eight,), (five,) = (measure(Told(said, classes), data, choice) for classes in (EXPRESSIONS, fewer))
    assert (eight.answer.guess != five.answer.guess).any()
    for first, second in ((eight, five), (five, eight)):
        found = find(first, other=second)
        assert {"accuracy", "macro_recall", "recall_anger"} <= set(found.against)
        known = [each for each in found.against.values() if np.isfinite(each.value)]  # its arousal is constant: no PCC
        assert {(each.value, each.interval.low, each.interval.high) for each in known} == {(0, 0, 0)}
        assert found.notes[-1].endswith(f"the classes that both networks know: {', '.join(fewer)}")
    assert not find(eight, other=eight).notes


def test_a_detector_recounted_has_the_figures_that_training_is_scored_by(data):
    (found,) = measure(SquareDetector(), data, Choice(set="faces_in_scenes"))
    want = detector_figures(SquareDetector(), read_scenes(data / "faces_in_scenes.parquet", "val"))
    values = {name: float(value) for name, value in found.figures(None).items() if "profile" not in name}
    assert values == pytest.approx(want)


@pytest.mark.parametrize(
    ("network", "choice", "told"),
    [
        (
            BrightnessAffect,
            Choice(set="faces_in_scenes"),
            "'faces_in_scenes' holds no labelled faces; allowed: ferplus",
        ),
        (BrightnessAffect, Choice(set="ferplus", fold="1/5"), "--fold and --clean are for packs"),
        (BrightnessAffect, Choice(set="none.parquet"), "no such file"),
        (SquareDetector, Choice(set="ferplus"), "--set must be one of faces_in_scenes, closeups, portraits"),
        (SquareDetector, Choice(flip=True), "--flip are for faces"),
    ],
)
def test_what_does_not_suit_a_network_is_refused(data, network, choice, told):
    with pytest.raises(TrainingError, match=re.escape(told)):
        measure(network(), data, choice)


@pytest.fixture(scope="module")
def pack_of(tmp_path_factory, data):
    """A pack of drawn people with labels of their own: two splits or none, cleaned by rules or not at all."""
    from training.data.drawn import draw_faces
    from training.data.pack import PackOptions, pack
    from training.data.records import Reading, Record

    faces = draw_faces(24, seed=60)

    def write(split, cleaned):
        records = [
            Record(
                name=f"{row}.png",
                picture=faces.images[row],
                split=split,
                person=f"person {row // 6}" if not split else "",
                landmarks=faces.landmarks[row],
                expression=faces.expression[row],
                valence=float(faces.affect[row, 0]),
                arousal=float(faces.affect[row, 1]),
                cleaned=row % 2 == 0 if cleaned else None,
            )
            for row in range(24)
        ]
        path = tmp_path_factory.mktemp("packs") / "drawn.parquet"
        reading = Reading(data_set="drawn", records=records, splits=(split,), cleaned=cleaned)
        pack(reading, path, PackOptions(size_px=96))
        return path

    return write


def test_a_fold_of_a_pack_is_measured_with_all_its_labels(pack_of, data, affect):
    (found,) = measure(affect, data, Choice(set=str(pack_of("", "")), fold="2/4"))
    figures = find(found).figures
    assert found.set == "drawn-2-of-4"
    assert figures["faces_rated"] == figures["faces_marked"] == 6  # one person of four
    assert not found.weak_labels
    assert len(set(found.units.tolist())) == 1


@pytest.mark.parametrize(
    ("cleaned", "told"),
    [
        (
            "rules only, not the published list",
            "not comparable with the published accuracy of .75 and CCC of .82 and .75",
        ),
        ("the published list and its rules; landmarks of 0 of 24 faces are the list's", "cleaned by the exact list"),
    ],
)
def test_figures_on_cleaned_faces_say_what_they_were_cleaned_by(pack_of, data, affect, cleaned, told):
    (found,) = measure(affect, data, Choice(set=str(pack_of("val", cleaned)), clean=True))
    assert found.figures(None)["faces_rated"] == 12
    assert told in found.notes[0]


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80"})


def test_the_command_prints_the_papers_columns_and_writes_json_without_nan(data, tmp_path):
    pytest.importorskip("matplotlib")
    out, plots = tmp_path / "figures.json", tmp_path / "plots"
    done = run("evaluate", "emofan-s", "--data", data, "-o", out, "--plots", plots, "--agreement", "--flip")
    assert done.exit_code == 0, done.output
    assert re.search(r"ferplus \(weak\) *\n.*\n +faces +accuracy( +RMSE +SAGR +PCC +CCC){2} *\n +8 ", done.output)
    assert done.output.count("valence and arousal averaged with the mirror image") == 1  # newsfaces has none
    assert "weak labels, guessed from votes" in done.output
    assert "< 30 faces" in done.output
    assert "nan" not in done.output
    content = json.loads(out.read_text(), parse_constant=pytest.fail)
    assert content["settings"]["flip"]
    assert content["settings"]["sets"] == ["ferplus", "newsfaces"]
    assert content["figures"]["pcc_valence"] is None  # all eight are happy: their valence is constant
    assert content["intervals"]["accuracy"][0] <= content["figures"]["accuracy"] <= content["intervals"]["accuracy"][1]
    assert len(content["calibration"]["bins"]["faces"]) == 15
    assert content["agreement"]["annotators"] == pytest.approx(8 * 7 / 90)
    assert {group["condition"] for group in content["groups"]["newsfaces"]} == {"size", "turned", "brightness"}
    pictures = {path.name: cv2.imread(str(path)) for path in plots.iterdir()}
    assert set(pictures) == {f"ferplus-{name}.png" for name in ("confusion", "circumplex", "reliability")}
    assert all(min(picture.shape[:2]) > 600 and picture.std() > 20 for picture in pictures.values())


def test_two_detectors_are_compared_with_intervals(data, tmp_path):
    done = run("evaluate", "face-s", "--data", data, "--against", "face-s", "-o", tmp_path / "d.json")
    assert done.exit_code == 0, done.output
    assert re.search(r"ap_16px +\+0\.0000 +\+0\.0000 to \+0\.0000 +not resolved", done.output)
    against = json.loads((tmp_path / "d.json").read_text())["against"]
    assert against["network"] == "face-s"
    assert against["differences"]["ap_16px"] == {"value": 0, "interval": [0, 0], "resolved": False}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-o", "folder"], "is not a file"),
        (["-o", "file/figures.json"], "--out file: cannot be written"),
        (["--plots", "file"], "--plots file: cannot be written"),
        (["--plots", "/proc/pictures"], "--plots /proc/pictures: cannot be written"),
    ],
)
def test_what_could_not_be_written_is_refused_before_anything_is_measured(data, tmp_path, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("affectstream.commands.evaluate.measure", lambda *_: pytest.fail("was measured"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    done = run("evaluate", "emofan-s", "--data", data, *arguments)
    assert isinstance(done.exception, TrainingError), done.exception
    assert told in str(done.exception)


def test_figures_that_cannot_be_written_after_all_leave_the_older_ones(data, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    (tmp_path / "d.json").write_bytes(b"older")
    done = run("evaluate", "face-s", "--data", data, "-o", tmp_path / "d.json")
    assert isinstance(done.exception, TrainingError)
    assert "d.json: cannot be written (No space left on device)" in str(done.exception)
    assert (tmp_path / "d.json").read_bytes() == b"older"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["emofan-s", "--against", "face-s"], "emofan-s is for affect, face-s for detector"),
        (["face-s", "--plots", "there"], "face-s is a face detector"),
        (["emofan-s", "--set", "newsfaces", "--agreement"], "use --set ferplus"),
    ],
)
def test_what_cannot_be_asked_for_together_is_refused(data, arguments, told):
    done = run("evaluate", *arguments, "--data", data)
    assert isinstance(done.exception, TrainingError)
    assert told in str(done.exception)


def test_json_holds_none_for_what_cannot_be_computed():
    assert plain({"a": np.nan, "b": [1.5, np.inf], "c": "x"}) == {"a": None, "b": [1.5, None], "c": "x"}


def test_an_answer_knows_its_guess_among_the_classes_it_knows():
    probabilities = np.array([[0.2, np.nan, 0.8, *[np.nan] * 5]])
    said = Answer(probabilities, *[np.zeros(1)] * 2, np.zeros((1, 68, 2)), np.zeros(1))
    assert (said.guess.tolist(), said.classes.tolist()) == ([2], [0, 2])


def test_numbers_are_printed_as_in_the_paper():
    assert [number(value) for value in (0.8618, 1.0, 10.5, -0.25, np.nan, None)] == [
        ".862",
        "1.000",
        "10.500",
        "-.250",
        "–",
        "–",
    ]
    assert bounds(Interval(0.85, 0.873)) == ".850–.873"
    assert number(-0.0001) == ".000"
    assert bounds(Interval(0.0, 0.0)) == "–"  # a share of 0 cannot be resampled into anything else
    assert half_width(Interval(0.0, 0.0)) == half_width(Interval(np.nan, np.nan)) == "–"
    assert half_width(Interval(-0.3, 0.1)) == ".200"


def printed(findings):
    """What an 80 column terminal shows."""
    console = Console(file=io.StringIO(), width=80, markup=False, highlight=False)
    print_findings([findings], console)
    return console.file.getvalue()


def test_no_digit_is_lost_however_long_a_sets_name_is():
    name = "affectnet-2021-annotations-3-of-5-clean"
    figures = dict.fromkeys(("accuracy", *AFFECT_FIGURES, "nme", "nme_p95"), -0.83)
    figures |= {"macro_recall": 0.5, "faces_scored": 287_651, "faces_rated": 287_651, "faces_marked": 287_651}
    groups = [{"condition": "size", "range": "under 32 px", "faces": 9, "figures": {"accuracy": 0.5, "nme": None}}]
    sure = {figure: Interval(0.123, 0.345) for figure in figures}
    told = printed(Findings(set=name, figures=figures, intervals=sure, groups=groups, weak_labels=True))
    assert "…" not in told
    assert re.search(r"^ +287651( +-\.830){9} *$", told, re.M)
    assert re.search(r"^± 95 %( +\.111){9} *$", told, re.M)
    assert told.count(name) == 6  # four tables and two notes


def test_a_difference_that_cannot_be_computed_is_a_dash():
    nothing = Difference(np.nan, Interval(np.nan, np.nan))
    told = printed(Findings(set="x", figures={}, intervals={}, against={"pcc_valence": nothing}))
    assert re.search(r"^pcc_valence +– +– +not resolved *$", told, re.M)
    assert "nan" not in told

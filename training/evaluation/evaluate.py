"""How good a network is, measured on the engine that serves it and with the serving crop. Needs no torch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from engines import EXPRESSIONS, Engine
from pipeline.faces.crops import crop_matrix, warp
from pipeline.faces.detection import suppress
from pipeline.stats.bootstrap import Figures, units_of
from training.data.faceset import FaceSet, has_weak_affect, in_channels
from training.data.ferplus import read_ferplus
from training.data.newsfaces import read_newsfaces
from training.data.scenes import Scene, read_scenes
from training.emofan.figures import Answer, Values, expression_values, landmark_values
from training.emofan.samples import face_square, to_pictures
from training.errors import TrainingError
from training.evaluation.closeups import Closeup, closeup_figures, enlarged, laid_on
from training.face_detector.average_precision import IOU_MIN, Sample, average_precision, pairwise_iou, recount
from training.face_detector.closeups import SHAPES, Portraits

SCORE_MIN, NMS_IOU, CANDIDATES_MAX = 0.02, 0.45, 750
"""How candidates are asked for when AP is counted."""
SIDES_PX = (10, 16, 32)
"""AP is counted for faces whose shorter side is at least this."""
PROFILE_PX_MIN = 16
"""Smaller faces in profile are not counted."""
SETS = {"affect": ("ferplus", "newsfaces"), "detector": ("faces_in_scenes", "closeups", "portraits")}
"""What a network of each kind is measured on, if nothing else is asked for."""

Shown = Callable[[int, int], None]
"""Called with how many of how many are done."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One network on one set of data."""

    set: str
    """What the set is called."""
    figures: Figures
    """Every figure, as a function of how often each face or picture counts."""
    units: np.ndarray
    """(N,) which faces or pictures belong together, such as those of one person."""
    faces: FaceSet | None = None
    answer: Answer | None = None
    """Of a network for affect: the faces, and what it says of them."""
    figures_of: Callable[[Answer, np.ndarray | None], Values] | None = None
    """Of a network for affect: `figures` for another answer on these faces."""
    crop_factor: float = 1.0
    """Of the network's crop."""
    weak_labels: bool = False
    """Valence and arousal of the faces are guessed from votes: agreement with them checks the plumbing."""
    notes: tuple[str, ...] = ()
    """What must be known to read the figures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """What a network is measured on."""

    set: str | None = None
    """One of `SETS`, or a pack; None: all that suit the network."""
    split: str = "val"
    fold: str | None = None
    """Of a pack without splits: `2/5` is the second of five parts; the network was trained on the others."""
    flip: bool = False
    """Average valence and arousal with those of the mirror image, as the paper's published figures do."""
    clean: bool = False
    """Of a pack: only the faces that its cleaning kept."""

    @property
    def in_pack(self) -> bool:
        return str(self.set).endswith(".parquet")

    @property
    def name(self) -> str:
        """How the set is called in tables and file names."""
        fold = () if self.fold is None else (self.fold.replace("/", "-of-"),)
        return "-".join((Path(str(self.set)).stem, *fold, *(("clean",) if self.clean else ())))


def evaluate(
    engine: Engine, data: Path, split: str = "val", shown: Shown = lambda done, total: None
) -> dict[str, float]:
    """All figures that the data in `data` allow for this network."""
    found = (each.figures(None) for each in measure(engine, data, Choice(split=split), shown))
    return {name: float(value) for figures in found for name, value in figures.items()}


def measure(
    engine: Engine, data: Path, choice: Choice | None = None, shown: Shown = lambda done, total: None
) -> list[Measured]:
    """The network on each set that is asked for. Raises TrainingError where a set is missing or does not suit it."""
    choice = choice or Choice()
    sets = SETS[engine.spec.kind] if choice.set is None else (choice.set,)
    of_kind = _detector if engine.spec.kind == "detector" else _affect
    return [of_kind(engine, data, replace(choice, set=each), shown) for each in sets]


def _affect(engine: Engine, data: Path, choice: Choice, shown: Shown) -> Measured:
    faces, notes = read_faces(data, choice, colour=engine.spec.input.channels == 3)
    said = answer(engine, faces, shown, flip=choice.flip)
    if lacking := [name for row, name in enumerate(EXPRESSIONS) if row not in said.classes]:
        notes = (*notes, f"the network does not know {', '.join(lacking)}: such faces are not scored")
    if choice.flip and np.isfinite(faces.affect).all(1).any():
        notes = (*notes, "valence and arousal averaged with the mirror image")

    def figures_of(said: Answer, weights: np.ndarray | None) -> Values:
        landmarks = {} if choice.set == "ferplus" else landmark_values(faces, said, weights)
        return expression_values(faces, said, weights) | landmarks

    assert engine.spec.crop is not None  # `answer` has refused others
    return Measured(
        choice.name,
        partial(figures_of, said),
        units_of(faces.persons),
        faces=faces,
        answer=said,
        figures_of=figures_of,
        crop_factor=engine.spec.crop.factor,
        weak_labels=has_weak_affect(faces),
        notes=notes,
    )


def _detector(engine: Engine, data: Path, choice: Choice, shown: Shown) -> Measured:
    if choice.set not in SETS["detector"]:
        allowed = ", ".join(SETS["detector"])
        raise TrainingError(
            f"{engine.spec.name} is a face detector: --set must be one of {allowed}, got {choice.set!r}"
        )
    if choice.fold or choice.clean or choice.flip:
        raise TrainingError(f"{engine.spec.name} is a face detector: --fold, --clean and --flip are for faces")
    colour = engine.spec.input.channels == 3 and choice.set == "faces_in_scenes"
    scenes = read_scenes(data / "faces_in_scenes.parquet", choice.split, colour=colour)
    if choice.set == "closeups":
        return Measured(choice.set, *closeup_figures(engine, _told(list(enlarged(scenes)), shown), choice.set))
    if choice.set == "portraits":
        portraits = Portraits.of(read_newsfaces(data / "newsfaces.parquet", choice.split))
        pictures = _told(laid_on(portraits, scenes), shown, len(portraits.boxes) * len(SHAPES))
        return Measured(choice.set, *closeup_figures(engine, pictures, choice.set))
    samples = _detect(engine, scenes, shown)
    counts = {side: recount(samples, side) for side in SIDES_PX}

    rule = engine.spec.detector
    assert rule is not None
    profiles_P2 = np.array([_profiles(*pair, rule.score_start) for pair in zip(scenes, samples, strict=True)], float)

    def figures(weights: np.ndarray | None) -> dict[str, np.ndarray]:
        values = {f"{name}_{s}px": value for s, count in counts.items() for name, value in count(weights).items()}
        found, total = ((np.ones(len(samples)) if weights is None else weights) @ profiles_P2).T
        with np.errstate(invalid="ignore"):
            return {**values, "recall_profile": found / total, "faces_profile": total}

    return Measured("faces_in_scenes", figures, np.arange(len(samples)))


def _profiles(scene: Scene, sample: Sample, score_min: float) -> tuple[int, int]:
    """Of the faces in profile of `PROFILE_PX_MIN` and more: how many start a track, and how many there are."""
    boxes, invalid, candidates = sample
    assert scene.profile is not None
    counted = scene.profile & ~invalid & ((boxes[:, 2:] - boxes[:, :2]).min(1, initial=np.inf) >= PROFILE_PX_MIN)
    overlap = pairwise_iou(boxes[counted], candidates[candidates[:, 4] >= score_min])
    return int((overlap.max(1, initial=0) >= IOU_MIN).sum()), int(counted.sum())


def _told(items: Iterable[Closeup], shown: Shown, total: int | None = None) -> Iterator[Closeup]:
    """The items, reporting progress."""
    total = total if total is not None or not isinstance(items, Sequence) else len(items)
    for done, item in enumerate(items, 1):
        yield item
        shown(done, total or done)


def read_faces(data: Path, choice: Choice, *, colour: bool) -> tuple[FaceSet, tuple[str, ...]]:
    """The faces that `choice` names, and what must be known of them. Raises TrainingError."""
    if not choice.in_pack and (choice.fold or choice.clean):
        raise TrainingError(f"{choice.set} has splits and no cleaned part; --fold and --clean are for packs")
    match choice.set:
        case "ferplus":
            return read_ferplus(data / "ferplus.parquet", choice.split), ()
        case "newsfaces":
            return read_newsfaces(data / "newsfaces.parquet", choice.split), ()
    if not choice.in_pack:
        known = ", ".join(SETS["affect"])
        raise TrainingError(f"--set {choice.set!r} holds no labelled faces; allowed: {known}, or a pack: PACK.parquet")
    from training.data.packed import pack_metadata, read_pack

    path = Path(str(choice.set)) if Path(str(choice.set)).is_file() else data / str(choice.set)
    faces = read_pack(path, choice.split, colour=colour, fold=choice.fold, cleaned=choice.clean)
    return faces, (_cleaned_by(str(pack_metadata(path)["cleaned"])),) if choice.clean else ()


def _cleaned_by(told: str) -> str:
    """What figures on the cleaned faces of a pack are worth, by what its metadata say of the cleaning."""
    from training.data.cleaned import PUBLISHED

    if told.startswith(PUBLISHED):
        return f"cleaned by the exact list ({told})"
    return f"cleaned by {told}: not comparable with the published accuracy of .75 and CCC of .82 and .75"


def answer(engine: Engine, faces: FaceSet, shown: Shown = lambda done, total: None, *, flip: bool = False) -> Answer:
    """The engine's answer for the serving crop of every face.

    With `flip`, valence and arousal are averaged with those of the mirror image; the rest is the picture's own.
    """
    rule, size = engine.spec.crop, engine.spec.input
    if rule is None or size.height_px is None:
        raise TrainingError(f"{engine.spec.name}: faces can only be given to a network that takes crops of them")
    side = size.height_px
    matrices = np.stack([crop_matrix(face_square(faces, i, rule.factor), side) for i in range(len(faces))])
    outputs = []
    for start in range(0, len(faces), 256):
        rows = range(start, min(start + 256, len(faces)))
        crops = [warp(faces.images[i], matrices[i], side, resample=rule.resample, fill=rule.fill) for i in rows]
        outputs.append(engine.run(np.stack([in_channels(crop, size.channels) for crop in crops])))
        shown(rows.stop, len(faces))
    joined = {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}
    found = Answer(
        _of_all_classes(engine, joined["expression"]),
        joined["valence"],
        joined["arousal"],
        to_pictures(joined["landmarks"], matrices),
        joined["landmark_peak"].mean(1),
    )
    if not flip:
        return found
    mirrored = answer(engine, faces.mirrored(), shown)
    return replace(
        found,
        valence=(found.valence + mirrored.valence) / 2,
        arousal=(found.arousal + mirrored.arousal) / 2,
    )


def _of_all_classes(engine: Engine, expression: np.ndarray) -> np.ndarray:
    """(F, C) of the network's own classes -> (F, 8); NaN for those it does not know."""
    out = np.full((len(expression), len(EXPRESSIONS)), np.nan, np.float32)
    out[:, [EXPRESSIONS.index(name) for name in engine.spec.classes]] = expression
    return out


def detector_figures(
    engine: Engine, scenes: Sequence[Scene], shown: Shown = lambda done, total: None
) -> dict[str, float]:
    """AP at IoU 0.5 for faces of at least 10, 16 and 32 px, at the stored size of the pictures."""
    samples = _detect(engine, scenes, shown)
    figures: dict[str, float] = {}
    for side_px in SIDES_PX:
        score = average_precision(samples, side_px)
        figures |= {f"ap_{side_px}px": score.average_precision, f"recall_{side_px}px": score.recall_max}
        figures[f"faces_{side_px}px"] = float(score.num_faces)
    return figures


def _detect(engine: Engine, scenes: Sequence[Scene], shown: Shown) -> list[Sample]:
    samples = []
    for scene in scenes:
        samples.append((scene.boxes, scene.invalid, candidates(engine, scene.image)))
        shown(len(samples), len(scenes))
    return samples


def candidates(engine: Engine, image: np.ndarray) -> np.ndarray:
    """Everything the detector sees in a picture (H, W) or (H, W, 3), unscaled: (D, 5) px and score, best first."""
    size = engine.spec.input
    step = max(size.multiple_px, 32)
    side = -(-max(image.shape[:2]) // step) * step  # one square shape for all, so that it is compiled once
    padded = np.zeros((1, side, side, size.channels), np.uint8)
    padded[0, : image.shape[0], : image.shape[1]] = image.reshape(*image.shape[:2], -1)
    found = engine.run(padded)
    boxes, scores = suppress(found["boxes"][0], found["scores"][0], SCORE_MIN, NMS_IOU, CANDIDATES_MAX)
    limits = [image.shape[1], image.shape[0]] * 2
    return np.column_stack([boxes.clip(0, limits), scores])

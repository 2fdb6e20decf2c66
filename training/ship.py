"""From a training run to a network folder: the weights exported, and what its spec says measured on the way.

An EmoFAN's landmark peaks become a visibility; a detector gets its thresholds, and the relation of its box to the
landmarks' box of the same face.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from engines import BoxMap, Engine, Network
from engines.network import SPEC_FILE, VisibilitySpec, read_network, write_spec
from engines.store import reference_engine
from training.data.drawn import draw_faces, draw_scenes
from training.data.faceset import FaceSet, has_weak_affect, in_channels
from training.data.newsfaces import read_newsfaces
from training.data.scenes import Scene, hold_out, read_scenes
from training.emofan.figures import true_class
from training.emofan.network import EmoFAN
from training.emofan.samples import sample_background
from training.errors import TrainingError
from training.evaluation.calibration import fit_temperature
from training.evaluation.evaluate import answer, candidates
from training.export import ServedEmoFAN, ServedFaceDetector, TorchEngine, affect_spec, detector_spec, export
from training.face_detector.average_precision import match
from training.face_detector.network import FaceDetector
from training.runs import RUN_FILE, EmoFANRun, FaceDetectorRun, read_run
from training.weights import WEIGHTS_FILE, load_strictly, read_weights

PRECISION_START, PRECISION_KEEP = 0.99, 0.85
"""Share of right answers on the held-out events that the detector's two thresholds ask for."""
SAMPLES_SEED = 7_000_000


def ship(
    run_folder: Path,
    data: Path,
    folder: Path,
    *,
    name: str,
    licence: str,
    log: Callable[[str], None] = lambda line: None,
) -> Network:
    """Write the network folder for the best weights of a run, whole or not at all. Raises TrainingError."""
    run, state = read_run(run_folder / RUN_FILE), read_weights(run_folder / WEIGHTS_FILE)
    if folder.exists() and not (folder / SPEC_FILE).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder}: is no network folder, so it is not replaced; give another with --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="_", dir=folder.parent) as scratch:
        half = Path(scratch) / folder.name
        if isinstance(run, EmoFANRun):
            _ship_emofan(run, state, data, half, name, licence, log)
        else:
            _ship_detector(run, state, data, half, name, licence)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        half.rename(folder)
    return read_network(folder)


def _ship_emofan(
    run: EmoFANRun,
    state: dict[str, torch.Tensor],
    data: Path,
    folder: Path,
    name: str,
    licence: str,
    log: Callable[[str], None],
) -> None:
    model = EmoFAN(run.network)
    load_strictly(model, state)
    side, channels = run.network.input_px, run.network.input_channels
    _, held_back, val = run.first_set(data)
    spec = affect_spec(side, run.crop.factor, channels=channels, name=name, licence=licence)
    spec = replace(spec, weak_labels=has_weak_affect(val))
    temperature = 1.0
    if len(held_back):
        probabilities = answer(TorchEngine(ServedEmoFAN(model), spec), held_back).expression
        temperature = round(fit_temperature(probabilities, true_class(held_back)), 3)
        log(f"temperature {temperature} from {len(held_back)} faces that were held back")
    drawn = draw_faces(8, seed=SAMPLES_SEED)
    crops = [cv2.resize(image[40:160, 40:160], (side, side)) for image in drawn.images]
    samples = np.stack([in_channels(image, channels) for image in crops])
    spec = export(ServedEmoFAN(model, temperature), spec, samples, folder)
    pictures, _ = run.read_scenes(data, "val")
    if not pictures:
        log("no visibility of landmarks: it takes squares without a face, so a set `scenes` in the configuration")
        return
    engine = reference_engine(read_network(folder))
    marked = run.read_marked(data)
    faces = [val] if marked is None else [val, marked]
    peaks = np.concatenate([answer(engine, part).peak for part in faces])
    write_spec(replace(spec, visibility=calibrate_visibility(engine, peaks, pictures)), folder)


def calibrate_visibility(
    engine: Engine, face_peaks: np.ndarray, scenes: Sequence[Scene], seed: int = 0
) -> VisibilitySpec:
    """A logistic curve that tells the mean landmark peaks of faces (F,) from those of as many squares of background."""
    rng = np.random.default_rng(seed)
    side = engine.spec.input.height_px
    assert side is not None
    tries = (sample_background(scenes[int(i)], side, rng) for i in rng.integers(0, len(scenes), 6 * len(face_peaks)))
    found = [in_channels(image, engine.spec.input.channels) for image in tries if image is not None]
    backgrounds = np.stack(found[: len(face_peaks)])
    nothing = engine.run(backgrounds)["landmark_peak"].mean(1)
    peaks = np.concatenate([face_peaks, nothing])
    is_face = np.concatenate([np.ones(len(face_peaks)), np.zeros(len(nothing))])
    design = np.column_stack([peaks, np.ones_like(peaks)]).astype(np.float64)
    weights = np.zeros(2)
    for _ in range(50):  # Newton's method for logistic regression, lightly regularised
        p = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (is_face - p) - 1e-2 * weights
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-2 * np.eye(2)
        weights += np.linalg.solve(curvature, gradient)
    return VisibilitySpec(slope=round(float(weights[0]), 3), offset=round(float(weights[1]), 3))


def _ship_detector(
    run: FaceDetectorRun, state: dict[str, torch.Tensor], data: Path, folder: Path, name: str, licence: str
) -> None:
    model = FaceDetector(run.network)
    load_strictly(model, state)
    spec = detector_spec(name=name, licence=licence)
    drawn = draw_scenes(4, clutter_share=0.0, seed=SAMPLES_SEED)
    samples = np.stack([cv2.resize(scene.image, (640, 384)) for scene in drawn])[..., None]
    spec = export(ServedFaceDetector(model), spec, samples, folder)
    engine = reference_engine(read_network(folder))
    _, held_out = hold_out(read_scenes(data / "faces_in_scenes.parquet", "train"))
    start, keep = choose_thresholds(engine, held_out)
    box_map = measure_box_map(engine, read_newsfaces(data / "newsfaces.parquet", "val"))
    assert spec.detector is not None
    rule = replace(spec.detector, score_start=start, score_keep=keep, box_map=box_map)
    write_spec(replace(spec, detector=rule), folder)


def choose_thresholds(engine: Engine, scenes: Sequence[Scene]) -> tuple[float, float]:
    """Scores from which on `PRECISION_START` and `PRECISION_KEEP` of the answers of 16 px and more are right."""
    judged = [verdict for s in scenes for verdict in match(s.boxes, s.invalid, candidates(engine, s.image), 16)[0]]
    scores, right = np.array(sorted(judged, reverse=True), float).reshape(-1, 2).T
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    picks = []
    for wanted in (PRECISION_START, PRECISION_KEEP):
        enough = np.flatnonzero(precision >= wanted)
        if not len(enough):
            raise TrainingError(f"at no score {wanted:.0%} of the detector's answers are right; train it longer")
        picks.append(round(float(scores[enough.max()]), 2))
    return picks[0], picks[1]


def measure_box_map(engine: Engine, faces: FaceSet) -> BoxMap:
    """Where the landmarks' box lies in the detector's box of the same face: medians over faces with landmarks.

    The close-ups get a margin as wide as they are: a detector wants to see what is around a face.
    """
    shares = []
    for image, points in zip(faces.images, faces.landmarks, strict=True):
        if not np.isfinite(points).all():
            continue
        margin = image.shape[0] // 2
        padded = cv2.copyMakeBorder(image, margin, margin, margin, margin, cv2.BORDER_REFLECT)
        found = candidates(engine, padded)
        if not len(found) or found[0, 4] < 0.5:
            continue
        box, (low, high) = found[0, :4], (points.min(0) + margin, points.max(0) + margin)
        size = box[2:] - box[:2]
        shift = ((low + high) / 2 - (box[:2] + box[2:]) / 2) / size
        if np.abs(shift).max() < 0.5:
            shares.append(np.concatenate([shift, (high - low) / size]))
    if not shares:
        raise TrainingError("the detector finds none of the faces with landmarks; train it longer")
    dx, dy, width, height = np.median(shares, axis=0).round(4).tolist()
    return BoxMap(dx=dx, dy=dy, width=width, height=height)

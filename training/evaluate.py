"""How good a network is, measured on the engine that serves it and with the serving crop. Needs no torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engines import Engine
from pipeline.crops import crop_matrix, warp
from pipeline.faces import suppress
from training.data.faceset import FaceSet
from training.data.ferplus import read_ferplus
from training.data.newsfaces import read_newsfaces
from training.emofan.figures import Answer, expression_figures, landmark_figures
from training.emofan.samples import CropConfig, face_square, to_pictures
from training.errors import TrainingError
from training.face_detector.average_precision import average_precision
from training.face_detector.scenes import Scene, read_scenes

SCORE_MIN, NMS_IOU, CANDIDATES_MAX = 0.02, 0.45, 750
"""How candidates are asked for when AP is counted."""

Shown = Callable[[int, int], None]
"""Called with how many of how many are done."""


def evaluate(
    engine: Engine, data: Path, split: str = "val", shown: Shown = lambda done, total: None
) -> dict[str, float]:
    """All figures that the data in `data` allow for this network."""
    if engine.spec.kind == "detector":
        return detector_figures(
            engine, read_scenes(data / "faces_in_scenes.parquet", split, colour=engine.spec.input.channels == 3), shown
        )
    faces = read_ferplus(data / "ferplus.parquet", split)
    figures = expression_figures(faces, answer(engine, faces, shown))
    marked = read_newsfaces(data / "newsfaces.parquet", split)
    return {**figures, **landmark_figures(marked, answer(engine, marked, shown))}


def answer(engine: Engine, faces: FaceSet, shown: Shown = lambda done, total: None) -> Answer:
    """The engine's answer for the serving crop of every face."""
    rule, size = engine.spec.crop, engine.spec.input
    if rule is None or size.height_px is None or size.channels != 1:
        raise TrainingError(f"{engine.spec.name}: grey faces can only be given to a network that takes luma crops")
    side = size.height_px
    crop = CropConfig(size_px=side, factor=rule.factor)
    matrices = np.stack([crop_matrix(face_square(faces, i, crop.factor), side) for i in range(len(faces))])
    outputs = []
    for start in range(0, len(faces), 256):
        rows = range(start, min(start + 256, len(faces)))
        crops = [warp(faces.images[i], matrices[i], side, resample=rule.resample, fill=rule.fill) for i in rows]
        outputs.append(engine.run(np.stack(crops)[..., None]))
        shown(rows.stop, len(faces))
    joined = {name: np.concatenate([part[name] for part in outputs]) for name in outputs[0]}
    landmarks = to_pictures(joined["landmarks"], matrices)
    peak = joined["landmark_peak"].mean(1)
    return Answer(joined["expression"], joined["valence"], joined["arousal"], landmarks, peak)


def detector_figures(
    engine: Engine, scenes: Sequence[Scene], shown: Shown = lambda done, total: None
) -> dict[str, float]:
    """AP at IoU 0.5 for faces of at least 10, 16 and 32 px, at the stored size of the pictures."""
    samples = []
    for scene in scenes:
        samples.append((scene.boxes, scene.invalid, candidates(engine, scene.image)))
        shown(len(samples), len(scenes))
    figures: dict[str, float] = {}
    for side_px in (10, 16, 32):
        score = average_precision(samples, side_px)
        figures |= {f"ap_{side_px}px": score.average_precision, f"recall_{side_px}px": score.recall_max}
        figures[f"faces_{side_px}px"] = float(score.num_faces)
    return figures


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

"""Networks that need no weights: white squares are faces, and brightness is valence."""

import cv2
import numpy as np

from engines import EXPRESSIONS, BoxMap, EngineInfo, NetworkSpec
from engines.network import CropSpec, DetectorSpec, InputSpec, OutputSpec
from pipeline.tracks.head_model import HEAD_MODEL

_INFO = EngineInfo(id="fake", runtime="none", precision="f32", device="none")
_RULE = DetectorSpec(
    score_start=0.6, score_keep=0.4, nms_iou=0.45, box_map=BoxMap(dx=0.0, dy=0.0, width=1.0, height=1.0)
)


class SquareDetector:
    """Finds connected bright regions; the score is their brightness."""

    def __init__(self) -> None:
        self.spec = NetworkSpec(
            name="squares",
            kind="detector",
            sha256="0",
            licence="none",
            input=InputSpec(channels=1, multiple_px=32, long_side_px=160),
            outputs={},
            detector=_RULE,
        )
        self.info = _INFO
        self.num_pictures = 0

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self.num_pictures += len(images)
        boxes = np.zeros((len(images), 20, 4), np.float32)
        scores = np.zeros((len(images), 20), np.float32)
        for i, image in enumerate(images[..., 0]):
            count, labels, stats, _ = cv2.connectedComponentsWithStats((image > 100).astype(np.uint8))
            regions = sorted(range(1, count), key=lambda k: stats[k, 0])[:20]
            for row, k in enumerate(k for k in regions if stats[k, 4] >= 16):
                x, y, w, h = stats[k, :4]
                boxes[i, row] = x, y, x + w, y + h
                scores[i, row] = np.median(image[labels == k]) / 255
        return {"boxes": boxes, "scores": scores}


class BrightnessAffect:
    """Valence is the crop's brightness, from -1 to 1; a bright crop counts as a visible face."""

    def __init__(self, size_px: int = 16):
        self.spec = NetworkSpec(
            name="brightness",
            kind="affect",
            sha256="0",
            licence="none",
            input=InputSpec(channels=1, height_px=size_px, width_px=size_px),
            outputs={"valence": OutputSpec(shape=[], unit="-1..1", atol=1e-4)},
            classes=list(EXPRESSIONS),
            crop=CropSpec(factor=0.5, resample="area"),
        )
        self.info = _INFO
        self.num_faces = 0

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        self.num_faces += len(images)
        mean = images.mean((1, 2, 3)).astype(np.float32)
        size = images.shape[1]
        frontal = (HEAD_MODEL[:, :2] - HEAD_MODEL[:, :2].mean(0)) * size / 2 + size / 2
        landmarks = np.broadcast_to(frontal.astype(np.float32), (len(images), 68, 2))
        expression = np.zeros((len(images), 8), np.float32)
        expression[:, 1] = 1
        return {
            "expression": expression,
            "valence": mean / 127.5 - 1,
            "arousal": np.zeros(len(images), np.float32),
            "landmarks": landmarks.copy(),
            "landmark_peak": np.broadcast_to((mean > 100).astype(np.float32)[:, None], (len(images), 68)).copy(),
        }

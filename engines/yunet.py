"""YuNet files as detectors: OpenCV runs them as they are, at any size (Wu et al., "YuNet", 2023)."""

import hashlib
from pathlib import Path

import cv2
import numpy as np

from engines.engine import EngineInfo, Outputs
from engines.errors import NetworkError
from engines.network import BoxMap, DetectorSpec, InputSpec, Network, NetworkSpec, OutputSpec

SCORE_KEEP, SCORE_START, NMS_IOU = 0.45, 0.68, 0.45
BOX_MAP = BoxMap(dx=0.0036, dy=0.1038, width=1.0183, height=0.7465)
"""Measured like the shipped detector's, by `training.ship.measure_box_map`."""
CANDIDATES_MAX = 750


def yunet_network(path: Path) -> Network:
    """A YuNet .onnx file as a network. Raises NetworkError where OpenCV does not take it for one."""
    cv2.utils.logging.setLogLevel(2)  # errors only: the new graph engine warns of what YuNet does not need
    try:
        cv2.FaceDetectorYN.create(str(path), "", (32, 32)).detect(np.zeros((32, 32, 3), np.uint8))
    except cv2.error as exc:
        raise NetworkError(f"{path}: not a YuNet face detector that OpenCV can read; it said: {exc.err}") from exc
    spec = NetworkSpec(
        name="yunet",
        kind="detector",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        licence="see the file's origin",
        input=InputSpec(channels=3, long_side_px=640),
        outputs={
            "boxes": OutputSpec(shape=[None, 4], unit="px", atol=0.0),
            "scores": OutputSpec(shape=[None], unit="probability", atol=0.0),
        },
        detector=DetectorSpec(score_start=SCORE_START, score_keep=SCORE_KEEP, nms_iou=NMS_IOU, box_map=BOX_MAP),
    )
    return Network(path.parent, spec, path, runs_itself=True)


class YuNetEngine:
    """YuNet behind the engine seam, one picture at a time."""

    def __init__(self, network: Network):
        self.spec = network.spec
        version = cv2.__version__
        self.info = EngineInfo(
            id=f"yunet-opencv-{version}-{network.spec.sha256[:16]}", runtime="opencv", precision="f32", device="cpu"
        )
        self._net = cv2.FaceDetectorYN.create(str(network.model_path), "", (32, 32), 0.02, NMS_IOU, CANDIDATES_MAX)

    def run(self, images: np.ndarray) -> Outputs:
        """(K, H, W, 3) uint8 RGB -> boxes (K, D, 4) px and scores (K, D); missing ones have score 0."""
        found = []
        for image in images:
            self._net.setInputSize((image.shape[1], image.shape[0]))
            faces = self._net.detect(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
            found.append(np.zeros((0, 15), np.float32) if faces is None else faces)
        most = max((len(faces) for faces in found), default=0)
        table = np.zeros((len(images), most, 5), np.float32)
        for row, faces in zip(table, found, strict=True):
            row[: len(faces)] = np.column_stack([faces[:, :2], faces[:, :2] + faces[:, 2:4], faces[:, 14]])
        return {"boxes": table[..., :4], "scores": table[..., 4]}

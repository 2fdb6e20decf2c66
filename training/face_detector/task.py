"""The face detector as a training task."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training.face_detector.average_precision import average_precision
from training.face_detector.loss import detection_loss
from training.face_detector.network import STRIDES, FaceDetector, anchors
from training.face_detector.scenes import Scene, sample_batch
from training.trainer import Batch

SCORE_MIN = 0.02
NMS_IOU = 0.45
CANDIDATES_MAX = 750


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig:
    """What the detector learns from."""

    batch_size: int = 16
    crop_px: int = 256
    drawn_share: float = 0.0
    """Share of crops cut from drawn scenes instead of photographs."""
    channels: tuple[int, int, int, int, int] = (16, 24, 32, 48, 64)
    head_channels: int = 32


class DetectorTask:
    """Faces in pictures; scored by AP of faces of 16 px and more."""

    def __init__(
        self, config: DetectorConfig, train: Sequence[Scene], val: Sequence[Scene], drawn: Sequence[Scene] = ()
    ):
        self._config, self._train, self._val, self._drawn = config, train, val, drawn
        self._centres, self._strides = anchors(config.crop_px, config.crop_px)

    def network(self) -> nn.Module:
        return FaceDetector(self._config.channels, self._config.head_channels)

    def batch(self, rng: np.random.Generator) -> Batch:
        count, size = self._config.batch_size, self._config.crop_px
        num_drawn = int(rng.binomial(count, self._config.drawn_share)) if self._drawn else 0
        images, faces, ignored = sample_batch(self._train, size, count - num_drawn, rng)
        if num_drawn:
            more = sample_batch(self._drawn, size, num_drawn, rng)
            images, faces, ignored = np.concatenate([images, more[0]]), faces + more[1], ignored + more[2]
        return {
            "images": torch.from_numpy(images)[:, None],
            "faces": [torch.from_numpy(f) for f in faces],
            "ignored": [torch.from_numpy(f) for f in ignored],
        }

    def losses(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        images = batch["images"].float().div(255).contiguous(memory_format=torch.channels_last)
        logits, boxes = model(images)
        centres, strides = self._centres.to(logits.device), self._strides.to(logits.device)
        return detection_loss(logits.float(), boxes.float(), centres, strides, batch["faces"], batch["ignored"])

    def validate(self, model: nn.Module) -> dict[str, float]:
        samples = [(s.boxes, s.invalid, detect(model, s.image)) for s in self._val]
        figures = {f"ap_{side}px": average_precision(samples, side).average_precision for side in (10, 16, 32)}
        return {"score": figures["ap_16px"], **figures}


@torch.no_grad()
def detect(model: nn.Module, image: np.ndarray) -> np.ndarray:
    """Faces in one (H, W) uint8 picture -> (D, 5) px and score, best first."""
    height, width = image.shape
    stride = STRIDES[-1]
    padded = np.zeros((-(-height // stride) * stride, -(-width // stride) * stride), np.uint8)
    padded[:height, :width] = image
    device = next(model.parameters()).device
    x = torch.from_numpy(padded)[None, None].to(device).float() / 255
    logits, boxes = (t[0].float().cpu().numpy() for t in model.eval()(x))
    scores = 1 / (1 + np.exp(-logits))
    keep = np.flatnonzero(scores >= SCORE_MIN)
    keep = keep[np.argsort(-scores[keep], kind="stable")][:3000]
    kept = cv2.dnn.NMSBoxes(
        np.c_[boxes[keep, :2], boxes[keep, 2:] - boxes[keep, :2]].tolist(), scores[keep].tolist(), SCORE_MIN, NMS_IOU
    )
    keep = keep[np.asarray(kept, int)[:CANDIDATES_MAX]]
    return np.c_[boxes[keep].clip([0, 0, 0, 0], [width, height, width, height]), scores[keep]]

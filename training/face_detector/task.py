"""The face detector as a training task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.evaluation.evaluate import detector_figures
from training.export import ServedFaceDetector, TorchEngine, detector_spec
from training.face_detector.loss import detection_loss
from training.face_detector.network import STRIDES, FaceDetector, FaceDetectorConfig, anchors
from training.face_detector.scenes import Scene, sample_batch
from training.trainer import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig:
    """What the detector learns from."""

    batch_size: int = 16
    crop_px: int = 256
    drawn_share: float = 0.0
    """Share of crops cut from drawn scenes instead of photographs."""

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ValueError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.crop_px < 64 or self.crop_px % STRIDES[-1]:
            raise ValueError(f"crop_px must be a multiple of {STRIDES[-1]} from 64 on, got {self.crop_px}")
        if not 0 <= self.drawn_share <= 1:
            raise ValueError(f"drawn_share must be in 0..1, got {self.drawn_share}")


class DetectorTask:
    """Faces in pictures; scored by AP of faces of 16 px and more."""

    def __init__(
        self,
        config: DetectorConfig,
        network: FaceDetectorConfig,
        train: Sequence[Scene],
        val: Sequence[Scene],
        drawn: Sequence[Scene] = (),
    ):
        self._config, self._network = config, network
        self._train, self._val, self._drawn = train, val, drawn
        self._centres, self._strides = anchors(config.crop_px, config.crop_px)

    def network(self) -> nn.Module:
        return FaceDetector(self._network)

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
        assert isinstance(model, FaceDetector)
        figures = detector_figures(TorchEngine(ServedFaceDetector(model), detector_spec()), self._val)
        return {"score": figures["ap_16px"], **{name: figures[name] for name in ("ap_10px", "ap_16px", "ap_32px")}}

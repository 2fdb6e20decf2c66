"""The face detector as a training task."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.data.scenes import Scene
from training.evaluation.evaluate import detector_figures
from training.export import ServedFaceDetector, TorchEngine, detector_spec
from training.face_detector.canvases import Pictures, sample_canvas
from training.face_detector.loss import detection_loss
from training.face_detector.network import STRIDES, FaceDetector, FaceDetectorConfig, anchors
from training.trainer import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorConfig:
    """What the detector learns from."""

    canvas_px: tuple[int, ...] = (512, 640)
    """Sides of the square canvases; each step takes one of them. 640 is what the detector sees when it serves."""
    batch_px: int = 1_300_000
    """Pixels of a batch: as many canvases as fit."""
    drawn_share: float = 0.0
    """Share of pictures taken from drawn scenes instead of photographs."""
    mosaic_share: float = 0.7
    """Share of canvases that show four crops, for small faces; the others show one picture."""
    augmentation: float = 1.0
    """Share of samples that are turned, covered or degraded. Less of it at the end: most pictures are clean."""

    def __post_init__(self) -> None:
        if not self.canvas_px or any(side < 128 or side % (2 * STRIDES[-1]) for side in self.canvas_px):
            raise ValueError(f"canvas_px must be multiples of {2 * STRIDES[-1]} from 128 on, got {self.canvas_px}")
        if self.batch_px < 2 * max(self.canvas_px) ** 2:
            raise ValueError(f"batch_px must hold two canvases ({2 * max(self.canvas_px) ** 2}), got {self.batch_px}")
        for name in ("drawn_share", "mosaic_share", "augmentation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in 0..1, got {getattr(self, name)}")


class DetectorTask:
    """Faces in pictures; scored by AP of faces of 16 px and more, on events that are not learnt from."""

    def __init__(
        self, config: DetectorConfig, network: FaceDetectorConfig, pictures: Pictures, held_out: Sequence[Scene]
    ):
        self._config, self._network, self._pictures, self._held_out = config, network, pictures, held_out

    def network(self) -> nn.Module:
        return FaceDetector(self._network)

    def batch(self, rng: np.random.Generator) -> Batch:
        side = int(rng.choice(self._config.canvas_px))
        samples = [sample_canvas(self._pictures, side, rng) for _ in range(self._config.batch_px // side**2)]
        images, faces, ignored = zip(*samples, strict=True)
        return {
            "images": torch.from_numpy(np.stack(images))[:, None],
            "faces": [torch.from_numpy(f) for f in faces],
            "ignored": [torch.from_numpy(f) for f in ignored],
        }

    def losses(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        images = batch["images"].float().div(255).contiguous(memory_format=torch.channels_last)
        logits, boxes = model(images)
        centres, strides = anchors(images.shape[2], images.shape[3], logits.device)
        return detection_loss(logits.float(), boxes.float(), centres, strides, batch["faces"], batch["ignored"])

    def validate(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, FaceDetector)
        figures = detector_figures(TorchEngine(ServedFaceDetector(model), detector_spec()), self._held_out)
        return {"score": figures["ap_16px"], **{name: figures[name] for name in ("ap_10px", "ap_16px", "ap_32px")}}

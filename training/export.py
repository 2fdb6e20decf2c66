"""From trained weights to a network folder: ``network.onnx`` that takes uint8 pictures and gives physical values.

Scaling, softmax, clamping, box and landmark decoding are inside the graph, so that every runtime computes them alike.
"""

import hashlib
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from engines import EXPRESSIONS, BoxMap, EngineInfo, NetworkSpec, VerificationError
from engines.network import (
    MODEL_FILE,
    SAMPLES_FILE,
    CropSpec,
    DetectorSpec,
    InputSpec,
    OutputSpec,
    read_network,
    write_spec,
)
from engines.store import reference_engine
from engines.verify import check_same
from training.emofan.network import EmoFAN, decode_landmarks
from training.errors import TrainingError
from training.face_detector.network import STRIDES, FaceDetector

LONG_SIDE_PX = 640
"""To what the longer side of a picture is scaled for the detector."""


class ServedEmoFAN(nn.Module):
    """EmoFAN behind its serving interface."""

    outputs = ("expression", "valence", "arousal", "landmarks", "landmark_peak")

    def __init__(self, model: EmoFAN, temperature: float = 1.0):
        """`temperature` divides the logits of the expressions: above 1 the network becomes less sure, below 1 surer."""
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """images (K, S, S, C) uint8 -> the outputs named in `outputs`."""
        out = self.model(images.permute(0, 3, 1, 2).float() / 255)
        landmarks, peak = decode_landmarks(out.heatmaps)
        expression = (out.expression / self.temperature).softmax(1)
        return expression, out.valence.clamp(-1, 1), out.arousal.clamp(-1, 1), landmarks, peak


class ServedFaceDetector(nn.Module):
    """The face detector behind its serving interface."""

    outputs = ("boxes", "scores")

    def __init__(self, model: FaceDetector):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """images (K, H, W, 1) uint8 -> boxes (K, A, 4) px and scores (K, A)."""
        logits, boxes = self.model(images.permute(0, 3, 1, 2).float() / 255)
        return boxes, logits.sigmoid()


class TorchEngine:
    """A network that is being trained, behind the engine seam: it is measured by the code that measures what serves."""

    info = EngineInfo(id="torch", runtime="torch", precision="f32", device="any")

    def __init__(self, served: ServedEmoFAN | ServedFaceDetector, spec: NetworkSpec):
        self.spec, self._served = spec, served.eval()

    @torch.no_grad()
    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        device = next(self._served.parameters()).device
        values = self._served(torch.from_numpy(images).to(device))
        return {name: value.float().cpu().numpy() for name, value in zip(self._served.outputs, values, strict=True)}


def affect_spec(
    input_px: int,
    crop_factor: float,
    *,
    channels: int = 1,
    classes: Sequence[str] = EXPRESSIONS,
    resample: Literal["bilinear", "area"] = "area",
    name: str = "",
    licence: str = "",
) -> NetworkSpec:
    """What is said of an EmoFAN; the model's hash and the visibility are still missing.

    `classes` are named in the order of its answers.
    """
    return NetworkSpec(
        name=name,
        kind="affect",
        sha256="",
        licence=licence,
        input=InputSpec(channels=3 if channels == 3 else 1, height_px=input_px, width_px=input_px),
        outputs={
            "expression": OutputSpec(shape=[len(classes)], unit="probability", min=0, max=1, atol=1e-4),
            "valence": OutputSpec(shape=[], unit="-1..1", min=-1, max=1, atol=1e-4),
            "arousal": OutputSpec(shape=[], unit="-1..1", min=-1, max=1, atol=1e-4),
            "landmarks": OutputSpec(shape=[68, 2], unit="crop px", atol=0.02),
            "landmark_peak": OutputSpec(shape=[68], unit="1", atol=1e-3),
        },
        classes=list(classes),
        crop=CropSpec(factor=crop_factor, resample=resample),
        weak_labels=True,
    )


def detector_spec(*, name: str = "", licence: str = "") -> NetworkSpec:
    """What is said of a face detector; the model's hash, its thresholds and its box map are still missing."""
    return NetworkSpec(
        name=name,
        kind="detector",
        sha256="",
        licence=licence,
        input=InputSpec(channels=1, multiple_px=STRIDES[-1], long_side_px=LONG_SIDE_PX),
        outputs={
            "boxes": OutputSpec(shape=[None, 4], unit="px", atol=0.05),
            "scores": OutputSpec(shape=[None], unit="probability", min=0, max=1, atol=1e-3),
        },
        detector=DetectorSpec(
            score_start=0.6, score_keep=0.4, nms_iou=0.45, box_map=BoxMap(dx=0, dy=0, width=1, height=1)
        ),
    )


def export(
    served: ServedEmoFAN | ServedFaceDetector, spec: NetworkSpec, samples: np.ndarray, folder: Path
) -> NetworkSpec:
    """Write the network folder and return the spec with the model's SHA-256 filled in.

    `samples` (K, H, W, C) uint8 are stored beside the model: engines are verified on them. Raises TrainingError where
    the model does not give PyTorch's numbers for them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    batch = torch.export.Dim("batch", min=1, max=1024)
    shape: dict[int, object] = {0: batch}
    if spec.input.height_px is None:
        shape[1] = STRIDES[-1] * torch.export.Dim("rows", min=1, max=256)
        shape[2] = STRIDES[-1] * torch.export.Dim("columns", min=1, max=256)
    with _quiet():
        torch.onnx.export(
            served.eval(),
            (torch.from_numpy(samples[:2]),),
            str(folder / MODEL_FILE),
            input_names=["images"],
            output_names=list(served.outputs),
            dynamic_shapes=(shape,),
            external_data=False,
            verbose=False,
        )
    remove_traces(folder / MODEL_FILE)
    digest = hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
    np.savez_compressed(folder / SAMPLES_FILE, images=samples)
    spec = replace(spec, sha256=digest)
    write_spec(spec, folder)
    try:
        check_same(reference_engine(read_network(folder)), TorchEngine(served, spec), samples)
    except VerificationError as exc:
        raise TrainingError(f"the exported network does not give PyTorch's numbers: {exc}") from exc
    return spec


def remove_traces(model_path: Path) -> None:
    """Take the exporter's notes out of an ONNX file: source paths of this machine, and half a megabyte."""
    import onnx  # only exporting needs it

    model = onnx.load(model_path)
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]
    onnx.save(model, model_path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter says of itself: that torchvision is missing, and that it calls old functions."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        log.setLevel(level)

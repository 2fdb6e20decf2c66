"""From trained weights to a network folder: ``network.onnx`` that takes uint8 pictures and gives physical values.

Scaling, softmax, clamping, box and landmark decoding are inside the graph, so that every runtime computes them alike.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engines import Engine
from engines.network import MODEL_FILE, SAMPLES_FILE, NetworkSpec, read_network, write_spec
from engines.store import reference_engine
from training.emofan.network import EmoFAN, decode_landmarks
from training.errors import TrainingError
from training.face_detector.network import STRIDES, FaceDetector


class ServedEmoFAN(nn.Module):
    """EmoFAN behind its serving interface."""

    outputs = ("expression", "valence", "arousal", "landmarks", "landmark_peak")

    def __init__(self, model: EmoFAN):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """images (K, S, S, C) uint8 -> the outputs named in `outputs`."""
        out = self.model(images.permute(0, 3, 1, 2).float() / 255)
        landmarks, peak = decode_landmarks(out.heatmaps)
        return out.expression.softmax(1), out.valence.clamp(-1, 1), out.arousal.clamp(-1, 1), landmarks, peak


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
    digest = hashlib.sha256((folder / MODEL_FILE).read_bytes()).hexdigest()
    np.savez_compressed(folder / SAMPLES_FILE, images=samples)
    spec = replace(spec, sha256=digest)
    write_spec(spec, folder)
    _compare(served, reference_engine(read_network(folder)), samples)
    return spec


@torch.no_grad()
def _compare(served: nn.Module, reference: Engine, samples: np.ndarray) -> None:
    """TrainingError where the exported graph differs from the network that was trained."""
    got, want = reference.run(samples), served(torch.from_numpy(samples))
    for (name, output), values in zip(reference.spec.outputs.items(), want, strict=True):
        difference = float(np.abs(got[name] - values.numpy()).max())
        if not difference <= output.atol:
            raise TrainingError(f"{name} of the exported network differs from PyTorch's by {difference:.2g}")

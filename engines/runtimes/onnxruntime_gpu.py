"""ONNX Runtime on an NVIDIA GPU: the package `onnxruntime-gpu`, which takes the place of `onnxruntime`.

Never run: it was written without a GPU at hand. An engine is verified against the float32 reference as it is built, so
one that is wrong is refused.
"""

from pathlib import Path

import numpy as np
import onnxruntime as ort

from engines.engine import Compiled, Outputs
from engines.errors import EngineError

PROVIDER = "CUDAExecutionProvider"
if PROVIDER not in ort.get_available_providers():
    raise ImportError(f"this ONNX Runtime has no {PROVIDER}")

VERSION: str = ort.__version__
PRECISIONS = ("f32",)
_DRIVER = Path("/proc/driver/nvidia/gpus")


def device_name() -> str:
    """What the engine runs on, as part of its identity: the models of this machine's GPUs."""
    lines = [line for path in _DRIVER.glob("*/information") for line in path.read_text().splitlines()]
    models = {line.partition(":")[2].strip() for line in lines if line.startswith("Model:")}
    return ", ".join(sorted(models)) or "cuda"


def compiler(model: Path, precision: str, threads: int, cache: Path | None) -> "SessionCompiler":
    """A compiler of `model`; `precision` is always f32, and nothing is cached."""
    return SessionCompiler(model, threads)


class SessionCompiler:
    """One session serves every shape."""

    def __init__(self, model: Path, threads: int):
        ort.preload_dlls()  # CUDA and cuDNN where pip has put them
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # f32 means f32, without TF32's shorter mantissa; and no search that may end otherwise on the next machine
        cuda = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
        self._session = ort.InferenceSession(str(model), options, providers=[(PROVIDER, cuda), "CPUExecutionProvider"])
        if PROVIDER not in self._session.get_providers():
            raise EngineError("onnxruntime-gpu found no GPU that it can use; see `nvidia-smi`, and its CUDA and cuDNN")
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, shape: tuple[int, int, int, int]) -> Compiled:
        return self._run

    def _run(self, images: np.ndarray) -> Outputs:
        values = self._session.run(self._names, {self._session.get_inputs()[0].name: images})
        return dict(zip(self._names, values, strict=True))

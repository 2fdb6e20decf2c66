"""ONNX Runtime on an NVIDIA GPU: the package `onnxruntime-gpu`, which takes the place of `onnxruntime`.

Never run: it was written without a GPU at hand. An engine is verified against the float32 reference as it is built, so
one that is wrong is refused.
"""

from pathlib import Path

import onnxruntime as ort

from engines.errors import EngineError
from engines.network import NetworkSpec
from engines.runtimes.onnxruntime import SessionCompiler

PROVIDER = "CUDAExecutionProvider"
if PROVIDER not in ort.get_available_providers():
    raise ImportError(f"this ONNX Runtime has no {PROVIDER}")

_DRIVER = Path("/proc/driver/nvidia/gpus")
BATCH_SIZES = {"affect": (64, 16, 4, 1), "detector": (8, 4, 1)}
"""Requests of several workers are run together, so larger batches come about than one worker would fill."""


class OnnxRuntimeGpu:
    """See `engines.runtimes.Runtime`. Nothing is cached."""

    version: str = ort.__version__
    precisions: tuple[str, ...] = ("f32",)
    uses_threads = False

    def device_name(self) -> str:
        lines = [line for path in _DRIVER.glob("*/information") for line in path.read_text().splitlines()]
        models = {line.partition(":")[2].strip() for line in lines if line.startswith("Model:")}
        return ", ".join(sorted(models)) or "cuda"

    def batch_sizes(self, spec: NetworkSpec) -> tuple[int, ...]:
        return BATCH_SIZES[spec.kind]

    def compiler(self, model: Path, precision: str, threads: int, cache: Path | None) -> SessionCompiler:
        ort.preload_dlls()  # CUDA and cuDNN where pip has put them
        # f32 means f32, without TF32's shorter mantissa; and no search that may end otherwise on the next machine
        cuda = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
        compiled = SessionCompiler(model, threads, [(PROVIDER, cuda), "CPUExecutionProvider"])
        if PROVIDER not in compiled.providers:
            raise EngineError("onnxruntime-gpu found no GPU that it can use; see `nvidia-smi`, and its CUDA and cuDNN")
        return compiled


RUNTIME = OnnxRuntimeGpu()

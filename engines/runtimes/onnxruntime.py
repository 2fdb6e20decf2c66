"""ONNX Runtime on the CPU: the float32 reference, and the fallback everywhere."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engines.engine import Compiled, Outputs, Shape
from engines.network import NetworkSpec
from engines.runtimes.cpu import cpu_batch_sizes


class OnnxRuntime:
    """See `engines.runtimes.Runtime`. Nothing is cached: a session opens in milliseconds."""

    version: str = ort.__version__
    precisions: tuple[str, ...] = ("f32",)
    uses_threads = True

    def device_name(self) -> str:
        return "cpu"

    def batch_sizes(self, spec: NetworkSpec) -> tuple[int, ...]:
        return cpu_batch_sizes(spec)

    def compiler(self, model: Path, precision: str, threads: int, cache: Path | None) -> "SessionCompiler":
        return SessionCompiler(model, threads, ["CPUExecutionProvider"])


RUNTIME = OnnxRuntime()


class SessionCompiler:
    """One session serves every shape."""

    def __init__(self, model: Path, threads: int, providers: Sequence[str | tuple[str, dict[str, str]]]):
        """`providers`: what runs it, the preferred first, with their options."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # decoding shares the cores
        self._session = ort.InferenceSession(str(model), options, providers=providers)
        self._names = [output.name for output in self._session.get_outputs()]

    @property
    def providers(self) -> list[str]:
        """Those that ONNX Runtime could start."""
        return list(self._session.get_providers())

    def __call__(self, shape: Shape) -> Compiled:
        return self._run

    def _run(self, images: np.ndarray) -> Outputs:
        values = self._session.run(self._names, {self._session.get_inputs()[0].name: images})
        return dict(zip(self._names, values, strict=True))

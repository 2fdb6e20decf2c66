"""OpenVINO on the CPU: the default there."""

from pathlib import Path

import numpy as np
import openvino as ov

from engines.engine import Compiled, Outputs, Shape
from engines.network import NetworkSpec
from engines.runtimes.cpu import cpu_batch_sizes


class OpenVINO:
    """See `engines.runtimes.Runtime`."""

    version: str = ov.__version__
    precisions = ("f32", "bf16")
    uses_threads = True

    def device_name(self) -> str:
        return str(ov.Core().get_property("CPU", "FULL_DEVICE_NAME"))

    def batch_sizes(self, spec: NetworkSpec) -> tuple[int, ...]:
        return cpu_batch_sizes(spec)

    def compiler(self, model: Path, precision: str, threads: int, cache: Path | None) -> "ModelCompiler":
        return ModelCompiler(model, precision, threads, cache)


RUNTIME = OpenVINO()


class ModelCompiler:
    """Compiles the model anew for each shape."""

    def __init__(self, model: Path, precision: str, threads: int, cache: Path | None):
        self._core = ov.Core()
        if cache is not None:
            self._core.set_property({"CACHE_DIR": str(cache)})
        self._model = model
        self._config = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": precision,  # never left to OpenVINO: it would choose bf16 where the CPU has it
        }

    def __call__(self, shape: Shape) -> Compiled:
        model = self._core.read_model(self._model)
        model.reshape(list(shape))
        compiled = self._core.compile_model(model, "CPU", self._config)
        request = compiled.create_infer_request()
        names = [(name, i) for i, output in enumerate(compiled.outputs) for name in output.names]

        def run(images: np.ndarray) -> Outputs:
            results = request.infer([images], share_inputs=True, share_outputs=True)
            return {name: np.array(results[i]) for name, i in names}  # the request will write over its own

        return run

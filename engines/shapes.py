"""Every shape at which an engine is compiled is compared with the float32 reference before it serves.

A detector is compiled anew for each picture size. The engine's folder keeps a small file for each verified shape, so
that a shape is compared once per engine and not once per process.
"""

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from engines.engine import Compiled, Engine, EngineInfo, FixedShapeEngine, Shape
from engines.network import Network
from engines.verify import check_same


class VerifiedCompiler:
    """Compiles a network at a shape, and verifies the result unless the engine's folder says that it was verified."""

    def __init__(
        self,
        network: Network,
        info: EngineInfo,
        folder: Path,
        compile_shape: Callable[[Shape], Compiled],
        open_reference: Callable[[], Engine],
        on_batch: Callable[[], None] = lambda: None,
    ):
        """`open_reference` is called when a shape has to be verified, so that most processes need no reference.

        `on_batch` is called after every step: compiled, and each batch that is compared.
        """
        self._network, self._info, self._folder = network, info, folder / "verified"
        self._compile_shape, self._open_reference, self._on_batch = compile_shape, open_reference, on_batch
        self.worst: dict[str, float] = {}
        """Largest absolute difference per output, over the shapes that this object has verified."""

    def __call__(self, shape: Shape) -> Compiled:
        """Raises VerificationError where the result is outside the network's tolerance."""
        compiled = self._compile_shape(shape)
        self._on_batch()
        path = self._folder / f"{'x'.join(map(str, shape))}.json"
        if not path.is_file():
            engine = FixedShapeEngine(self._network.spec, self._info, shape[:1], lambda _: compiled, self._on_batch)
            count = max(shape[0], len(self._network.samples))
            images = sample_images(self._network, (count, *shape[1:]))
            found = check_same(engine, self._open_reference(), images)
            self.worst = {name: max(difference, self.worst.get(name, 0.0)) for name, difference in found.items()}
            _write(path, found)
        return compiled


def sample_images(network: Network, shape: Shape) -> np.ndarray:
    """The network's samples, repeated in all directions until they fill `shape` (K, H, W, C): uint8."""
    samples = network.samples
    images, rows, columns = (np.arange(size) % have for size, have in zip(shape, samples.shape[:3], strict=False))
    return np.ascontiguousarray(samples[images][:, rows[:, None], columns])


def _write(path: Path, differences: dict[str, float]) -> None:
    half = path.with_name(f"_{uuid.uuid4().hex}")
    with suppress(OSError):  # the cache is read-only or full: the next process verifies again
        path.parent.mkdir(exist_ok=True)
        try:
            half.write_text(json.dumps(differences) + "\n", encoding="utf-8")
            half.replace(path)
        finally:
            half.unlink(missing_ok=True)

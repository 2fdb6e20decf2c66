"""The engine seam: a network compiled for this machine, with one method.

An engine runs at a few fixed batch shapes and pads the last batch, so what it says of one picture never depends on
which others travel with it. Shapes: K pictures, H W pixels, C channels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engines.errors import EngineError
from engines.network import NetworkSpec

Outputs = dict[str, np.ndarray]
Shape = tuple[int, int, int, int]
"""K pictures of H x W px with C channels."""
Compiled = Callable[[np.ndarray], Outputs]
"""A network compiled at one shape: exactly that many pictures in, owned arrays out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """What an engine is, for every file's metadata."""

    id: str
    """Name of its folder: network, runtime, precision and a hash of all that it depends on."""
    runtime: str
    precision: str
    device: str


class Engine(Protocol):
    """A loaded network. Not thread-safe: one engine, one worker."""

    @property
    def spec(self) -> NetworkSpec: ...

    @property
    def info(self) -> EngineInfo: ...

    def run(self, images: np.ndarray) -> Outputs:
        """(K, H, W, C) uint8 -> the outputs named in the spec, leading axis K, owned by the caller. K may be 0."""


class FixedShapeEngine:
    """An engine over any runtime that can compile the network at one shape."""

    def __init__(
        self,
        spec: NetworkSpec,
        info: EngineInfo,
        batch_shapes: tuple[int, ...],
        compile_shape: Callable[[Shape], Compiled],
        on_batch: Callable[[], None] = lambda: None,
    ):
        """`compile_shape` gets (K, H, W, C); shapes are compiled when they are first needed and kept.

        `on_batch` is called after every batch: many pictures take long, and a watchdog needs to know that they get on.
        """
        self.spec, self.info = spec, info
        self._on_batch = on_batch
        self._batch_shapes = tuple(sorted(batch_shapes, reverse=True))
        self._compile_shape = compile_shape
        self._compiled: dict[Shape, Compiled] = {}

    def run(self, images: np.ndarray) -> Outputs:
        self._check(images)
        pieces, start = [], 0
        for size, count in _chunks(len(images), self._batch_shapes):
            part = images[start : start + count]
            if count < size:
                part = np.concatenate([part, np.zeros((size - count, *images.shape[1:]), np.uint8)])
            outputs = self._at((size, *images.shape[1:]))(np.ascontiguousarray(part))
            pieces.append({name: value[:count] for name, value in outputs.items()})
            start += count
            self._on_batch()
        if not pieces:
            return {
                name: np.zeros((0, *(s or 0 for s in o.shape)), np.float32) for name, o in self.spec.outputs.items()
            }
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self.spec.outputs}

    def _at(self, shape: tuple[int, ...]) -> Compiled:
        if shape not in self._compiled:
            k, h, w, c = shape
            self._compiled[k, h, w, c] = self._compile_shape((k, h, w, c))
        return self._compiled[shape]  # type: ignore[index]

    def _check(self, images: np.ndarray) -> None:
        want = self.spec.input
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != want.channels:
            raise EngineError(
                f"{self.spec.name}: images must be uint8 (K, H, W, {want.channels}), got {images.dtype} {images.shape}"
            )
        for got, fixed in zip(images.shape[1:3], (want.height_px, want.width_px), strict=True):
            if (fixed is not None and got != fixed) or got % want.multiple_px:
                raise EngineError(
                    f"{self.spec.name}: a picture of {images.shape[2]}x{images.shape[1]} px does not fit; expected "
                    f"{want.width_px or 'any'}x{want.height_px or 'any'}, multiples of {want.multiple_px}"
                )


def _chunks(count: int, shapes: tuple[int, ...]) -> list[tuple[int, int]]:
    """Cover `count` pictures with (shape, pictures in it), the largest shapes first; only the last is padded.

    A rest that fills less than half of a shape goes to smaller ones, so that little is computed in vain.
    """
    chunks = []
    while count:
        fitting = [s for s in shapes if s <= count] or [shapes[-1]]
        larger = [s for s in shapes if s > count]
        size = larger[-1] if larger and 2 * count > larger[-1] else fitting[0]
        chunks.append((size, min(size, count)))
        count -= min(size, count)
    return chunks

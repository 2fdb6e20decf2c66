"""Runtimes: what compiles a network for a device and runs it. The one registry that the rest reads.

A runtime's library is imported only when it is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from engines.engine import Compiled, Shape
from engines.errors import EngineError, RuntimeMissingError
from engines.network import NetworkSpec


class Runtime(Protocol):
    """A library that runs networks on a kind of device."""

    version: str
    """Of the library: part of an engine's identity."""
    precisions: tuple[str, ...]
    """What it can compile to, the default first."""
    uses_threads: bool
    """Whether the number of CPU threads changes its engines, and so is part of their identity."""

    def device_name(self) -> str:
        """What engines run on: part of their identity, as kernels are chosen for it."""

    def batch_sizes(self, spec: NetworkSpec) -> tuple[int, ...]:
        """How many pictures an engine of this network runs at a time, the largest number first."""

    def compiler(self, model: Path, precision: str, threads: int, cache: Path | None) -> Callable[[Shape], Compiled]:
        """What compiles the ONNX file `model` at a shape. `cache`: a folder for compiled shapes; None: none is kept.

        Raises EngineError where the device cannot be used.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeEntry:
    """A runtime that is known, whether it is installed or not."""

    module: str
    """Has the runtime as `RUNTIME`."""
    package: str
    """What `pip install` is given."""
    purpose: str
    """What it is for, in a few words."""
    by_name_only: bool = False
    """`auto` never takes it."""
    required: bool = False
    """Nothing works without it."""

    def load(self) -> Runtime:
        """Raises RuntimeMissingError where its library is not installed."""
        try:
            runtime: Runtime = import_module(self.module).RUNTIME
        except ImportError as exc:
            raise RuntimeMissingError(
                f"{self.package} is not installed here ({exc}); pip install {self.package}"
            ) from exc
        return runtime


RUNTIMES = {
    "openvino": RuntimeEntry(module="engines.runtimes.openvino", package="openvino", purpose="the faster one"),
    "onnxruntime": RuntimeEntry(
        module="engines.runtimes.onnxruntime",
        package="onnxruntime",
        purpose="reference and fallback",
        required=True,
    ),
    "onnxruntime-gpu": RuntimeEntry(
        module="engines.runtimes.onnxruntime_gpu",
        package="onnxruntime-gpu",
        purpose="networks on an NVIDIA GPU",
        by_name_only=True,
    ),
}
"""By name, the preferred first."""


def load_runtime(name: str) -> Runtime:
    """Raises EngineError for an unknown name, RuntimeMissingError where it is not installed."""
    if name not in RUNTIMES:
        raise EngineError(f"unknown runtime {name!r}; known: {', '.join(RUNTIMES)}, auto")
    return RUNTIMES[name].load()


def installed_runtimes() -> dict[str, Runtime]:
    """Every runtime whose library is installed, the preferred first."""
    found = {}
    for name, entry in RUNTIMES.items():
        try:
            found[name] = entry.load()
        except RuntimeMissingError:
            continue
    return found


def preferred_runtime() -> str:
    """The one that `auto` means here."""
    return next((name for name in installed_runtimes() if not RUNTIMES[name].by_name_only), "openvino")

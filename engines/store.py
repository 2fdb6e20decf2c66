"""Engine folders: what an engine is called, and how one comes to be.

``<cache>/engines/<network>-<runtime>-<precision>-<16 hex>/``: the hex is a hash of all that an engine depends on, the
network with its spec and samples, the runtime's version, the device, the options, so that a stale engine cannot be
picked up. A folder is built beside its place under a lock, verified against the float32 reference, and renamed into
place, so that an engine that can be found is complete. Shapes that are compiled later are verified then.
"""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from engines.engine import Engine, EngineInfo, FixedShapeEngine
from engines.errors import EngineError
from engines.network import Network, cache_dir, find_network
from engines.runtimes import load_runtime, preferred_runtime
from engines.shapes import VerifiedCompiler, sample_images
from engines.verify import check_same
from engines.yunet import YuNetEngine, yunet_network

ENGINE_FILE = "engine.json"
FORMAT = 1
"""Raised by whatever changes how engines are compiled or verified: older ones are then not found any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineOptions:
    """How a network is to be compiled."""

    runtime: str = "auto"
    """A name of `engines.runtimes.RUNTIMES`, or `auto`: the first of them that is installed."""
    precision: str = "f32"
    threads: int = 0
    """0: all cores of this process."""

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise EngineError(f"threads must be 0 (all cores) or more, got {self.threads}")


def open_network(name_or_path: str | Path) -> Network:
    """A network by name, by folder, or a YuNet .onnx file. Raises NetworkError."""
    path = Path(name_or_path)
    if path.suffix == ".onnx" and path.is_file():
        return yunet_network(path)
    return find_network(name_or_path)


def load_engine(
    network: Network, options: EngineOptions = EngineOptions(), on_batch: Callable[[], None] = lambda: None
) -> Engine:
    """The engine of `network` for this machine, built and verified first where it is not there yet.

    `on_batch` is called after every batch that it runs.
    """
    if network.runs_itself:
        return YuNetEngine(network)
    identity = _identity(network, options)
    folder = _folder(identity)
    if not (folder / ENGINE_FILE).is_file():
        build(network, options)
    compile_shape = _compiler(network, options, identity, folder, on_batch)
    return FixedShapeEngine(network.spec, _info(identity), identity["batch_shapes"], compile_shape, on_batch)


def engine_folder(network: Network, options: EngineOptions) -> Path:
    """Where the engine for exactly this network, runtime, device and these options lives."""
    return _folder(_identity(network, options))


def build(network: Network, options: EngineOptions = EngineOptions(), *, again: bool = False) -> Path:
    """Compile, verify and put in place; return the folder. VerificationError leaves nothing behind.

    Raises EngineError where the cache cannot be written.
    """
    identity = _identity(network, options)
    folder = _folder(identity)
    with _locked(folder):
        if (folder / ENGINE_FILE).is_file() and not again:
            return folder
        _clear(folder)
        unique = uuid.uuid4().hex  # a process ID is not: hosts that share the cache and later processes repeat it
        half, old = (folder.with_name(f"_{folder.name}.{unique}.{kind}") for kind in ("new", "old"))
        half.mkdir()
        try:
            compile_shape = _compiler(network, options, identity, half)
            _, height, width, channels = network.samples.shape  # built at the size of the network's samples
            for size in identity["batch_shapes"]:
                compile_shape((size, height, width, channels))
            _write_json(half / ENGINE_FILE, {**identity, "max_abs_difference": compile_shape.worst})
            if folder.exists():
                folder.rename(old)  # whoever is writing into it goes on there, and not into the new one
            half.rename(folder)
        finally:
            _clear(folder)
    return folder


def verify(engine: Engine, network: Network) -> dict[str, float]:
    """The largest differences from the float32 reference, over the batch shapes that an engine is built for.

    Raises VerificationError where one is outside the network's own tolerance.
    """
    sizes = load_runtime(engine.info.runtime).batch_sizes(network.spec)
    count = max(sum(sizes), len(network.samples))
    images = sample_images(network, (count, *network.samples.shape[1:]))
    return check_same(engine, reference_engine(network), images)


def reference_engine(network: Network) -> FixedShapeEngine:
    """The float32 ONNX reference, in this process, without a folder."""
    runtime = load_runtime("onnxruntime")
    info = EngineInfo(id="reference", runtime="onnxruntime", precision="f32", device=runtime.device_name())
    compile_shape = runtime.compiler(network.model_path, "f32", _threads(0), None)
    return FixedShapeEngine(network.spec, info, runtime.batch_sizes(network.spec), compile_shape)


def list_engines() -> list[dict[str, Any]]:
    """`engine.json` of every built engine, with its folder under `folder`."""
    found = []
    for path in sorted((cache_dir() / "engines").glob(f"[!_.]*/{ENGINE_FILE}")):
        with suppress(OSError, ValueError, TypeError):  # a damaged one is left out
            engine = {**json.loads(path.read_text(encoding="utf-8")), "folder": str(path.parent)}
            if {"runtime", "runtime_version", "precision", "max_abs_difference"} <= engine.keys():
                found.append(engine)
    return found


def _folder(identity: dict[str, Any]) -> Path:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    return cache_dir() / "engines" / f"{identity['network']}-{identity['runtime']}-{identity['precision']}-{digest}"


def _compiler(
    network: Network,
    options: EngineOptions,
    identity: dict[str, Any],
    folder: Path,
    on_batch: Callable[[], None] = lambda: None,
) -> VerifiedCompiler:
    compile_shape = load_runtime(identity["runtime"]).compiler(
        network.model_path, options.precision, _threads(options.threads), folder / "compiled"
    )
    return VerifiedCompiler(
        network, _info(identity), folder, compile_shape, partial(reference_engine, network), on_batch
    )


def _info(identity: dict[str, Any]) -> EngineInfo:
    told = {name: identity[name] for name in ("runtime", "precision", "device")}
    return EngineInfo(id=_folder(identity).name, **told)


def _clear(folder: Path) -> None:
    """Remove what builds of the engine left beside its place; only who holds its lock may."""
    for leftover in folder.parent.glob(f"_{glob.escape(folder.name)}.*"):
        shutil.rmtree(leftover, ignore_errors=True)


def _identity(network: Network, options: EngineOptions) -> dict[str, Any]:
    if network.runs_itself:
        raise EngineError(f"{network.model_path}: runs through OpenCV as it is; no engine is built of it")
    name = preferred_runtime() if options.runtime == "auto" else options.runtime
    runtime = load_runtime(name)
    if options.precision not in runtime.precisions:
        raise EngineError(f"{name} has no precision {options.precision!r}; it has {', '.join(runtime.precisions)}")
    return {
        "format": FORMAT,
        "network": network.spec.name,
        "network_sha256": network.spec.sha256,
        "spec_sha256": network.spec.digest,
        "samples_sha256": hashlib.sha256(network.samples.tobytes()).hexdigest(),
        "batch_shapes": runtime.batch_sizes(network.spec),
        "runtime": name,
        "runtime_version": runtime.version,
        "device": runtime.device_name(),
        "precision": options.precision,
        **({"threads": _threads(options.threads)} if runtime.uses_threads else {}),
    }


def _threads(asked: int) -> int:
    return asked or len(os.sched_getaffinity(0))


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Only one process builds an engine; the others wait and find it. Raises EngineError if nothing can be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f".{folder.name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as exc:
        raise EngineError(
            f"{folder.parent}: engines cannot be kept there ({exc.strerror or exc}); "
            "export AFFECTSTREAM_CACHE=/a/folder/that/can/be/written"
        ) from exc


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

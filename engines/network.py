"""A network as a folder: ``network.onnx``, ``network.json`` and, if it has one, ``samples.npz`` to verify engines with.

`network.json` says all that is needed to feed the network and to read its answers, so that nothing about a particular
network is written in code.
"""

import difflib
import hashlib
import json
import os
import zlib
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np

from engines.errors import NetworkError

EXPRESSIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
"""The classes, in EmoNet's order, everywhere."""

SHIPPED = Path(__file__).parent / "networks"
MODEL_FILE, SPEC_FILE, SAMPLES_FILE = "network.onnx", "network.json", "samples.npz"


@dataclass(frozen=True, kw_only=True, slots=True)
class InputSpec:
    """What a picture must look like for the network."""

    channels: Literal[1, 3]
    """1: luma; 3: RGB. Always uint8, channels last, full range 0..255."""
    height_px: int | None = None
    """None: any multiple of `multiple_px`."""
    width_px: int | None = None
    multiple_px: int = 1
    long_side_px: int | None = None
    """Detectors: the picture's longer side is scaled to this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CropSpec:
    """How an affect network wants a face cut out (`pipeline.faces.crops`)."""

    factor: float
    """Side of the square over width + height of the landmarks' box; 0.909 is the paper's."""
    resample: Literal["bilinear", "area"]
    fill: int = 0
    """Grey level outside the picture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputSpec:
    """One output: its shape without the batch axis, its meaning and how exact an engine must be."""

    shape: list[int | None]
    unit: str
    atol: float
    """Largest absolute difference from the float32 reference that an engine may show."""
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BoxMap:
    """A detector's box against the landmarks' box of the same face, learnt: how each is guessed from the other.

    Centres are moved by a share of the box's width and height, sizes are multiplied.
    """

    dx: float
    """(landmark centre x - box centre x) / box width."""
    dy: float
    """(landmark centre y - box centre y) / box height."""
    width: float
    """Landmark box width / box width."""
    height: float
    """Landmark box height / box height."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorSpec:
    """How a detector's candidates become faces."""

    score_start: float
    """A face is only ever started by a candidate of at least this score."""
    score_keep: float
    """A face already followed is continued by a candidate of at least this score."""
    nms_iou: float
    box_map: BoxMap


@dataclass(frozen=True, kw_only=True, slots=True)
class VisibilitySpec:
    """Turns the mean landmark peak into a visibility of 0..1: 1 / (1 + exp(-(slope * peak + offset)))."""

    slope: float
    offset: float


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkSpec:
    """All of `network.json`."""

    name: str
    kind: Literal["affect", "detector"]
    sha256: str
    """Of network.onnx."""
    licence: str
    input: InputSpec
    outputs: dict[str, OutputSpec]
    classes: list[str] = field(default_factory=list)
    crop: CropSpec | None = None
    visibility: VisibilitySpec | None = None
    """None: not measured; visibility is then the mean peak itself, which is learnt towards 1 on a landmark."""
    detector: DetectorSpec | None = None
    weak_labels: bool = False
    """Valence and arousal were learnt from votes for expressions, and not from ratings of their own."""
    notes: list[str] = field(default_factory=list)
    """What whoever uses it must know and no other key says."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that can change an answer: the model and how it is fed and read, whatever it is called."""
        content = {k: v for k, v in asdict(self).items() if k not in ("name", "licence", "weak_labels", "notes")}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Network:
    """A network folder that was read and checked."""

    folder: Path
    spec: NetworkSpec
    model_path: Path
    runs_itself: bool = False
    """It comes with a runtime of its own (YuNet, through OpenCV): there is nothing to build."""

    @cached_property
    def samples(self) -> np.ndarray:
        """(K, H, W, C) uint8 pictures to verify engines with: the network's own, else smooth noise.

        Raises NetworkError where the network's own are damaged.
        """
        path = self.folder / SAMPLES_FILE
        if path.is_file():
            return _read_samples(path)
        rng = np.random.default_rng(0)
        side = self.spec.input
        shape = (4, side.height_px or 4 * side.multiple_px, side.width_px or 4 * side.multiple_px, side.channels)
        walk = rng.normal(size=shape).cumsum(1).cumsum(2)
        low, high = walk.min((1, 2), keepdims=True), walk.max((1, 2), keepdims=True)
        return (255 * (walk - low) / (high - low)).astype(np.uint8)


def networks_path() -> list[Path]:
    """Folders that are searched for networks by name: the shipped ones, whose names are theirs, then the user's."""
    return [SHIPPED, user_networks()]


def user_networks() -> Path:
    """`$AFFECTSTREAM_NETWORKS`, else `affectstream/networks` in `$XDG_DATA_HOME` or `~/.local/share`."""
    if configured := os.environ.get("AFFECTSTREAM_NETWORKS"):
        return Path(configured)
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "affectstream" / "networks"


def cache_dir() -> Path:
    """`$AFFECTSTREAM_CACHE`, else `~/.cache/affectstream`."""
    configured = os.environ.get("AFFECTSTREAM_CACHE")
    return Path(configured) if configured else Path.home() / ".cache" / "affectstream"


def network_names() -> list[str]:
    """Every name that `find_network` knows, whether the network is sound or not."""
    return sorted({path.parent.name for root in networks_path() for path in root.glob(f"*/{SPEC_FILE}")})


def find_network(name_or_folder: str | Path) -> Network:
    """The network of that name, or in that folder."""
    folder = Path(name_or_folder)
    if (folder / SPEC_FILE).is_file():
        return read_network(folder)
    for root in networks_path():
        if (root / str(name_or_folder) / SPEC_FILE).is_file():
            return read_network(root / str(name_or_folder))
    names = network_names()
    near = difflib.get_close_matches(str(name_or_folder), names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    raise NetworkError(f"no network {str(name_or_folder)!r}: not a folder with a {SPEC_FILE}, and {hint}")


def read_network(folder: Path) -> Network:
    """Read and check a network folder; the model must have the stated SHA-256. Raises NetworkError."""
    path = folder / SPEC_FILE
    try:
        spec = _parse(NetworkSpec, json.loads(path.read_text(encoding="utf-8")), str(path))
        _check_classes(spec)
    except (OSError, ValueError, TypeError, AttributeError) as exc:  # the last two: values of a wrong type
        raise NetworkError(f"{path}: {exc}") from exc
    model = folder / MODEL_FILE
    if not model.is_file():
        raise NetworkError(f"{model}: no such file")
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    if digest != spec.sha256:
        raise NetworkError(
            f"{model}: SHA-256 is {digest[:16]}..., {SPEC_FILE} says {str(spec.sha256)[:16]}...: damaged or replaced"
        )
    return Network(folder, spec, model)


def _read_samples(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file, np.load(file) as content:
            images = np.asarray(content["images"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as exc:
        raise NetworkError(f"{path}: damaged: {exc}") from exc
    if images.dtype != np.uint8 or images.ndim != 4 or not images.size:
        raise NetworkError(f"{path}: images must be uint8 (K, H, W, C), got {images.dtype} {images.shape}")
    return images


def _check_classes(spec: NetworkSpec) -> None:
    if unknown := [name for name in spec.classes if name not in EXPRESSIONS]:
        raise ValueError(f"unknown class {unknown[0]!r}; known: {', '.join(EXPRESSIONS)}")
    answer = spec.outputs.get("expression")
    if answer is not None and (answer.shape != [len(spec.classes)] or len(set(spec.classes)) != len(spec.classes)):
        raise ValueError(f"expression has the shape {answer.shape}, but the classes are {', '.join(spec.classes)}")


def write_spec(spec: NetworkSpec, folder: Path) -> None:
    """Write `network.json`."""
    (folder / SPEC_FILE).write_text(json.dumps(asdict(spec), indent=2) + "\n", encoding="utf-8")


_NESTED = {
    "input": InputSpec,
    "crop": CropSpec,
    "visibility": VisibilitySpec,
    "detector": DetectorSpec,
    "box_map": BoxMap,
}


def _parse(cls: type[Any], content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise ValueError(f"expected a mapping, got {content!r}")
    known = {f.name for f in fields(cls)}
    needed = {f.name for f in fields(cls) if f.default is MISSING and f.default_factory is MISSING}
    if unknown := sorted(set(content) - known):
        raise ValueError(f"unknown key {unknown[0]!r} in {cls.__name__}; known: {', '.join(sorted(known))}")
    if missing := sorted(needed - set(content)):
        raise ValueError(f"missing key {missing[0]!r} in {cls.__name__}")
    values = dict(content)
    for name, value in content.items():
        if name == "outputs":
            values[name] = {output: _parse(OutputSpec, v, where) for output, v in value.items()}
        elif name in _NESTED and value is not None:
            values[name] = _parse(_NESTED[name], value, where)
    return cls(**values)

"""The configuration of a run: what each setting means, what it may be, and whether it can change rows.

Defaults < file < flags. Unknown keys are errors that name the nearest valid key. Each field says whether it can change
rows; `config_hash` is over those, and only a change of those refuses to go on with a results folder.
"""

import difflib
import hashlib
import json
import logging
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import ConfigError, PolicyError

logger = logging.getLogger(__name__)

RENAMED = {"worker.stretch_s": "worker.segment_s"}
"""Settings that had another name in version 0.1."""
Context = Literal[
    "unspecified",
    "research",
    "archive",
    "market_research",
    "media",
    "public_space",
    "health",
    "workplace",
    "education",
]
Runtime = Literal["auto", "openvino", "onnxruntime", "onnxruntime-gpu"]
Precision = Literal["f32", "bf16"]
PROHIBITED_CONTEXTS = ("workplace", "education")
"""EU AI Act, article 5(1)(f): emotions may not be inferred there, except for medical or safety reasons."""


def _rows(default: Any, description: str, **limits: Any) -> Any:
    """A setting that can change rows."""
    return Field(default, description=description, json_schema_extra={"changes_rows": True}, **limits)


def _later_rows(default: Any, description: str, **limits: Any) -> Any:
    """A setting that can change rows, of which folders written by version 0.1.0 know nothing.

    At its default it is not part of `config_hash`, so that runs which began before it can be resumed. The default must
    therefore do what was done without it.
    """
    return Field(default, description=description, json_schema_extra={"changes_rows": True, "later": True}, **limits)


def _plain(default: Any, description: str, **limits: Any) -> Any:
    """A setting that cannot change rows."""
    return Field(default, description=description, json_schema_extra={"changes_rows": False}, **limits)


class Section(BaseModel):
    """Part of a configuration: frozen, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Deployment(Section):
    """Where the footage is from, and why it may be analysed."""

    context: Context = _plain("unspecified", "Where the faces were filmed; written into run.json.")
    reason: str | None = _plain(None, "The medical or safety reason that workplace and education need.")


class Sampling(Section):
    """Which pictures of a source are analysed, and which way up."""

    fps: Annotated[float, Field(ge=0.001, le=1000, strict=True)] | Literal["native"] = _rows(
        10.0, "Analysed frames per second of video; `native`: every frame."
    )
    start_s: float = _rows(0.0, "Where to begin, seconds of video.", ge=0, le=1e7)
    end_s: float | None = _rows(None, "Where to stop, seconds of video; null: the end.", gt=0, le=1e7)
    rotate: Literal[0, 90, 180, 270] = _later_rows(
        0, "Degrees by which every picture is turned clockwise, after what its file says of its orientation."
    )
    video_stream: int | None = _later_rows(
        None, "Which of a file's video streams, counted from 0; null: the one that a player shows.", ge=0, strict=True
    )


class Networks(Section):
    """Which networks look at the pictures, and how they are run."""

    affect: str = _rows("emofan-s", "EmoFAN: name of a network, or its folder.")
    detector: str = _rows("face-s", "Face detector: name, folder, or a YuNet .onnx file.")
    runtime: Runtime = _plain("auto", "Inference runtime; `auto`: the fastest one installed.")
    precision: Precision = _rows("f32", "bf16 is faster and less exact, where the runtime has it.")
    threads: int = _plain(0, "Threads that run the networks; 0: one per core.", ge=0)


class Batching(Section):
    """How frames travel; no setting here changes a row."""

    size: int = _plain(32, "Least number of analysed frames in a batch of whole detection intervals.", ge=1, le=4096)
    prefetch: int = _plain(2, "Batches decoded ahead.", ge=1, le=64)


class Tracking(Section):
    """How faces are joined over gaps."""

    gap_s_max: float = _rows(
        1.0, "A face out of sight for longer is a new track. 1.5 sampling steps are always allowed.", ge=0, le=10
    )


class Smoothing(Section):
    """The symmetric window over each track."""

    half_width_s: float = _rows(0.8, "Half-width of the window, seconds; 0: no smoothing.", ge=0, le=30)


class Output(Section):
    """What is written."""

    format: Literal["parquet", "csv", "jsonl"] = _rows("parquet", "File format of the tables.")
    landmarks: bool = _rows(False, "Also write the 68 landmarks of every face.")


class Worker(Section):
    """How many workers there are, and when one is given up."""

    hang_s: float = _plain(10.0, "A worker without progress for this long is killed.", ge=1)
    attempts: int = _plain(3, "How often a video that hangs or kills its worker is tried in all.", ge=1, le=10)
    count: int | None = _plain(None, "Workers on Ray; null: as many as fit.", ge=1)
    cpus: float = _plain(1.0, "Cores that each worker on Ray is given.", gt=0)
    gpus: float = _plain(0.0, "GPUs, or a share of one, for each group of workers on Ray; 0: no groups.", ge=0)
    feeders: int = _plain(4, "Decoding workers per group; all share the GPU that runs the networks.", ge=1, le=64)
    segment_s: float = _plain(600.0, "On Ray, longer videos are cut into segments of this length.", ge=10)


class AnalyzeConfig(Section):
    """All settings of `affectstream analyze`."""

    version: Literal[1] = _plain(1, "Version of this format.")
    deployment: Deployment = Deployment()
    sampling: Sampling = Sampling()
    networks: Networks = Networks()
    batching: Batching = Batching()
    tracking: Tracking = Tracking()
    smoothing: Smoothing = Smoothing()
    output: Output = Output()
    worker: Worker = Worker()


def load_config(
    path: Path | None, overrides: Mapping[str, Any] | None = None, *, names: Mapping[str, str] | None = None
) -> AnalyzeConfig:
    """Defaults, then the YAML file, then `overrides` by dotted key.

    `names`: what the caller calls these keys (`--fps`), for messages about overrides. Raises ConfigError, which names
    the file and the dotted key of what comes from a file, or PolicyError.
    """
    content = {} if path is None else _read_yaml(path)
    where, overrides = str(path) if path else "settings", overrides or {}
    named = {key: (names or {}).get(key, f"{where}: {key}") for key in overrides}
    for key, value in overrides.items():
        section, name = key.split(".")
        if not isinstance(content.get(section, {}), dict):
            raise ConfigError(f"{where}: {section}: expected settings as `key: value`, got {_short(content[section])}")
        content = {**content, section: {**content.get(section, {}), name: value}}
    content = _with_new_names(where, content)
    try:
        config = AnalyzeConfig.model_validate(content)
    except ValidationError as exc:
        raise ConfigError("\n".join(_explain(where, named, exc))) from exc
    _check(where, named, config)
    return config


def _with_new_names(where: str, content: dict[str, Any]) -> dict[str, Any]:
    """Settings that have another name since an earlier version, under the new one."""
    for old, new in RENAMED.items():
        section, name = old.split(".")
        settings = content.get(section)
        if isinstance(settings, dict) and name in settings:
            logger.warning("%s: %s is now called %s; the old name works until version 0.3", where, old, new)
            kept = {key: value for key, value in settings.items() if key != name}
            content = {**content, section: {new.split(".")[1]: settings[name], **kept}}
    return content


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # of Unicode, or 2020-99-99
        raise ConfigError(f"{path}: not valid YAML: {exc}") from exc
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: expected settings as `key: value`, got {type(content).__name__}")
    if "version" not in content:
        raise ConfigError(f"{path}: 'version: 1' is required")
    return content


def json_schema() -> str:
    """The settings as a JSON Schema; published as docs/analyze.schema.json."""
    return json.dumps(AnalyzeConfig.model_json_schema(), indent=2) + "\n"


def config_hash(config: AnalyzeConfig, networks: dict[str, str]) -> str:
    """SHA-256 over the settings that can change rows; `networks` are digests by role, whatever they are called."""
    settings = row_settings(config, hashed=True)
    del settings["networks.affect"], settings["networks.detector"]
    content = {"schema": 1, "settings": settings, "networks": networks}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def row_settings(section: Section, *, hashed: bool = False) -> dict[str, Any]:
    """Every setting that can change rows, by dotted key; `hashed`: without later ones at their defaults."""
    out: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, Section):
            out |= {f"{name}.{key}": inner for key, inner in row_settings(value, hashed=hashed).items()}
            continue
        extra = field.json_schema_extra
        assert isinstance(extra, dict)
        unhashed = hashed and extra.get("later") and value == field.default
        if extra["changes_rows"] and not unhashed:
            out[name] = value
    return out


def _check(where: str, named: Mapping[str, str], config: AnalyzeConfig) -> None:
    sampling, deployment, gpus = config.sampling, config.deployment, config.worker.gpus
    if gpus > 1 and gpus != int(gpus):
        raise ConfigError(f"{_name(where, named, 'worker.gpus')}={gpus:g}: a share of one GPU (0.5), or whole ones (2)")
    if sampling.end_s is not None and sampling.end_s <= sampling.start_s:
        start, end = (_name(where, named, key) for key in ("sampling.start_s", "sampling.end_s"))
        raise ConfigError(f"{end}={sampling.end_s:g}: must be greater than {start}={sampling.start_s:g}")
    if deployment.context in PROHIBITED_CONTEXTS and not (deployment.reason or "").strip():
        raise PolicyError(
            f"{named.get('deployment.context', 'deployment.context')} {deployment.context}: inferring emotions there "
            "is prohibited in the EU (AI Act, article 5(1)(f)) except for medical or safety reasons; state the reason "
            "with --context-reason or deployment.reason"
        )


def _name(where: str, named: Mapping[str, str], key: str) -> str:
    """What a message calls a setting: as the caller does, or the file and the dotted key."""
    return named.get(key, f"{where}: {key}")


def _explain(where: str, named: Mapping[str, str], invalid: ValidationError) -> list[str]:
    """A line per key: its name, the value, what is allowed; of unknown keys the nearest valid one."""
    said: dict[str, list[str]] = {}
    lines = []
    for error in invalid.errors():
        location = [str(part) for part in error["loc"] if part in _ALL_KEYS or error["type"] == "extra_forbidden"]
        key = ".".join(location)
        if error["type"] == "extra_forbidden":
            known = _keys_at(location[:-1])
            near = difflib.get_close_matches(location[-1], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            lines.append(f"{where}: unknown key {key!r}; {hint}")
        else:
            message = error["msg"].removeprefix("Input ").split(", unable")[0]
            said.setdefault(f"{_name(where, named, key)}={_short(error['input'])}", []).append(message)
    return lines + [f"{setting}: {', or '.join(messages)}" for setting, messages in said.items()]


def _short(value: object) -> str:
    """A value as people may have written it, however long it is: YAML's anchors make large ones of few words."""
    if isinstance(value, float):
        return f"{value:g}"
    written = reprlib.repr(value) if isinstance(value, list | dict) else repr(value)
    return written if len(written) <= _SHOWN_CHARS else f"{written[:_SHOWN_CHARS]}…"


def _keys_at(location: list[str]) -> list[str]:
    model: type[BaseModel] = AnalyzeConfig
    for name in location:
        kind = model.model_fields[name].annotation
        assert isinstance(kind, type) and issubclass(kind, BaseModel)
        model = kind
    return list(model.model_fields)


def _all_keys(model: type[BaseModel]) -> set[str]:
    kinds = [field.annotation for field in model.model_fields.values()]
    inner = [_all_keys(kind) for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return set(model.model_fields).union(*inner)


_SHOWN_CHARS = 200
"""More of a wrong value is not shown."""
_ALL_KEYS = _all_keys(AnalyzeConfig)

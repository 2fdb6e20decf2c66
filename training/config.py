"""Reading a training run's YAML file into dataclasses. Unknown keys are errors that name the nearest valid key."""

import difflib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from training.errors import TrainingError

T = TypeVar("T")


def load_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; `version: 1` is required and taken out."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise TrainingError(f"{path}: cannot be read: {exc.strerror}") from exc
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise TrainingError(f"{path}: not valid YAML: {exc}") from exc
    if not isinstance(content, dict):
        raise TrainingError(f"{path}: expected a mapping of settings, got {type(content).__name__}")
    if content.pop("version", None) != 1:
        raise TrainingError(f"{path}: 'version: 1' is required")
    return content


def build(cls: type[T], content: Mapping[str, Any], where: str) -> T:
    """An instance of dataclass `cls` from `content`; `where` is the dotted place for messages."""
    assert is_dataclass(cls)
    hints = typing.get_type_hints(cls)
    known = {field.name: field for field in fields(cls)}
    for key in content:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise TrainingError(f"{where}: unknown key {key!r}; {hint}")
    missing = [
        n for n, f in known.items() if f.default is MISSING and f.default_factory is MISSING and n not in content
    ]
    if missing:
        raise TrainingError(f"{where}: missing {', '.join(missing)}")
    values = {key: _convert(hints[key], value, f"{where}.{key}") for key, value in content.items()}
    try:
        return cls(**values)
    except ValueError as exc:
        raise TrainingError(f"{where}: {exc}") from exc


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        (hint,) = (arg for arg in args if arg is not type(None))
        return _convert(hint, value, where)
    if is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TrainingError(f"{where}: expected a mapping, got {value!r}")
        return build(hint, value, where)  # type: ignore[arg-type]
    if origin is Literal:
        if value not in args:
            raise TrainingError(f"{where}: {value!r} is not one of {', '.join(map(repr, args))}")
        return value
    if origin is tuple:
        any_number = len(args) == 2 and args[1] is Ellipsis
        inner = args[:1] * len(value) if any_number and isinstance(value, list) else args
        if not isinstance(value, list) or len(value) != len(inner):
            wanted = "a list" if any_number else f"a list of {len(args)} values"
            raise TrainingError(f"{where}: expected {wanted}, got {value!r}")
        return tuple(_convert(a, v, f"{where}[{i}]") for i, (a, v) in enumerate(zip(inner, value, strict=True)))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and (not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool)):
        raise TrainingError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value

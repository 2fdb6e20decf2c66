"""Pickles read as data: containers, numbers, text and arrays; nothing in the file is run.

numpy's own functions trust a pickle with memory addresses, so none of them is called by it: stand-ins take what it says
of an array, and the array is then made of its bytes.
"""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np

from training.errors import TrainingError


def read_pickle(path: Path) -> Any:
    """What a pickle of any protocol holds; arrays may be array-likes, for `np.asarray`. Raises TrainingError."""
    try:
        with path.open("rb") as file:
            return _DataUnpickler(file, encoding="latin1").load()  # as written by Python 2 too
    except OSError as exc:
        raise TrainingError(f"{path}: cannot be read: {exc.strerror}") from exc
    except TrainingError as exc:
        raise TrainingError(f"{path}: {exc}; refused: get the file from its authors anew") from exc
    except Exception as exc:  # what a broken pickle raises is anybody's guess
        raise TrainingError(f"{path}: is no pickle that can be read: {type(exc).__name__}: {exc}") from exc


class _Dtype:
    """Stands for `numpy.dtype`: of numbers and text, without fields."""

    def __init__(self, name: str, *_: object) -> None:
        if not re.fullmatch("[biufSU][0-9]{1,5}", name):
            raise TrainingError(f"holds an array of {name!r}; expected numbers or text")
        self.real = np.dtype(name)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, byte_order, *nested = state[:5]
        if nested != [None, None, None]:
            raise TrainingError("holds an array of records or arrays; expected numbers or text")
        self.real = self.real.newbyteorder(byte_order)


class _Array:
    """Stands for `numpy.ndarray`, an array-like once its state is set."""

    _values = np.zeros(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_column, content = state
        self._values = _array(content, dtype, shape, "F" if by_column else "C")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self._values, dtype)


def _array(content: bytes | str, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> np.ndarray:
    """Stands for `numpy._core.numeric._frombuffer`."""
    stored = content.encode("latin1") if isinstance(content, str) else content  # Python 2 has one type for both
    if not isinstance(stored, (bytes, bytearray)):
        raise TrainingError(f"holds an array made of {type(content).__name__}; expected bytes")
    values = np.frombuffer(stored, dtype.real).reshape(shape, order=order)
    if values.dtype.kind == "U":
        values.tolist()  # raises where it is no text
    return values


def _scalar(dtype: _Dtype, content: bytes | str) -> Any:
    """Stands for `numpy._core.multiarray.scalar`, and gives Python's own number or text."""
    return _array(content, dtype, (), "C").item()


_BUILTINS = (dict, list, tuple, set, frozenset, int, float, bool, str, bytes)
_ALLOWED: dict[tuple[str, str], Any] = {
    ("_codecs", "encode"): lambda text, encoding: text.encode("latin1"),  # how old protocols write bytes
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__") for kind in _BUILTINS},
    **{("__builtin__", name): kind for name, kind in (("long", int), ("unicode", str))},
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _Array,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", lambda kind, shape, code: _Array()),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _array),
        )
    },
}
"""All that a pickle may call."""


class _DataUnpickler(pickle.Unpickler):
    """Refuses to look anything else up."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise TrainingError(f"asks to run {module}.{name}, and data have no need to")
        return _ALLOWED[module, name]

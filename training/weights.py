"""Weights of an earlier run: reading them, and putting them into a network."""

import hashlib
import pickle
from pathlib import Path

import torch
from torch import Tensor, nn

from training.errors import TrainingError

WEIGHTS_FILE = "best.pt"
"""The best weights of a run, in its folder."""


def load_matching(model: nn.Module, weights: Path) -> tuple[int, int]:
    """Load what has the name and the shape of a parameter of `model`; return how many were loaded and how many not.

    Raises TrainingError where nothing fits, or where a frozen layer would stay as it was drawn.
    """
    theirs, ours = read_weights(weights), model.state_dict()
    fitting = {k: v for k, v in theirs.items() if k in ours and v.shape == ours[k].shape}
    if not fitting:
        raise TrainingError(f"{weights}: no layer fits this network; it was trained with another configuration")
    frozen = [name for name, value in model.named_parameters() if not value.requires_grad and name not in fitting]
    if frozen:
        raise TrainingError(f"{weights}: holds nothing for {len(frozen)} frozen layers, {frozen[0]} is the first")
    model.load_state_dict(fitting, strict=False)
    return len(fitting), len(ours) - len(fitting)


def file_digest(path: Path) -> str:
    """SHA-256 of a file of weights. Raises TrainingError where there is none."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; weights are RUN/{WEIGHTS_FILE}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_strictly(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Load weights that must be this network's. Raises TrainingError."""
    try:
        model.load_state_dict(state)
    except RuntimeError as exc:
        raise TrainingError(
            f"the weights are those of another configuration: {str(exc).splitlines()[-1].strip()}"
        ) from exc


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of weights alone. Raises TrainingError."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; weights are RUN/{WEIGHTS_FILE}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as exc:
        raise TrainingError(f"{path}: not a file of PyTorch weights") from exc
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise TrainingError(f"{path}: expected a mapping of names to tensors; weights are RUN/best.pt")
    return state

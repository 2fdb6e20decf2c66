"""The paper's own weights: a public EmoNet checkpoint, checked name by name, becomes a network folder.

The files are other people's, for non-commercial use and not to be passed on in any form (CC BY-NC-ND 4.0). So none is
part of this package: whoever has one imports it for themselves.
"""

import hashlib
import pickle
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engines import EXPRESSIONS, Network, NetworkError
from engines.network import SHIPPED, SPEC_FILE, read_network
from pipeline.faces.crops import crop, landmarks_square
from training.emofan.network import EmoFAN, EmoFANConfig
from training.errors import TrainingError
from training.export import ServedEmoFAN, affect_spec, export
from training.public_files import EMONET_LICENCE, PUBLIC_FILES

ORIGIN = "EmoNet, github.com/face-analysis/emonet"
CROP_FACTOR = 200 / 220
"""Of the paper's evaluation crop; it is bilinear, and black outside the picture."""
FIFTH_CLASSES = ("anger", "fear")
"""What the fifth answer of the 5-class network may mean; the first is believed where nothing else is said."""
FIFTH_CLASS_NOTE = (
    "its fifth class is read as {0}: EmoNet's data loader puts anger there, its demo calls it fear, and it was never "
    "checked on pictures here"
)
VISIBILITY_NOTE = (
    "visibility is not calibrated: it is the mean landmark peak itself, and faces below 0.5 are flagged as occluded"
)
SAMPLES_SEED = 7_100_000
_PREFIX = "module."
_LAST_LAYER = "emo_fc_2.3.bias"
_NAMES_MAX = 4


@dataclass(frozen=True)
class Checkpoint:
    """A file that was read and has all the names and shapes of EmoFAN."""

    path: Path
    sha256: str
    """Of the file."""
    num_classes: int
    """8 or 5."""
    state: dict[str, Tensor]

    @property
    def known_as(self) -> str | None:
        """Which public file it is, by its SHA-256; None if none that we know."""
        return next((name for name, file in PUBLIC_FILES.items() if file.sha256 == self.sha256), None)

    @property
    def origin(self) -> str:
        """Whose it is and what it was, for the network's licence."""
        return f"{ORIGIN}; checkpoint SHA-256 {self.sha256}"


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, with or without `module.` before every name. Raises TrainingError where it is another file."""
    if not path.is_file():
        raise TrainingError(f"{path}: no such file; expected emonet_8.pth or emonet_5.pth of {ORIGIN}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError) as exc:
        raise TrainingError(
            f"{path}: PyTorch cannot read it as plain weights ({type(exc).__name__}); "
            f"expected emonet_8.pth or emonet_5.pth of {ORIGIN}"
        ) from exc
    if not isinstance(state, dict) or not all(isinstance(n, str) and isinstance(v, Tensor) for n, v in state.items()):
        raise TrainingError(
            f"{path}: holds no plain list of weights; expected emonet_8.pth or emonet_5.pth of {ORIGIN}"
        )
    if all(name.startswith(_PREFIX) for name in state):
        state = {name.removeprefix(_PREFIX): value for name, value in state.items()}
    num_classes = len(state[_LAST_LAYER]) - 2 if _LAST_LAYER in state and state[_LAST_LAYER].ndim else 8
    wanted = EmoFAN(EmoFANConfig(num_classes=5 if num_classes == 5 else 8)).state_dict()
    if told := _differences(state, wanted):
        raise TrainingError(
            f"{path}: not a checkpoint of EmoNet: {told}; expected emonet_8.pth or emonet_5.pth of {ORIGIN}"
        )
    return Checkpoint(path, hashlib.sha256(path.read_bytes()).hexdigest(), num_classes, state)


def class_names(num_classes: int, fifth_class: str | None = None) -> list[str]:
    """What the answers mean, in order. Raises TrainingError."""
    if num_classes == len(EXPRESSIONS):
        if fifth_class is not None:
            raise TrainingError(
                "--fifth-class is for the 5-class checkpoint; this one has all 8 classes, in a known order"
            )
        return list(EXPRESSIONS)
    chosen = fifth_class or FIFTH_CLASSES[0]
    if chosen not in FIFTH_CLASSES:
        raise TrainingError(f"--fifth-class must be one of {', '.join(FIFTH_CLASSES)}, got {chosen!r}")
    return [*EXPRESSIONS[:4], chosen]


def is_imported(checkpoint: Checkpoint, folder: Path, *, name: str, classes: Sequence[str]) -> bool:
    """Whether `folder` already holds just this network, sound."""
    try:
        spec = read_network(folder).spec
    except NetworkError:
        return False
    return checkpoint.sha256 in spec.licence and spec.name == name and spec.classes == list(classes)


def import_checkpoint(
    checkpoint: Checkpoint, folder: Path, *, name: str, classes: Sequence[str], force: bool = False
) -> Network:
    """Write the network folder, whole or not at all; nothing is written where it is there already.

    Raises TrainingError where the name is a shipped network's or no name, and where another network is in the folder.
    With `force` whatever network is there is replaced, this one too.
    """
    check_name(name)
    if not force and is_imported(checkpoint, folder, name=name, classes=classes):
        return read_network(folder)
    if folder.exists() and not force:
        raise TrainingError(f"{folder}: holds something else; --force replaces it, --name imports beside it")
    if folder.is_file() or (folder.exists() and not (folder / SPEC_FILE).is_file() and any(folder.iterdir())):
        raise TrainingError(f"{folder}: is no network folder, so --force does not replace it; choose another")
    model = EmoFAN(EmoFANConfig(num_classes=checkpoint.num_classes))
    model.load_state_dict(checkpoint.state)
    notes = [VISIBILITY_NOTE]
    if checkpoint.num_classes == 5:
        notes.insert(0, FIFTH_CLASS_NOTE.format(classes[4]))
    spec = replace(
        affect_spec(
            model.config.input_px,
            CROP_FACTOR,
            channels=3,
            classes=classes,
            resample="bilinear",
            name=name,
            licence=f"{EMONET_LICENCE}; {checkpoint.origin}",
        ),
        weak_labels=False,
        notes=notes,
    )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="_", dir=folder.parent) as scratch:
            half = Path(scratch) / "new"
            export(ServedEmoFAN(model), spec, drawn_samples(model.config.input_px), half)
            if folder.exists():
                folder.rename(Path(scratch) / "old")
            half.rename(folder)
    except OSError as exc:
        raise TrainingError(f"{folder}: cannot be written ({exc.strerror or exc}); give another with --out") from exc
    return read_network(folder)


def check_name(name: str) -> None:
    """Raise TrainingError for what cannot be a network's name, or is a shipped one's."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise TrainingError(
            f"--name {name!r}: letters, digits, '.', '_' and '-' are allowed, the first a letter or digit"
        )
    if (SHIPPED / name).exists():
        raise TrainingError(f"--name {name!r}: a shipped network is called so; choose another")


def drawn_samples(size_px: int, count: int = 8) -> np.ndarray:
    """(count, S, S, 3) uint8 RGB: the serving crop of drawn people, to verify engines with."""
    from training.drawn import still

    crops = []
    for seed in range(SAMPLES_SEED, SAMPLES_SEED + count):
        picture, truths = still(seed, None, (240, 240), num_people=1, face_px=(90, 150))
        square = landmarks_square(truths[0].landmarks, CROP_FACTOR)
        crops.append(crop(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), square, size_px, resample="bilinear"))
    return np.stack(crops)


def _differences(got: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    """Which names are missing, unexpected or of another shape, in words; empty if none."""
    other = [
        f"{name} is {tuple(got[name].shape)} and not {tuple(wanted[name].shape)}"
        for name in wanted
        if name in got and got[name].shape != wanted[name].shape
    ]
    lists = {
        "missing": [name for name in wanted if name not in got],
        "unexpected": [str(name) for name in got if name not in wanted],
        "of another shape": other,
    }
    return "; ".join(
        f"{len(names)} {kind} ({', '.join(names[:_NAMES_MAX])}{', …' if len(names) > _NAMES_MAX else ''})"
        for kind, names in lists.items()
        if names
    )

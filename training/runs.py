"""A training run as one YAML file: what is learnt, from what, how long. Read it, build its task, train it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from training.config import build, load_yaml
from training.data.drawn import draw_faces, draw_scenes
from training.data.faceset import FaceSet
from training.data.ferplus import read_ferplus
from training.data.newsfaces import read_newsfaces
from training.emofan.loss import LossConfig
from training.emofan.network import EmoFAN, EmoFANConfig
from training.emofan.samples import CropConfig
from training.emofan.task import EmoFANTask, MixConfig
from training.errors import TrainingError
from training.evaluate import answer
from training.export import ServedEmoFAN, TorchEngine, affect_spec
from training.face_detector.network import FaceDetectorConfig
from training.face_detector.scenes import read_scenes
from training.face_detector.task import DetectorConfig, DetectorTask
from training.trainer import WEIGHTS_FILE, LoopConfig, Task, read_weights, train

RUN_FILE = "run.yaml"
"""The configuration of a run, kept in its folder."""
DRAWN_SEED = 1000
"""First seed of the people drawn for training; all stay below `training.drawn.HELD_OUT_SEED_MIN`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmoFANRun:
    """Training an EmoFAN on FER+, with landmarks from press photographs and drawn people beside it."""

    loop: LoopConfig
    network: EmoFANConfig = field(default_factory=EmoFANConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    teacher: str | None = None
    """Folder of an earlier run, for `loss.distillation`: its configuration and its best weights."""
    drawn_faces: int = 6000
    """How many faces are drawn, if `mix.drawn_share` is above 0."""

    def __post_init__(self) -> None:
        if self.crop.size_px != self.network.input_px:
            raise ValueError(
                f"crop.size_px ({self.crop.size_px}) must be the network's input_px ({self.network.input_px})"
            )
        if (self.teacher is not None) != bool(self.loss.distillation):
            raise ValueError("teacher and loss.distillation go together: a teacher's folder, and how much it counts")
        if self.network.input_channels != 1:
            raise ValueError(f"network.input_channels must be 1, the data are grey; got {self.network.input_channels}")

    def task(self, data: Path) -> Task:
        """The task, with all data in memory."""
        ferplus, _, ferplus_val = self.ferplus(data)
        newsfaces_val = read_newsfaces(data / "newsfaces.parquet", "val")
        newsfaces = read_newsfaces(data / "newsfaces.parquet", "train").without(newsfaces_val)
        return EmoFANTask(
            network=self.network,
            mix=self.mix,
            crop=self.crop,
            loss=self.loss,
            ferplus=ferplus,
            ferplus_val=ferplus_val,
            newsfaces=newsfaces if self.mix.newsfaces_share else None,
            newsfaces_val=newsfaces_val,
            scenes=read_scenes(data / "faces_in_scenes.parquet", "train") if self.mix.background_share else (),
            drawn=draw_faces(self.drawn_faces, seed=DRAWN_SEED) if self.mix.drawn_share else None,
            teacher=None if self.teacher is None else teach(Path(self.teacher), ferplus),
        )

    def ferplus(self, data: Path) -> tuple[FaceSet, FaceSet, FaceSet]:
        """FER+ to train on, what of train is held back, and val. Pictures of val are left out of the first two."""
        val = read_ferplus(data / "ferplus.parquet", "val")
        train = read_ferplus(data / "ferplus.parquet", "train").without(val)
        return *train.hold_back(self.mix.hold_back_share), val


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceDetectorRun:
    """Training a face detector on photographs of everyday scenes, with drawn people and clutter beside them."""

    loop: LoopConfig
    network: FaceDetectorConfig = field(default_factory=FaceDetectorConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    drawn_scenes: int = 2500
    """How many pictures are drawn, if `detector.drawn_share` is above 0."""

    def task(self, data: Path) -> Task:
        """The task, with all data in memory."""
        return DetectorTask(
            self.detector,
            self.network,
            train=read_scenes(data / "faces_in_scenes.parquet", "train"),
            val=read_scenes(data / "faces_in_scenes.parquet", "val"),
            drawn=draw_scenes(self.drawn_scenes, seed=DRAWN_SEED) if self.detector.drawn_share else (),
        )


Run = EmoFANRun | FaceDetectorRun
_KINDS: dict[str, type[Run]] = {"emofan": EmoFANRun, "face_detector": FaceDetectorRun}


def read_run(path: Path) -> Run:
    """The run that a YAML file describes. Raises TrainingError."""
    content = load_yaml(path)
    kind = content.pop("task", None)
    if kind not in _KINDS:
        raise TrainingError(f"{path}: task {kind!r} is not one of {', '.join(map(repr, _KINDS))}")
    return build(_KINDS[kind], content, str(path))


def teach(folder: Path, faces: FaceSet) -> np.ndarray:
    """(F, 8) what an earlier run says of each face's serving crop, and of its mirror image, averaged."""
    run = read_run(folder / RUN_FILE)
    if not isinstance(run, EmoFANRun):
        raise TrainingError(f"{folder}: a teacher must be an EmoFAN, this is a run of another task")
    model = EmoFAN(run.network)
    model.load_state_dict(read_weights(folder / WEIGHTS_FILE))
    engine = TorchEngine(ServedEmoFAN(model), affect_spec(run.crop.size_px, run.crop.factor))
    return (answer(engine, faces).expression + answer(engine, faces.mirrored()).expression) / 2


def train_run(
    run: Run, data: Path, folder: Path, *, start: Path | None = None, device: str, log: Callable[[str], None]
) -> Path:
    """Train, or go on training, in `folder`; return the best weights. `start`: weights to begin with."""
    return train(run.task(data), run.loop, folder, identity=repr(run), start=start, device=device, log=log)

"""A training run as one YAML file: what is learnt, from what, how long. Read it, build its task, train it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from training.config import build, load_yaml
from training.data.drawn import draw_faces, draw_scenes
from training.data.faceset import FaceSet
from training.data.ferplus import read_ferplus
from training.data.newsfaces import read_newsfaces
from training.data.packed import read_pack
from training.data.scenes import Scene, hold_out, read_scenes
from training.emofan.loss import LossConfig
from training.emofan.network import EmoFAN, EmoFANConfig
from training.emofan.samples import CropConfig
from training.errors import TrainingError
from training.evaluation.evaluate import answer
from training.export import ServedEmoFAN, TorchEngine, affect_spec
from training.face_detector.augmentation import Augmentation
from training.face_detector.canvases import Pictures
from training.face_detector.closeups import Portraits
from training.face_detector.network import FaceDetectorConfig
from training.tasks.emofan import BatchConfig, EmoFANData, EmoFANTask
from training.tasks.face_detector import DetectorConfig, DetectorTask
from training.trainer import ALONE, CHECKPOINT_FILE, LoopConfig, Task, Team, train
from training.weights import WEIGHTS_FILE, file_digest, load_strictly, read_weights

RUN_FILE = "run.yaml"
"""The configuration of a run, kept in its folder."""
DRAWN_SEED = 1000
"""First seed of the people drawn for training; all stay below `training.drawn.HELD_OUT_SEED_MIN`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetConfig:
    """One set that an EmoFAN learns from."""

    set: Literal["ferplus", "newsfaces", "pack", "drawn", "scenes"]
    """`pack`: a file made by `affectstream data pack`; `drawn`: people drawn on the spot; `scenes`: squares of
    photographs without a face."""
    file: str = ""
    """In the data folder; each set but `pack` has a name of its own."""
    share: float = 0.0
    """Of each batch; the first set takes what the others leave."""
    fold: str = ""
    """For a pack without splits: `2/5` trains on all but the second of five person-independent parts."""
    hold_back: float = 0.0
    """Share of the first set that is not learnt from: the temperature of the expressions is fitted on it."""
    count: int = 6000
    """How many faces are drawn."""

    def __post_init__(self) -> None:
        if self.set == "pack" and not self.file:
            raise ValueError("set 'pack' needs file, what `affectstream data pack` wrote")
        for name, wanted in (("file", self.set != "drawn"), ("fold", self.set == "pack")):
            if getattr(self, name) and not wanted:
                raise ValueError(f"set {self.set!r} takes no {name}")
        if self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}")
        if not 0 <= self.share < 1:
            raise ValueError(f"share must be at least 0 and below 1, got {self.share}")
        if not 0 <= self.hold_back <= 0.5:
            raise ValueError(f"hold_back must be in 0..0.5, got {self.hold_back}")

    def read(self, data: Path, split: str, *, colour: bool) -> FaceSet:
        """The faces of one split. Raises TrainingError."""
        match self.set:
            case "ferplus":
                return read_ferplus(data / (self.file or "ferplus.parquet"), split)
            case "newsfaces":
                return read_newsfaces(data / (self.file or "newsfaces.parquet"), split)
            case "drawn":
                return draw_faces(self.count, seed=DRAWN_SEED)
            case "pack":
                return read_pack(data / self.file, split, colour=colour, fold=self.fold or None)
        raise TrainingError(f"set {self.set!r} has no faces to learn from; give another set first")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmoFANRun:
    """Training an EmoFAN on one set of faces, with others beside it."""

    loop: LoopConfig
    sets: tuple[SetConfig, ...] = (SetConfig(set="ferplus"),)
    network: EmoFANConfig = field(default_factory=EmoFANConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    freeze_alignment: bool = False
    """Learn emotions on top of a face-alignment network that stays as it is; begin from one with --start-from."""
    teacher: str | None = None
    """Folder of an earlier run, for `loss.distillation`: its configuration and its best weights."""

    def __post_init__(self) -> None:
        if self.crop.size_px != self.network.input_px:
            raise ValueError(
                f"crop.size_px ({self.crop.size_px}) must be the network's input_px ({self.network.input_px})"
            )
        if self.network.input_channels not in (1, 3):
            raise ValueError(f"network.input_channels must be 1 (luma) or 3 (RGB), got {self.network.input_channels}")
        if self.network.num_classes != 8:
            raise ValueError(f"network.num_classes must be 8 in training, got {self.network.num_classes}")
        if (self.teacher is not None) != bool(self.loss.distillation):
            raise ValueError("teacher and loss.distillation go together: a teacher's folder, and how much it counts")
        if not self.sets or self.sets[0].set in ("scenes", "drawn") or self.sets[0].share:
            raise ValueError(
                "sets must begin with one of ferplus, newsfaces or pack, without a share: it takes the rest"
            )
        if any(not each.share for each in self.sets[1:]) or sum(each.share for each in self.sets) >= 1:
            raise ValueError("every set but the first needs a share, and together they must leave some of the batch")
        if any(each.hold_back for each in self.sets[1:]):
            raise ValueError("hold_back is for the first set")
        if sum(each.set == "scenes" for each in self.sets) > 1:
            raise ValueError("set 'scenes' can be given once")

    @property
    def colour(self) -> bool:
        """Whether the first set's pictures are RGB; the open data are grey, and then everything is."""
        return self.network.input_channels == 3 and self.sets[0].set == "pack"

    def task(self, data: Path, device: str = "cpu") -> Task:
        """The task, with all data in memory; a teacher says on `device` what it thinks of the first set."""
        faces, _, val = self.first_set(data)
        others = []
        for each in self.sets[1:]:
            if each.set != "scenes":
                more = each.read(data, "train", colour=self.colour)
                if each.set != "drawn":
                    more = more.without(each.read(data, "val", colour=self.colour))
                others.append((more, each.share))
        scenes, scenes_share = self.read_scenes(data, "train")
        return EmoFANTask(
            self.network,
            self.batch,
            self.crop,
            self.loss,
            EmoFANData(
                faces=faces,
                val=val,
                others=others,
                landmarks_val=self.read_marked(data),
                scenes=scenes,
                scenes_share=scenes_share,
                teacher=None if self.teacher is None else teach(Path(self.teacher), faces, device),
            ),
            freeze_alignment=self.freeze_alignment,
        )

    def read_scenes(self, data: Path, split: str) -> tuple[list[Scene], float]:
        """Photographs to cut squares without a face from, and their share of a batch.

        Grey where the faces are grey: colour must not tell what is a face.
        """
        for each in self.sets:
            if each.set == "scenes":
                path = data / (each.file or "faces_in_scenes.parquet")
                return read_scenes(path, split, colour=self.colour), each.share
        return [], 0.0

    def read_marked(self, data: Path) -> FaceSet | None:
        """Val of newsfaces, whose landmarks are the best, if they are learnt from beside the first set."""
        chosen = [each for each in self.sets[1:] if each.set == "newsfaces"]
        return chosen[0].read(data, "val", colour=self.colour) if chosen else None

    def first_set(self, data: Path) -> tuple[FaceSet, FaceSet, FaceSet]:
        """What of the first set is learnt, what of it is held back, and its val, whose pictures are in neither."""
        first = self.sets[0]
        val = first.read(data, "val", colour=self.colour)
        train = first.read(data, "train", colour=self.colour).without(val)
        return *train.hold_back(first.hold_back), val


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceDetectorRun:
    """Training a face detector on photographs of everyday scenes, with drawn people and clutter beside them."""

    loop: LoopConfig
    network: FaceDetectorConfig = field(default_factory=FaceDetectorConfig)
    detector: DetectorConfig = field(default_factory=DetectorConfig)
    drawn_scenes: int = 2500
    """How many pictures are drawn, if `detector.drawn_share` is above 0."""

    def task(self, data: Path, device: str = "cpu") -> Task:
        """The task, with all data in memory."""
        learnt, held_out = hold_out(read_scenes(data / "faces_in_scenes.parquet", "train"))
        portraits = [
            Portraits.of(read_newsfaces(data / "newsfaces.parquet", "train")),
            Portraits.of(read_ferplus(data / "ferplus.parquet", "train")),
        ]
        drawn = draw_scenes(self.drawn_scenes, seed=DRAWN_SEED) if self.detector.drawn_share else ()
        pictures = Pictures(
            learnt,
            drawn,
            Portraits.together(portraits),
            self.detector.drawn_share,
            self.detector.mosaic_share,
            Augmentation(self.detector.augmentation),
        )
        return DetectorTask(self.detector, self.network, pictures, held_out)


Run = EmoFANRun | FaceDetectorRun
_KINDS: dict[str, type[Run]] = {"emofan": EmoFANRun, "face_detector": FaceDetectorRun}


def read_run(path: Path) -> Run:
    """The run that a YAML file describes. Raises TrainingError."""
    content = load_yaml(path)
    kind = content.pop("task", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise TrainingError(f"{path}: task {kind!r} is not one of {', '.join(map(repr, _KINDS))}")
    return build(_KINDS[kind], content, str(path))


def train_run(
    config: Path,
    data: Path,
    folder: Path,
    *,
    start: Path | None = None,
    device: str = "cpu",
    team: Team = ALONE,
    log: Callable[[str], None] = print,
    validated: Callable[[int, dict[str, float]], None] = lambda step, figures: None,
) -> Path:
    """Train, or go on training, what `config` says in `folder`, which keeps a copy of it; return the best weights.

    The other arguments are those of `training.trainer.train`.
    """
    run = read_run(config)
    identity = repr(run) if team.size == 1 else f"{run!r} by {team.size}"
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(run, EmoFANRun) and run.teacher is not None:
        identity += f" taught by {file_digest(Path(run.teacher) / WEIGHTS_FILE)}"
    task = run.task(data, device)
    if team.rank == 0 and not (folder / CHECKPOINT_FILE).exists():
        half = folder / f"_{RUN_FILE}"
        shutil.copyfile(config, half)
        half.replace(folder / RUN_FILE)
    return train(
        task,
        run.loop,
        folder,
        identity=identity,
        start=start,
        device=device,
        team=team,
        log=log,
        validated=validated,
    )


def teach(folder: Path, faces: FaceSet, device: str = "cpu") -> np.ndarray:
    """(F, 8) what an earlier run says of each face's serving crop, and of its mirror image, averaged."""
    run = read_run(folder / RUN_FILE)
    if not isinstance(run, EmoFANRun):
        raise TrainingError(f"{folder}: a teacher must be an EmoFAN, this is a run of another task")
    model = EmoFAN(run.network)
    load_strictly(model, read_weights(folder / WEIGHTS_FILE))
    spec = affect_spec(run.crop.size_px, run.crop.factor, channels=run.network.input_channels)
    engine = TorchEngine(ServedEmoFAN(model.to(device)), spec)
    return (answer(engine, faces).expression + answer(engine, faces.mirrored()).expression) / 2

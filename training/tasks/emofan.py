"""EmoFAN as a training task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.data.faceset import FaceSet, in_channels
from training.data.scenes import Scene
from training.emofan.figures import expression_figures, landmark_figures
from training.emofan.loss import LossConfig, emofan_loss
from training.emofan.network import EmoFAN, EmoFANConfig
from training.emofan.samples import CropConfig, sample_background, sample_face
from training.errors import TrainingError
from training.evaluation.evaluate import answer
from training.export import ServedEmoFAN, TorchEngine, affect_spec
from training.trainer import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchConfig:
    """What a batch is made of; how much of it comes from which set stands with the sets."""

    size: int = 64
    balance: float = 0.0
    """How much oftener faces of rare expressions are drawn from the first set: by the expression's frequency to minus
    this power; 0: not at all, 1: all expressions alike."""

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(f"size must be at least 2, batch normalisation needs that; got {self.size}")
        if not 0 <= self.balance <= 1:
            raise ValueError(f"balance must be in 0..1, got {self.balance}")


@dataclass(frozen=True, kw_only=True, slots=True)
class EmoFANData:
    """All that an EmoFAN learns from and is measured on."""

    faces: FaceSet
    """The first set: it fills what the others leave of a batch."""
    val: FaceSet
    """Chooses the best weights."""
    others: Sequence[tuple[FaceSet, float]] = ()
    """Further sets, each with its share of a batch."""
    landmarks_val: FaceSet | None = None
    """Whose landmarks are measured, if not those of `val`."""
    scenes: Sequence[Scene] = ()
    scenes_share: float = 0.0
    """Share of crops without a face: the heatmaps learn to be empty there, so that their peaks say whether a face is
    seen."""
    teacher: np.ndarray | None = None
    """(F, C) probabilities that a teacher gives the faces of the first set; for `LossConfig.distillation`."""


class EmoFANTask:
    """Expression, valence, arousal and landmarks."""

    def __init__(
        self,
        network: EmoFANConfig,
        batch: BatchConfig,
        crop: CropConfig,
        loss: LossConfig,
        data: EmoFANData,
        *,
        freeze_alignment: bool = False,
    ):
        self._network, self._batch, self._crop, self._loss, self._data = network, batch, crop, loss, data
        self._freeze_alignment = freeze_alignment
        self._chances = chances(data.faces, batch.balance)
        self._num_empty = round(data.scenes_share * batch.size)
        self._counts = [round(share * batch.size) for _, share in data.others]
        if self._num_empty + sum(self._counts) >= batch.size:
            raise TrainingError(f"the shares of the sets leave nothing of a batch of {batch.size} to the first set")

    def network(self) -> nn.Module:
        model = EmoFAN(self._network)
        if self._freeze_alignment:
            model.freeze_alignment()
        return model

    def batch(self, rng: np.random.Generator) -> Batch:
        count, data = self._batch.size, self._data
        images: list[np.ndarray] = []
        expression, teacher = (np.full((count, 8), np.nan, np.float32) for _ in range(2))
        affect = np.full((count, 2), np.nan, np.float32)
        landmarks = np.full((count, 68, 2), np.nan, np.float32)
        num_empty = self._num_empty
        images += [self._background(rng) for _ in range(num_empty)]
        for i, (faces, row) in enumerate(self._pick(count - num_empty, rng), num_empty):
            image, landmarks[i] = sample_face(faces, row, self._crop, rng)
            images.append(image)
            expression[i], affect[i] = faces.expression[row], faces.affect[row]
            if faces is data.faces and data.teacher is not None:
                teacher[i] = data.teacher[row]
        pixels = np.stack([in_channels(image, self._network.input_channels) for image in images])
        return {
            "images": torch.from_numpy(pixels).permute(0, 3, 1, 2),
            "expression": torch.from_numpy(expression),
            "teacher": torch.from_numpy(teacher),
            "affect": torch.from_numpy(affect),
            "landmarks": torch.from_numpy(landmarks),
            "not_a_face": torch.arange(count) < num_empty,
        }

    def _pick(self, count: int, rng: np.random.Generator) -> Iterator[tuple[FaceSet, int]]:
        """Which faces of which sets make a batch of `count`."""
        for (faces, _), number in zip(self._data.others, self._counts, strict=True):
            rows = rng.integers(0, len(faces), number).tolist()
            count -= number
            yield from ((faces, row) for row in rows)
        faces = self._data.faces
        yield from ((faces, row) for row in rng.choice(len(faces), count, p=self._chances).tolist())

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        scenes = self._data.scenes
        while True:
            image = sample_background(scenes[int(rng.integers(0, len(scenes)))], self._crop.size_px, rng)
            if image is not None:
                return image

    def losses(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        images = batch["images"].float().div(255).contiguous(memory_format=torch.channels_last)
        labels = (batch["expression"], batch["affect"], batch["landmarks"], batch["not_a_face"])
        return emofan_loss(model(images), *labels, self._loss, rng, teacher=batch["teacher"])

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Figures of the first set's val; the score is accuracy, or the mean CCC where accuracy is not learnt."""
        assert isinstance(model, EmoFAN)
        spec = affect_spec(self._crop.size_px, self._crop.factor, channels=self._network.input_channels)
        engine = TorchEngine(ServedEmoFAN(model), spec)
        val, marked = self._data.val, self._data.landmarks_val
        answered = answer(engine, val)
        figures = expression_figures(val, answered)
        chosen = {
            name: figures[name]
            for name in ("accuracy", "macro_recall", "ccc_valence", "ccc_arousal")
            if np.isfinite(figures.get(name, np.nan))
        }
        aligned = (
            landmark_figures(val, answered) if marked is None else landmark_figures(marked, answer(engine, marked))
        )
        if np.isfinite(aligned.get("nme", np.nan)):
            chosen["nme"] = aligned["nme"]
        return {"score": self._score(chosen), **chosen}

    def _score(self, figures: dict[str, float]) -> float:
        """Higher is better. Raises TrainingError where val says nothing of what is learnt."""
        if (self._loss.categories or self._loss.distillation) and "accuracy" in figures:
            return figures["accuracy"]
        if self._loss.affect and "ccc_valence" in figures:
            return (figures["ccc_valence"] + figures["ccc_arousal"]) / 2
        if "nme" in figures:
            return -figures["nme"]
        raise TrainingError("val has no labels for any of what is learnt, so no weights can be chosen by it")


def chances(faces: FaceSet, balance: float) -> np.ndarray:
    """(F,) how likely each face is drawn: none without any label, the others as `BatchConfig.balance` says.

    A face with labels but no expression is drawn as often as the average one with. Raises TrainingError.
    """
    named = np.isfinite(faces.expression).all(1)
    usable = named | np.isfinite(faces.affect).all(1) | np.isfinite(faces.landmarks).all((1, 2))
    if not usable.any():
        raise TrainingError("none of the faces to learn from has a label")
    weights = usable.astype(np.float64)
    if balance:
        if not named.any():
            raise TrainingError("no face has an expression, so there is nothing to balance; set batch.balance to 0")
        frequency = faces.expression[named].mean(0, dtype=np.float64)
        weights[named] = faces.expression[named] @ np.where(frequency > 0, frequency, 1.0) ** -balance
        weights[usable & ~named] = weights[named].mean()
    return np.asarray(weights / weights.sum())

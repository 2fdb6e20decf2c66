"""EmoFAN as a training task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.data.faceset import FaceSet
from training.emofan.figures import expression_figures, landmark_figures
from training.emofan.loss import LossConfig, emofan_loss
from training.emofan.network import EmoFAN, EmoFANConfig
from training.emofan.samples import CropConfig, sample_background, sample_face
from training.evaluate import answer
from training.export import ServedEmoFAN, TorchEngine, affect_spec
from training.face_detector.scenes import Scene
from training.trainer import Batch


@dataclass(frozen=True, kw_only=True, slots=True)
class MixConfig:
    """What a batch is made of."""

    batch_size: int = 64
    newsfaces_share: float = 0.15
    background_share: float = 0.08
    """Crops without a face: the heatmaps learn to be empty there, so that their peaks say whether a face is seen."""
    drawn_share: float = 0.0
    balance: float = 0.0
    """How much oftener faces of rare expressions are drawn: by the expression's frequency to minus this power; 0: not
    at all, 1: all expressions alike."""
    hold_back_share: float = 0.0
    """Share of FER+ train that is not learnt from: the temperature of the expressions is fitted on it."""

    def __post_init__(self) -> None:
        for name in ("balance", "hold_back_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in 0..1, got {getattr(self, name)}")
        shares = (self.newsfaces_share, self.background_share, self.drawn_share)
        if min(shares) < 0 or sum(shares) >= 1:
            raise ValueError(f"the shares must be 0 or more and leave some of the batch to FER+, got {shares}")


class EmoFANTask:
    """Expression, valence, arousal and landmarks; scored by accuracy on the majority votes of FER+ val."""

    def __init__(
        self,
        *,
        network: EmoFANConfig,
        mix: MixConfig,
        crop: CropConfig,
        loss: LossConfig,
        ferplus: FaceSet,
        ferplus_val: FaceSet,
        newsfaces: FaceSet | None = None,
        newsfaces_val: FaceSet | None = None,
        drawn: FaceSet | None = None,
        scenes: Sequence[Scene] = (),
        teacher: np.ndarray | None = None,
    ):
        self._network, self._mix, self._crop, self._loss = network, mix, crop, loss
        self._ferplus, self._newsfaces, self._scenes = ferplus, newsfaces, scenes
        self._usable = np.flatnonzero(np.isfinite(ferplus.expression).all(1))
        self._chances = chances(ferplus.expression[self._usable], mix.balance)
        self._teacher = np.full_like(ferplus.expression, np.nan) if teacher is None else teacher
        self._drawn = drawn
        self._ferplus_val, self._newsfaces_val = ferplus_val, newsfaces_val

    def network(self) -> nn.Module:
        return EmoFAN(self._network)

    def batch(self, rng: np.random.Generator) -> Batch:
        mix, size = self._mix, self._crop.size_px
        expression = np.full((mix.batch_size, 8), np.nan, np.float32)
        teacher = np.full((mix.batch_size, 8), np.nan, np.float32)
        affect = np.full((mix.batch_size, 2), np.nan, np.float32)
        landmarks = np.full((mix.batch_size, 68, 2), np.nan, np.float32)
        images = np.zeros((mix.batch_size, size, size), np.uint8)
        num_empty = round(mix.background_share * mix.batch_size) if self._scenes else 0
        for i in range(num_empty):
            images[i] = self._background(rng)
        for i, (faces, row) in enumerate(self._pick(mix.batch_size - num_empty, rng), num_empty):
            images[i], landmarks[i] = sample_face(faces, row, self._crop, rng)
            expression[i], affect[i] = faces.expression[row], faces.affect[row]
            if faces is self._ferplus:
                teacher[i] = self._teacher[row]
        return {
            "images": torch.from_numpy(images)[:, None],
            "expression": torch.from_numpy(expression),
            "teacher": torch.from_numpy(teacher),
            "affect": torch.from_numpy(affect),
            "landmarks": torch.from_numpy(landmarks),
            "not_a_face": torch.arange(mix.batch_size) < num_empty,
        }

    def _pick(self, count: int, rng: np.random.Generator) -> Iterator[tuple[FaceSet, int]]:
        """Which faces of which sets make a batch of `count`."""
        shares = ((self._newsfaces, self._mix.newsfaces_share), (self._drawn, self._mix.drawn_share))
        for faces, share in shares:
            if faces is not None:
                rows = rng.integers(0, len(faces), round(share * self._mix.batch_size)).tolist()
                count -= len(rows)
                yield from ((faces, row) for row in rows)
        yield from ((self._ferplus, row) for row in rng.choice(self._usable, count, p=self._chances).tolist())

    def _background(self, rng: np.random.Generator) -> np.ndarray:
        while True:
            scene = self._scenes[int(rng.integers(0, len(self._scenes)))]
            image = sample_background(scene, self._crop.size_px, rng)
            if image is not None:
                return image

    def losses(self, model: nn.Module, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        images = batch["images"].float().div(255).contiguous(memory_format=torch.channels_last)
        labels = (batch["expression"], batch["affect"], batch["landmarks"], batch["not_a_face"])
        return emofan_loss(model(images), *labels, self._loss, rng, teacher=batch["teacher"])

    def validate(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, EmoFAN)
        engine = TorchEngine(ServedEmoFAN(model), affect_spec(self._crop.size_px, self._crop.factor))
        figures = expression_figures(self._ferplus_val, answer(engine, self._ferplus_val))
        chosen = {name: figures[name] for name in ("macro_recall", "ccc_valence", "ccc_arousal")}
        if self._newsfaces_val is not None:
            chosen["nme"] = landmark_figures(self._newsfaces_val, answer(engine, self._newsfaces_val))["nme"]
        return {"score": figures["accuracy"], **chosen}


def chances(expression: np.ndarray, balance: float) -> np.ndarray:
    """(F,) how likely each face is drawn, from the distributions (F, C) over expressions; see `MixConfig.balance`."""
    frequency = expression.mean(0, dtype=np.float64)
    weights = expression @ np.where(frequency > 0, frequency, 1.0) ** -balance
    return np.asarray(weights / weights.sum())

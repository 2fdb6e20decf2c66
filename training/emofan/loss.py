"""What EmoFAN is trained with: the paper's loss (equations 5 to 10) and a landmark loss.

Shapes: B faces, C classes, M the side of the heatmaps. Labels that are not known are NaN and do not count.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from training.emofan.network import STRIDE, EmoFANOutput, decode_landmarks


@dataclass(frozen=True, kw_only=True, slots=True)
class LossConfig:
    """Which terms count, and how much."""

    categories: float = 1.0
    """Cross entropy with the annotators' distribution (5)."""
    distillation: float = 0.0
    """Kullback-Leibler divergence from a teacher's distribution (7)."""
    affect: float = 1.0
    """Valence and arousal: MSE, PCC and CCC terms (6, 9, 10)."""
    affect_mix: Literal["shake_shake", "even", "mse", "pcc", "ccc"] = "shake_shake"
    """Weights of the three affect terms: drawn anew at each step (8), a third each, or one term alone."""
    heatmap: float = 1.0
    """Squared error of the heatmaps, summed over the map."""
    landmark: float = 0.5
    """Distance of decoded landmarks, in cells of the heatmap; those outside the crop do not count."""


def pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation of two (B,) batches."""
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / (a.square().sum() * b.square().sum()).clamp(min=1e-8).sqrt()


def concordance(a: Tensor, b: Tensor) -> Tensor:
    """CCC of two (B,) batches, population moments (4)."""
    covariance = ((a - a.mean()) * (b - b.mean())).mean()
    spread = a.var(correction=0) + b.var(correction=0) + (a.mean() - b.mean()).square()
    return 2 * covariance / spread.clamp(min=1e-8)


def affect_terms(prediction: Tensor, truth: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """L_MSE (9), L_PCC (10), L_CCC (6) of (B, 2) valence and arousal."""
    mse = (prediction - truth).square().mean(0).sum()
    columns = list(zip(prediction.unbind(1), truth.unbind(1), strict=True))
    pcc = 1 - torch.stack([pearson(p, t) for p, t in columns]).mean()
    ccc = 1 - torch.stack([concordance(p, t) for p, t in columns]).mean()
    return mse, pcc, ccc


def affect_weights(config: LossConfig, rng: np.random.Generator) -> list[float]:
    """Weights of MSE, PCC and CCC, which sum to 1."""
    alone = {"mse": [1.0, 0.0, 0.0], "pcc": [0.0, 1.0, 0.0], "ccc": [0.0, 0.0, 1.0], "even": [1 / 3] * 3}
    if config.affect_mix in alone:
        return alone[config.affect_mix]
    drawn = rng.uniform(0, 1, 3)
    return [float(w) for w in drawn / drawn.sum()]


def divergence(teacher: Tensor, logits: Tensor) -> Tensor:
    """KL(teacher || student) of (B, C) probabilities and logits, averaged over the batch (7)."""
    log_student = logits.log_softmax(1)
    return (torch.xlogy(teacher, teacher) - teacher * log_student).sum(1).mean()


def draw_heatmaps(landmarks: Tensor, side: int) -> Tensor:
    """(B, 68, M, M) Gaussians of one cell's width at landmarks (B, 68, 2) in crop px; all zero where NaN."""
    cells = torch.arange(side, device=landmarks.device, dtype=landmarks.dtype) * STRIDE + (STRIDE - 1) / 2
    dx = (cells - landmarks[..., 0:1]) / STRIDE
    dy = (cells - landmarks[..., 1:2]) / STRIDE
    return torch.nan_to_num(torch.exp(-(dx.square()[:, :, None, :] + dy.square()[:, :, :, None]) / 2))


def emofan_loss(
    output: EmoFANOutput,
    expression: Tensor,
    affect: Tensor,
    landmarks: Tensor,
    not_a_face: Tensor,
    config: LossConfig,
    rng: np.random.Generator,
    teacher: Tensor | None = None,
) -> dict[str, Tensor]:
    """Loss of a batch and its parts.

    expression (B, C) probabilities, affect (B, 2), landmarks (B, 68, 2) crop px, not_a_face (B,) bool: heatmaps are
    to be empty there. teacher (B, C) probabilities, for the distillation term.
    """
    parts: dict[str, Tensor] = {}
    labelled = expression.isfinite().all(1)
    if config.categories and labelled.any():
        log_p = output.expression[labelled].float().log_softmax(1)
        parts["categories"] = config.categories * -(expression[labelled] * log_p).sum(1).mean()
    if config.distillation and teacher is not None and (taught := teacher.isfinite().all(1)).any():
        parts["distillation"] = config.distillation * divergence(teacher[taught], output.expression[taught].float())
    rated = affect.isfinite().all(1)
    if config.affect and rated.sum() > 1:
        prediction = torch.stack([output.valence, output.arousal], 1)[rated].float()
        terms = affect_terms(prediction, affect[rated])
        weights = affect_weights(config, rng)
        mixed = torch.stack([w * t for w, t in zip(weights, terms, strict=True)]).sum()
        parts["affect"] = config.affect * mixed
    marked = landmarks.isfinite().all((1, 2))
    known = marked | not_a_face
    if config.heatmap and known.any():
        heatmaps = output.heatmaps[known].float()
        target = draw_heatmaps(landmarks[known], heatmaps.shape[-1])
        parts["heatmap"] = config.heatmap * (heatmaps - target).square().sum((2, 3)).mean()
    if config.landmark and marked.any():
        found, _ = decode_landmarks(output.heatmaps[marked].float())
        truth, last = landmarks[marked], output.heatmaps.shape[-1] * STRIDE - 1
        inside = ((truth >= 0) & (truth <= last)).all(2)
        error = (found - truth).norm(dim=2) * inside
        parts["landmark"] = config.landmark * error.sum() / inside.sum().clamp(min=1) / STRIDE
    total = torch.stack(list(parts.values())).sum() if parts else output.valence.sum() * 0
    return {"loss": total, **{k: v.detach() for k, v in parts.items()}}

"""``face-s``: a single-shot, anchor-free face detector in plain 3x3 convolutions.

Shapes: B images, H W pixels, A anchors (one per cell of the four grids), G marked faces.
One anchor is one cell of a grid of stride 8, 16, 32 or 64 px; it predicts how likely a face is centred near it
and where that face's box lies.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

STRIDES = (8, 16, 32, 64)
"""Pixels between neighbouring anchors, one grid each; H and W must be multiples of the last.

The last is for faces that fill the picture: at stride 32 no cell sees the whole of a face of 600 px.
"""


def conv(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two convolutions added to their input. A fresh one changes nothing, so it can be put into a trained network."""

    def __init__(self, channels: int):
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        return relu(x + self.norm(self.second(self.first(x))))


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceDetectorConfig:
    """Size of the network. The defaults are those of `face-s`."""

    channels: tuple[int, int, int, int, int, int] = (16, 24, 32, 48, 64, 64)
    """After 2, 4, 8, 16, 32 and 64-fold reduction."""
    residuals: tuple[int, int, int, int] = (3, 3, 3, 2)
    """Residual blocks at strides 8, 16, 32 and 64."""
    head_channels: int = 32


class FaceDetector(nn.Module):
    """Grey picture in, one score and one box per anchor out.

    A trunk to strides 8, 16, 32 and 64, coarser maps added to finer ones, and one small head per stride.
    Few channels and no depthwise convolution: that is what a CPU trains and runs best.
    """

    def __init__(self, config: FaceDetectorConfig):
        super().__init__()
        channels, head_channels = config.channels, config.head_channels
        c2, c4, c8, c16, c32, c64 = channels
        self.stem = nn.Sequential(conv(1, c2, stride=2), conv(c2, c4, stride=2), conv(c4, c4))
        self.trunk = nn.ModuleList(
            [
                nn.Sequential(conv(c4, c8, stride=2), conv(c8, c8), conv(c8, c8)),
                nn.Sequential(conv(c8, c16, stride=2), conv(c16, c16), conv(c16, c16)),
                nn.Sequential(conv(c16, c32, stride=2), conv(c32, c32)),
                nn.Sequential(conv(c32, c64, stride=2)),
            ]
        )
        for stage, count, width in zip(self.trunk, config.residuals, (c8, c16, c32, c64), strict=True):
            assert isinstance(stage, nn.Sequential)
            stage.extend(Residual(width) for _ in range(count))
        self.lateral = nn.ModuleList([conv(c, head_channels, kernel=1) for c in (c8, c16, c32, c64)])
        self.heads = nn.ModuleList(
            [nn.Sequential(conv(head_channels, head_channels), conv(head_channels, head_channels)) for _ in STRIDES]
        )
        self.predictors = nn.ModuleList([nn.Conv2d(head_channels, 5, 1) for _ in STRIDES])
        for predictor in self.predictors:
            assert isinstance(predictor.bias, Tensor)
            nn.init.constant_(predictor.bias[:1], -4.6)  # a score of 0.01 at first: most anchors are background

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """images (B, 1, H, W) in [0, 1] -> score logits (B, A) and boxes (B, A, 4) as x1 y1 x2 y2 in px."""
        x = self.stem(images)
        maps = []
        for stage in self.trunk:
            x = stage(x)
            maps.append(x)
        maps = [lateral(m) for lateral, m in zip(self.lateral, maps, strict=True)]
        for finer in range(len(maps) - 2, -1, -1):
            maps[finer] = maps[finer] + interpolate(maps[finer + 1], scale_factor=2.0, mode="nearest")
        logits, boxes = [], []
        for m, head, predictor, stride in zip(maps, self.heads, self.predictors, STRIDES, strict=True):
            raw = predictor(head(m)).float()
            logits.append(raw[:, 0].flatten(1))
            boxes.append(decode(raw[:, 1:], stride))
        return torch.cat(logits, 1), torch.cat(boxes, 1)


def decode(raw: Tensor, stride: int) -> Tensor:
    """raw (B, 4, h, w): centre offset and log size in strides -> boxes (B, h*w, 4), px."""
    _, _, h, w = raw.shape
    xs = (torch.arange(w, device=raw.device, dtype=raw.dtype) + 0.5).view(1, 1, w)
    ys = (torch.arange(h, device=raw.device, dtype=raw.dtype) + 0.5).view(1, h, 1)
    cx, cy = raw[:, 0] + xs, raw[:, 1] + ys
    half_w, half_h = raw[:, 2].clamp(-6, 6).exp() / 2, raw[:, 3].clamp(-6, 6).exp() / 2
    boxes = torch.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], -1)
    return boxes.flatten(1, 2) * stride


def anchors(height: int, width: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Centres (A, 2) in px and strides (A,) of all anchors of a picture, in the order of the outputs."""
    centres, strides = [], []
    for stride in STRIDES:
        ys, xs = torch.meshgrid(
            torch.arange(height // stride, device=device), torch.arange(width // stride, device=device), indexing="ij"
        )
        centres.append((torch.stack([xs, ys], -1).flatten(0, 1) + 0.5) * stride)
        strides.append(torch.full((centres[-1].shape[0],), float(stride), device=device))
    return torch.cat(centres), torch.cat(strides)

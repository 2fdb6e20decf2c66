"""EmoFAN: landmarks, expression, valence and arousal of one face in a single pass.

Toisoul et al., "Estimation of continuous valence and arousal levels from faces in naturalistic conditions", Nature
Machine Intelligence 3, 2021. With its default settings the class has the parameter names and shapes of the public
checkpoints and gives their numbers; with smaller ones it is `emofan-s`.

Shapes: B faces, S the side of the crop, M = S / 4 the side of the heatmaps, N = 68 landmarks, C expression classes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

NUM_LANDMARKS = 68
STRIDE = 4
"""Crop pixels between neighbouring cells of a heatmap."""
EMOTION_PARTS = ("conv1x1_input_emo", "emo_net", "avg_pool", "emo_fc")
"""What the names of the emotion network's layers begin with; all others align the face."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EmoFANConfig:
    """Size of the network. The defaults are the paper's."""

    input_channels: int = 3
    input_px: int = 256
    stem_channels: int = 64
    channels: int = 256
    """Channels of the hourglasses and of the emotion blocks."""
    stacks: int = 2
    """Hourglasses, one after the other."""
    depth: int = 4
    """How often an hourglass halves its map."""
    num_classes: int = 8
    attention: bool = True
    """Weigh the alignment network's features by its heatmaps before emotions are read from them."""

    def __post_init__(self) -> None:
        if self.input_px // STRIDE % 2**self.depth:
            raise ValueError(
                f"input_px / {STRIDE} must be a multiple of 2**depth = {2**self.depth}, got {self.input_px}"
            )


class EmoFANOutput(NamedTuple):
    """What the network says, before softmax and clamping."""

    expression: Tensor
    """(B, C) logits."""
    valence: Tensor
    """(B,), about -1..1."""
    arousal: Tensor
    """(B,), about -1..1."""
    heatmaps: Tensor
    """(B, 68, M, M), about 1 at a landmark, 0 elsewhere."""


class ConvBlock(nn.Module):
    """Three pre-activated 3x3 convolutions, concatenated, plus the input (Bulat & Tzimiropoulos 2017)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half, quarter = outputs // 2, outputs // 4
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, quarter, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(quarter)
        self.conv3 = nn.Conv2d(quarter, quarter, 3, padding=1, bias=False)
        self.downsample: nn.Module | None = None
        if inputs != outputs:
            self.downsample = nn.Sequential(
                nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False)
            )

    def forward(self, x: Tensor) -> Tensor:
        first = self.conv1(relu(self.bn1(x)))
        second = self.conv2(relu(self.bn2(first)))
        third = self.conv3(relu(self.bn3(second)))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.cat([first, second, third], 1) + shortcut


class Hourglass(nn.Module):
    """Down `depth` times, up again, with a skip at each level (Newell et al. 2016)."""

    def __init__(self, channels: int, depth: int):
        super().__init__()
        self.depth = depth
        for level in range(1, depth + 1):
            self.add_module(f"b1_{level}", ConvBlock(channels, channels))
            self.add_module(f"b2_{level}", ConvBlock(channels, channels))
            self.add_module(f"b3_{level}", ConvBlock(channels, channels))
        self.b2_plus_1 = ConvBlock(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self._level(self.depth, x)

    def _level(self, level: int, x: Tensor) -> Tensor:
        skip = self.get_submodule(f"b1_{level}")(x)
        low = self.get_submodule(f"b2_{level}")(max_pool2d(x, 2))
        low = self._level(level - 1, low) if level > 1 else self.b2_plus_1(low)
        low = self.get_submodule(f"b3_{level}")(low)
        return skip + interpolate(low, scale_factor=2.0, mode="nearest")


class EmoFAN(nn.Module):
    """The face-alignment network, and the emotion network on its features weighted by its heatmaps."""

    def __init__(self, config: EmoFANConfig):
        super().__init__()
        self.config = config
        self._frozen: list[nn.Module] = []
        channels = config.channels
        self.conv1 = nn.Conv2d(config.input_channels, config.stem_channels, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(config.stem_channels)
        self.conv2 = ConvBlock(config.stem_channels, channels // 2)
        self.conv3 = ConvBlock(channels // 2, channels // 2)
        self.conv4 = ConvBlock(channels // 2, channels)
        for i in range(config.stacks):
            self.add_module(f"m{i}", Hourglass(channels, config.depth))
            self.add_module(f"top_m_{i}", ConvBlock(channels, channels))
            self.add_module(f"conv_last{i}", nn.Conv2d(channels, channels, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(channels))
            self.add_module(f"l{i}", nn.Conv2d(channels, NUM_LANDMARKS, 1))
            if i < config.stacks - 1:
                self.add_module(f"bl{i}", nn.Conv2d(channels, channels, 1))
                self.add_module(f"al{i}", nn.Conv2d(NUM_LANDMARKS, channels, 1))
        self.conv1x1_input_emo_2 = nn.Conv2d(channels * (1 + config.stacks), channels, 1)
        blocks: list[nn.Module] = []
        for _ in range((config.input_px // STRIDE // 4).bit_length() - 1):  # each halves the map, down to 4 x 4
            blocks += [ConvBlock(channels, channels), nn.MaxPool2d(2)]
        self.emo_net_2 = nn.Sequential(*blocks)
        self.avg_pool_2 = nn.AvgPool2d(4)
        self.emo_fc_2 = nn.Sequential(
            nn.Linear(channels, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, config.num_classes + 2)
        )

    def forward(self, images: Tensor) -> EmoFANOutput:
        """images (B, channels, S, S) float in [0, 1]."""
        x = relu(self.bn1(self.conv1(images)))
        stem = self.conv4(self.conv3(max_pool2d(self.conv2(x), 2)))
        features, heatmaps = self._align(stem)
        if self.config.attention:
            features = features * heatmaps.sum(1, keepdim=True)
        x = self.conv1x1_input_emo_2(torch.cat([stem, features], 1))
        answer = self.emo_fc_2(self.avg_pool_2(self.emo_net_2(x)).flatten(1))
        return EmoFANOutput(answer[:, :-2], answer[:, -2], answer[:, -1], heatmaps)

    def freeze_alignment(self) -> None:
        """Keep the face-alignment network as it is: emotions are learnt on top of it, as in the paper."""
        self._frozen = [part for name, part in self.named_children() if not name.startswith(EMOTION_PARTS)]
        for part in self._frozen:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "EmoFAN":
        super().train(mode)
        for part in self._frozen:  # their batch statistics too stay what they are
            part.eval()
        return self

    def _align(self, stem: Tensor) -> tuple[Tensor, Tensor]:
        """Features of all hourglasses (B, stacks * channels, M, M) and the last one's heatmaps (B, 68, M, M)."""
        features, previous, heatmaps = [], stem, stem
        for i in range(self.config.stacks):
            x = self._part("top_m_", i, self._part("m", i, previous))
            x = relu(self._part("bn_end", i, self._part("conv_last", i, x)))
            heatmaps = self._part("l", i, x)
            if i < self.config.stacks - 1:
                x = self._part("bl", i, x)
                previous = previous + x + self._part("al", i, heatmaps)
            features.append(x)
        return torch.cat(features, 1), heatmaps

    def _part(self, name: str, i: int, x: Tensor) -> Tensor:
        """`x` through a layer of hourglass `i`."""
        return self.get_submodule(f"{name}{i}")(x)


def decode_landmarks(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Landmarks (B, 68, 2) in crop px (x, y) and their peaks (B, 68) from heatmaps (B, 68, M, M).

    A soft-argmax: the centre of mass of the fourth power, so that the flat background weighs next to nothing and the
    answer is finer than a cell. Cell i lies at STRIDE * i + (STRIDE - 1) / 2 px, pixel centres being whole numbers.
    """
    side = heatmaps.shape[-1]
    cells = torch.arange(side, device=heatmaps.device, dtype=heatmaps.dtype) * STRIDE + (STRIDE - 1) / 2
    mass = relu(heatmaps).square().square() + 1e-6  # an empty map answers with its middle
    total = mass.sum((2, 3))
    x = (mass.sum(2) * cells).sum(2) / total
    y = (mass.sum(3) * cells).sum(2) / total
    return torch.stack([x, y], -1), heatmaps.amax((2, 3))

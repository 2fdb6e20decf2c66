"""Weights made up by the rule of the reference numbers, for networks whose weights are not at hand."""

import numpy as np
import torch


def made_up_weights(shapes):
    """The fixtures' rule: sines of the position and of the name's place in the sorted list."""
    state = {}
    for k, name in enumerate(sorted(shapes)):
        shape = shapes[name]
        count = int(np.prod(shape)) if shape else 1
        wave = np.sin((np.arange(count) + 1) * 12.9898 + k * 78.233).reshape(shape)
        if len(shape) >= 2:
            value = np.sqrt(4 / (count / shape[0])) * wave
        elif name.endswith("running_var"):
            value = 1 + 0.2 * np.abs(wave)
        elif name.endswith("weight"):
            value = 1 + 0.1 * wave
        else:
            value = 0.0 * wave if name.endswith("num_batches_tracked") else 0.05 * wave
        state[name] = torch.tensor(value, dtype=torch.int64 if name.endswith("tracked") else torch.float32)
    return state


def made_up_images():
    """The fixtures' two pictures, (2, 256, 256, 3) uint8 RGB."""
    y, x = np.mgrid[:256, :256]
    wave = [[np.sin(0.05 * x * (c + 1) + 0.03 * y * (b + 1) + c) for c in range(3)] for b in range(2)]
    return np.floor(127.5 * (1 + np.array(wave))).astype(np.uint8).transpose(0, 2, 3, 1).copy()

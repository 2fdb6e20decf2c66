"""What runtimes on the CPU have in common."""

from engines.network import NetworkSpec

BATCH_SIZES = {"affect": (16, 4, 1), "detector": (1,)}
"""A batch of crops pays; one picture for the detector keeps all cores busy."""
BATCH_PX_MAX = 2**18
"""Pixels of a batch of crops. A core takes about half a second for so many with the paper's network: larger batches are
no faster, and leave the watchdog without a heartbeat for longer."""


def cpu_batch_sizes(spec: NetworkSpec) -> tuple[int, ...]:
    """How many pictures an engine of this network runs at a time, the largest number first."""
    picture_px = (spec.input.height_px or 1) * (spec.input.width_px or 1)
    return tuple(size for size in BATCH_SIZES[spec.kind] if size == 1 or size * picture_px <= BATCH_PX_MAX)

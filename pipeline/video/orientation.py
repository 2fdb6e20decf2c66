"""Which way up a picture is shown: one of eight turns and mirrorings, from the file's metadata and the user's wish.

libav gives every source of it (MP4's display matrix, Matroska's projection, H.264's and HEVC's SEI, EXIF in JPEG, PNG,
WebP and TIFF, `irot` and `imir` in HEIC and AVIF) as one matrix beside each decoded frame.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Self

import numpy as np
from av import VideoFrame
from av.filter import Graph
from av.sidedata.sidedata import SideData, Type

_UNKNOWN_KINDS = range(len(Type), 40)
"""Side data that libav may attach and PyAV 18 cannot name, EXIF (31) among it: it then refuses to list any."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """First swap rows and columns, if at all, then flip: every one of the eight orientations, once."""

    transposed: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """What the file says of this frame. An angle between quarter turns becomes the nearest one."""
        matrix = _display_matrix(frame)
        if matrix is None:
            return cls()
        (a, b), (c, d) = matrix  # x' = a x + c y, y' = b x + d y, with y down
        if a * d == b * c:  # damaged: it would squash the picture into a line
            return cls()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def then_clockwise(self, degrees: int) -> Self:
        """This orientation, and on top of it 0, 90, 180 or 270 degrees clockwise."""
        turned = self
        for _ in range(degrees // 90 % 4):  # rows become columns, and what was at the bottom comes to the left
            turned = type(self)(not turned.transposed, not turned.flip_y, turned.flip_x)
        return turned

    def apply(self, plane: np.ndarray) -> np.ndarray:
        """`plane` (H, W, …) as it is shown: itself where nothing changes, else a new contiguous array."""
        if self == Orientation():
            return plane
        shown = plane.swapaxes(0, 1) if self.transposed else plane
        return np.ascontiguousarray(shown[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1])


def _display_matrix(frame: VideoFrame) -> tuple[tuple[int, int], tuple[int, int]] | None:
    try:
        side_data = frame.side_data
    except ValueError:
        side_data = _without_unknown(frame).side_data
    data = side_data.get("DISPLAYMATRIX")
    if not isinstance(data, SideData) or data.buffer_size != 36:
        return None
    a, b, _, c, d, *_ = struct.unpack("=9i", memoryview(data))
    return (a, b), (c, d)


def _without_unknown(frame: VideoFrame) -> VideoFrame:
    """The frame, not copied, without the side data that PyAV cannot name."""
    graph = Graph()
    time_base = frame.time_base or Fraction(1)
    nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=time_base)]
    nodes += [graph.add("sidedata", mode="delete", type=str(kind)) for kind in _UNKNOWN_KINDS]
    nodes.append(graph.add("buffersink"))
    for before, after in pairwise(nodes):
        before.link_to(after)
    graph.configure()
    graph.vpush(frame)
    return graph.vpull()

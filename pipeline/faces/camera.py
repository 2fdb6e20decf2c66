"""Where things are in other frames: camera motion and changes of the picture's size between the frames of a stream.

Shapes: N frames, K boxes x1 y1 x2 y2 px.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.types import Frame


class CameraPath:
    """How the camera moved over some frames."""

    def __init__(self, frames: Sequence[Frame], start: np.ndarray | None = None):
        """`start`: (2,) where the camera stood before the first frame, as `end` of an earlier path said."""
        motion = np.array([frame.motion for frame in frames], float).reshape(-1, 2)
        self._offset = np.cumsum(motion, 0) + (0 if start is None else start)
        """(N, 2) sums of motion, shares of the picture; exact, since motion is a multiple of 1/1024."""
        self._size = np.array([(frame.width, frame.height) for frame in frames], float).reshape(-1, 2)

    @property
    def end(self) -> np.ndarray:
        """(2,) where the camera stands at the last frame."""
        return self._offset[-1]

    def at(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Offset (2,) and size (2,) of one frame: what `carry` needs of it."""
        return self._offset[frame], self._size[frame]

    def carried(self, boxes: np.ndarray, source: np.ndarray | int, target: np.ndarray | int) -> np.ndarray:
        """Boxes (K, 4) of frames `source`, (K,) or one, where they would be in `target` had only the camera moved."""
        return carry(boxes, (self._offset[source], self._size[source]), (self._offset[target], self._size[target]))


def carry(
    boxes: np.ndarray, source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Boxes (..., 4) from one frame's pixels to another's; each frame is given by offset and size (..., 2)."""
    (from_offset, from_size), (to_offset, to_size) = source, target
    scale, shift = to_size / from_size, (to_offset - from_offset) * to_size
    moved = boxes * np.concatenate([scale, scale], -1) + np.concatenate([shift, shift], -1)
    return np.asarray(moved.astype(boxes.dtype))

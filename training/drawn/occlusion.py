"""How much of a face is still to be seen once other people stand in front of it."""

import numpy as np


class Uncovered:
    """The part of a box (px) that is inside the picture and that nothing laid over it later has covered."""

    def __init__(self, box: tuple[float, float, float, float], size_px: tuple[int, int], opacity: float = 1.0) -> None:
        x1, y1, x2, y2 = box
        self._area = max((x2 - x1) * (y2 - y1), 1e-6)
        left, top = max(x1, 0.0), max(y1, 0.0)
        right, bottom = min(x2, float(size_px[0])), min(y2, float(size_px[1]))
        self._inside = max(right - left, 0.0) * max(bottom - top, 0.0)
        self._left, self._top = int(left), int(top)
        self._open = np.full(
            (max(int(np.ceil(bottom)) - self._top, 1), max(int(np.ceil(right)) - self._left, 1)), opacity, np.float32
        )

    def cover(self, x0: int, y0: int, alpha: np.ndarray) -> None:
        """Lay something with this alpha (h, w) uint8 over the picture, its first pixel at (x0, y0)."""
        height, width = self._open.shape
        left, top = max(x0, self._left), max(y0, self._top)
        right, bottom = min(x0 + alpha.shape[1], self._left + width), min(y0 + alpha.shape[0], self._top + height)
        if right <= left or bottom <= top:
            return
        part = alpha[top - y0 : bottom - y0, left - x0 : right - x0]
        self._open[top - self._top : bottom - self._top, left - self._left : right - self._left] *= (
            1 - part / np.float32(255)
        )

    def share(self) -> float:
        """0 .. 1."""
        return float(self._inside / self._area * self._open.mean())

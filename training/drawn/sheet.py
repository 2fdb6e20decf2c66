"""The canvas while a frame is painted on it: shape, colour and gloss, and what is laid over the lit skin at the end."""

from dataclasses import dataclass, field

import numpy as np

from training.drawn.colours import Colour
from training.drawn.head import Head, Window


@dataclass(frozen=True, slots=True, eq=False)
class Inlay:
    """Something set into the face that carries its own shading: an eyeball, the inside of a mouth."""

    window: Window
    cover: np.ndarray
    """(h, w) float32 0..1."""
    colour: np.ndarray
    """(h, w, 3) float32 linear BGR, to be multiplied by the light there."""
    glint: np.ndarray | None = None
    """(h, w) float32: mirrored light, added."""


@dataclass(slots=True, eq=False)
class Sheet:
    """One frame of one face; painters change it in place."""

    head: Head
    """The resting head: its positions are the painters' coordinates."""
    radius: np.ndarray
    """(H, W) float32 mm."""
    colour: np.ndarray
    """(H, W, 3) float32 linear BGR reflectance."""
    gloss: np.ndarray
    """(H, W) float32: strength of mirrored light."""
    tone: np.ndarray
    """(H, W) float32: factor on `colour`."""
    inlays: list[Inlay] = field(default_factory=list)

    @property
    def px_mm(self) -> float:
        """Size of a canvas pixel on the front of the face, mm."""
        return 0.9 * self.head.canvas.step_mm

    def tint(self, window: Window, cover: np.ndarray, colour: Colour | np.ndarray) -> None:
        """Paint `colour` over a window as far as `cover` (h, w) says."""
        part = self.colour[window]
        part += (np.asarray(colour, np.float32) - part) * cover[..., None]

    def shade(self, window: Window, dark: np.ndarray) -> None:
        """Darken a window by the share `dark` (h, w), whatever is painted there later."""
        self.tone[window] *= 1 - dark

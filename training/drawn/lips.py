"""Where the lips are: their four edges, from a closed rest to a shout."""

from dataclasses import dataclass

import numpy as np

from training.drawn.actions import Actions
from training.drawn.head import MOUTH_Y_MM
from training.drawn.identity import Identity
from training.drawn.jaw import jaw_drop_mm

_GAP_MM = 15.0
"""How far the lower lip is from the upper one with the jaw fully dropped."""


@dataclass(frozen=True, slots=True)
class Lips:
    """The edges of the lips as functions of x, mm from the middle of the face; all heights y are head space."""

    half_width: float
    middle_y: float
    corner_rise: tuple[float, float]
    """How far the corners on the left and on the right of the picture are above the middle."""
    upper_gap: float
    lower_gap: float
    """Inner edges of the lips above and below the line where they meet, in the middle."""
    upper_thick: float
    lower_thick: float
    bow: float
    """Depth of the cupid's bow."""

    def edges(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Heights y of the upper lip's upper and lower edge and the lower lip's upper and lower edge at `x`."""
        t = np.minimum(np.abs(x / self.half_width), 1.1)
        rise = np.where(x < 0, np.float32(self.corner_rise[0]), np.float32(self.corner_rise[1]))
        line = self.middle_y - rise * (t * t * (0.35 + 0.65 * t))  # where closed lips meet
        # Arches of different squareness, (1 - t²) to a power: 1 in the middle, 0 at the corners.
        log = np.log(np.maximum(1 - t * t, 1e-6))
        bow = np.exp(-(((t - 0.2) / 0.16) ** 2)) - 0.75 * np.exp(-((t / 0.1) ** 2))
        upper_inner = line - self.upper_gap * np.exp(0.8 * log)
        lower_inner = line + self.lower_gap * np.exp(0.62 * log)
        upper_outer = upper_inner - self.upper_thick * np.exp(0.95 * log) - 0.6 * self.bow * bow
        lower_outer = lower_inner + self.lower_thick * np.exp(0.72 * log)
        return upper_outer, upper_inner, lower_inner, lower_outer


def lips(identity: Identity, actions: Actions) -> Lips:
    """Where this person's lips are."""
    mouth = identity.mouth
    smile, wide, rounded = max(actions.smile, 0.0), max(actions.wide, 0.0), max(-actions.wide, 0.0)
    pout, teeth, raised = max(actions.pout, 0.0), max(actions.teeth, 0.0), max(actions.upper_lip, 0.0)
    open_, drop = max(actions.open, 0.0), max(jaw_drop_mm(actions), 0.0)
    # A falling jaw takes the corners along, unless they are held up by a smile.
    rise = (7.5 if actions.smile > 0 else 6.5) * actions.smile - 0.22 * drop * (1 - smile)
    parted = min(1.0, 2 * (teeth + open_))  # raising a lip opens the mouth only if it is not kept shut
    middle = MOUTH_Y_MM * identity.shape.length + 0.4 * identity.shape.nose_length
    thin = (1 - 0.16 * smile - 0.10 * wide + 0.18 * rounded) * (1 - 0.55 * actions.press)
    return Lips(
        half_width=mouth.half_width * (1 + 0.20 * wide + 0.07 * smile - 0.28 * rounded - 0.05 * pout),
        middle_y=middle + 1.2 * smile - 1.8 * pout - 2.5 * raised * (1 - parted),
        corner_rise=(rise, rise + 6.5 * actions.smirk),
        upper_gap=(1.8 + 2.2 * smile) * teeth + 4.2 * raised * parted + 0.2 * max(drop - 2.0 * teeth, 0.0),
        lower_gap=1.9 * teeth + _GAP_MM * open_ + 3.2 * max(actions.lower_lip, 0.0),
        upper_thick=mouth.upper * thin * (1 - 0.2 * raised),
        lower_thick=mouth.lower * thin * (1 + 0.22 * pout),
        bow=mouth.bow * (1 - 0.6 * smile),
    )

"""What the muscles of a face can do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actions:
    """0 is rest and 1 is strong; negative values only where said."""

    smile: float = 0.0
    """Corners of the mouth up (1) or down (-1)."""
    smirk: float = 0.0
    """One corner up, on top of `smile`."""
    wide: float = 0.0
    """Mouth stretched (1) or rounded (-1)."""
    open: float = 0.0
    """Jaw dropped."""
    upper_lip: float = 0.0
    """Upper lip raised."""
    lower_lip: float = 0.0
    """Lower lip pulled down, so that lower teeth may show."""
    press: float = 0.0
    """Lips pressed together and thin."""
    teeth: float = 0.0
    """Lips parted over closed teeth."""
    pout: float = 0.0
    """Lower lip and chin pushed up."""
    brow_inner: float = 0.0
    """Inner ends of the brows raised."""
    brow_outer: float = 0.0
    """Outer halves of the brows raised."""
    frown: float = 0.0
    """Brows lowered and drawn together."""
    eye_open: float = 0.0
    """Upper lids raised (1) or heavy (-1)."""
    squint: float = 0.0
    """Lower lids tightened."""
    cheek: float = 0.0
    """Cheeks raised."""
    nose_wrinkle: float = 0.0
    gaze_down: float = 0.0

"""HLG and PQ pictures as an SDR screen shows them: one table for luma, one for how chroma follows.

SDR signals up to 0.9 are kept. Reference white (203 cd/m2, ITU-R BT.2408) becomes 0.95; brighter levels approach 1.
"""

from functools import cache

import numpy as np

PQ, HLG = 16, 18
"""Transfer characteristics as ITU-T H.273 numbers them."""
HDR = (PQ, HLG)
_WHITE_NITS = 203.0
_HLG_PEAK_NITS = 1000.0
_SDR_GAMMA = 2.4
"""BT.1886."""
_KNEE = 0.9
"""SDR signal up to which brightness is kept; so a face has the brightness that it has in an SDR copy."""
_CHROMA_709 = (1.143, 1.768)
"""Cb and Cr of BT.709 per Cb and Cr of BT.2020: the change of primaries, exact near grey."""


def to_sdr(planes: list[np.ndarray], transfer: int, full_range: bool) -> list[np.ndarray]:
    """10-bit 4:2:0 BT.2020 planes (H, W), (H/2, W/2) twice, uint16 -> the same in BT.709, 8 bits, of the same range."""
    y, u, v = planes
    luma, slope = _tables(transfer, full_range)
    out = [luma.take(y, mode="clip")]
    chroma_slope = slope.take(y[::2, ::2], mode="clip")
    for plane, factor in zip((u, v), _CHROMA_709, strict=True):
        scaled = 128.5 + (plane.astype(np.float32) - 512) * (chroma_slope * np.float32(factor / 4))
        out.append(np.clip(scaled, 0, 255).astype(np.uint8))
    return out


@cache
def _tables(transfer: int, full_range: bool) -> tuple[np.ndarray, np.ndarray]:
    """By 10-bit luma: 8-bit SDR luma (1024,) uint8, and the slope of that curve (1024,) float32.

    A small difference between the colours of a pixel is scaled by the curve's slope at its luma, and so is chroma.
    """
    low, span = (0.0, 1023.0) if full_range else (64.0, 876.0)
    signal = np.clip((np.arange(1024) - low) / span, 0, 1)
    sdr = _compressed((_nits(signal, transfer) / _WHITE_NITS) ** (1 / _SDR_GAMMA))
    slope = np.gradient(sdr, 1 / span)
    return np.round((sdr * span + low) / 4).astype(np.uint8), np.clip(slope, 0, 4).astype(np.float32)


def _nits(signal: np.ndarray, transfer: int) -> np.ndarray:
    """What a screen shows for a signal of 0..1, in cd/m2 (ITU-R BT.2100)."""
    if transfer == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        power = signal ** (1 / m2)
        return np.asarray(10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    return np.asarray(_HLG_PEAK_NITS * scene**1.2)


def _compressed(sdr: np.ndarray) -> np.ndarray:
    """Signals beyond the knee, up to any brightness, squeezed under 1; the curve has no corner."""
    beyond = np.maximum(sdr - _KNEE, 0) / (1 - _KNEE)
    return np.asarray(np.minimum(sdr, _KNEE) + (1 - _KNEE) * beyond / (1 + beyond))

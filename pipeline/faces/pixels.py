"""The two functions that look at pixels: what the detector sees, and a face cut out for EmoFAN.

Both give a network what its spec asks for: luma or RGB, full range, its size. Shapes: K faces, S side of the crop.
"""

import cv2
import numpy as np

from pipeline.faces.crops import Resample, crop
from pipeline.types import ColourMatrix, Picture

_KR_KB: dict[ColourMatrix, tuple[float, float]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
_FULL_FROM_LIMITED = np.clip(np.round((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


def detector_input(picture: Picture, *, channels: int, long_side_px: int, multiple_px: int) -> tuple[np.ndarray, float]:
    """The whole picture scaled to `long_side_px` and padded with black, right and below, to multiples of `multiple_px`.

    Returns (H, W, channels) uint8, full-range luma or RGB, and the scale: network px per picture px.
    """
    scale = long_side_px / max(picture.width, picture.height)
    width, height = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    planes = [picture.y] if channels == 1 else [picture.y, picture.u, picture.v]
    scaled = [cv2.resize(plane, (width, height), interpolation=shrink) for plane in planes]
    image = _to_network(scaled, picture)
    padded = np.zeros(
        (-(-height // multiple_px) * multiple_px, -(-width // multiple_px) * multiple_px, channels), np.uint8
    )
    padded[:height, :width] = image
    return padded, scale


def crop_faces(
    picture: Picture, squares: np.ndarray, size_px: int, *, channels: int, resample: Resample, fill: int = 0
) -> np.ndarray:
    """Faces cut out of one picture: squares (K, 3) as centre x, centre y, side -> (K, S, S, channels) uint8."""
    out = np.empty((len(squares), size_px, size_px, channels), np.uint8)
    for i, square in enumerate(squares.tolist()):
        planes = [crop(picture.y, tuple(square), size_px, resample=resample, fill=_limited(fill, picture))]
        if channels == 3:  # the chroma planes are half as large; outside the picture they are grey
            half = (square[0] / 2 - 0.25, square[1] / 2 - 0.25, square[2] / 2)
            planes += [crop(plane, half, size_px, resample=resample, fill=128) for plane in (picture.u, picture.v)]
        out[i] = _to_network(planes, picture)
    return out


def _to_network(planes: list[np.ndarray], picture: Picture) -> np.ndarray:
    """Planes of equal size, in the picture's range -> (H, W, 1) full-range luma or (H, W, 3) RGB, uint8."""
    if len(planes) == 1:
        luma = planes[0] if picture.full_range else cv2.LUT(planes[0], _FULL_FROM_LIMITED)
        return luma[..., None]
    y, u, v = (plane.astype(np.float32) for plane in planes)
    u, v = u - 128, v - 128
    if not picture.full_range:
        y, u, v = (y - 16) * (255 / 219), u * (255 / 224), v * (255 / 224)
    kr, kb = _KR_KB[picture.matrix]
    red, blue = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.clip(np.round(np.stack([red, green, blue], -1)), 0, 255).astype(np.uint8)


def _limited(level: int, picture: Picture) -> int:
    """A full-range grey level as the picture would store it."""
    return level if picture.full_range else round(16 + level * 219 / 255)

"""A piece of a picture with an alpha channel, and how pieces are laid over each other."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """An image that knows its place in a picture."""

    x0: int
    y0: int
    """Where its first pixel goes, px of the picture; may be outside."""
    image: np.ndarray
    """(h, w, 3) uint8 BGR."""
    alpha: np.ndarray
    """(h, w) uint8."""


def lay_over(picture: np.ndarray, image: np.ndarray, alpha: np.ndarray) -> None:
    """Blend `image` over `picture` (both (h, w, 3) uint8) in place, as far as `alpha` (h, w) uint8 says."""
    solid = cv2.merge([alpha, alpha, alpha])
    behind = cv2.multiply(picture, cv2.bitwise_not(solid), scale=1 / 255)
    picture[...] = cv2.add(behind, cv2.multiply(image, solid, scale=1 / 255))


def lay_into(picture: np.ndarray, image: np.ndarray, alpha: np.ndarray, x0: int, y0: int) -> None:
    """`lay_over` at a place of a larger picture; what falls outside is cut off."""
    height, width = alpha.shape
    left, top = max(-x0, 0), max(-y0, 0)
    right, bottom = min(picture.shape[1] - x0, width), min(picture.shape[0] - y0, height)
    if right > left and bottom > top:
        inside = (slice(top, bottom), slice(left, right))
        lay_over(picture[y0 + top : y0 + bottom, x0 + left : x0 + right], image[inside], alpha[inside])


def join(below: Patch, above: Patch) -> Patch:
    """One patch that shows both; half covered pixels keep their full colour."""
    parts = (below, above)
    x0, y0 = min(p.x0 for p in parts), min(p.y0 for p in parts)
    x1 = max(p.x0 + p.alpha.shape[1] for p in parts)
    y1 = max(p.y0 + p.alpha.shape[0] for p in parts)
    image = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    alpha = np.zeros((y1 - y0, x1 - x0), np.uint8)
    under, over = (
        (slice(p.y0 - y0, p.y0 - y0 + p.alpha.shape[0]), slice(p.x0 - x0, p.x0 - x0 + p.alpha.shape[1])) for p in parts
    )
    image[under], alpha[under] = below.image, below.alpha
    through = cv2.multiply(cv2.bitwise_not(above.alpha), cv2.bitwise_not(alpha[over]), scale=1 / 255)
    either = cv2.bitwise_not(through)
    share = cv2.divide(above.alpha, either, scale=255)
    share[alpha[over] == 0] = 255
    lay_over(image[over], above.image, share)
    alpha[over] = either
    return Patch(x0, y0, image, alpha)

"""From a decoded frame to a `Picture`: 8-bit I420, upright, square pixels. Nothing is copied where nothing changes."""

from fractions import Fraction

import cv2
import numpy as np
from av import FFmpegError, VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter

from pipeline.errors import SourceError
from pipeline.types import ColourMatrix, Picture
from pipeline.video.hdr import HDR, to_sdr
from pipeline.video.orientation import Orientation
from pipeline.video.planes import as_frame, as_planes, is_full_range

PIXELS_MAX = 8192 * 8192
ASPECT_MAX = Fraction(8)
"""No footage has pixels longer than this (anamorphic film has 2): what a file claims beyond is damage. It would make a
picture of thousands of millions of pixels."""
_MATRICES: dict[int, ColourMatrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}


class PictureConverter:
    """Converts the frames of one stream. It keeps one swscale context, which FFmpeg 8 would else make per frame."""

    def __init__(
        self,
        shown: str,
        sample_aspect_ratio: Fraction | None,
        rotate: int = 0,
        orientation: Orientation | None = None,
    ):
        """`shown` names the file in errors. `rotate`: degrees clockwise, on top of `orientation`, which is the file's
        own; None: the frames say.
        """
        self._shown, self._own = shown, orientation
        aspect = sample_aspect_ratio or Fraction(1)
        self._aspect = aspect if 1 / ASPECT_MAX <= aspect <= ASPECT_MAX else Fraction(1)
        self._rotate = rotate
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Picture:
        """Raises SourceError for a picture of more than 8192 x 8192 pixels, or of a kind that cannot be converted."""
        check_size(self._shown, frame.width, frame.height)
        planes = self._planes(frame)
        if frame.interlaced_frame:
            planes = [_one_field(plane) for plane in planes]
        if self._aspect != 1:
            planes = self._square(planes)
        orientation = self._orientation(frame)
        planes = [orientation.apply(plane) for plane in planes]
        return Picture(planes[0], planes[1], planes[2], is_full_range(frame), _matrix(frame))

    def bgr(self, frame: VideoFrame) -> np.ndarray:
        """The frame for people to look at: (H, W, 3) uint8 BGR, upright, square pixels."""
        orientation = self._orientation(frame)
        if frame.color_trc in HDR:
            frame = as_frame(self._planes(frame), like=frame)
            frame.colorspace = Colorspace.ITU709
        image: np.ndarray = self._reformatter.reformat(frame, format="bgr24").to_ndarray()
        if self._aspect != 1:
            width, height = _square_size(image.shape[1], image.shape[0], self._aspect)
            image = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.ascontiguousarray(orientation.apply(image))

    def _orientation(self, frame: VideoFrame) -> Orientation:
        own = Orientation.of(frame) if self._own is None else self._own
        return own.then_clockwise(self._rotate)

    def _planes(self, frame: VideoFrame) -> list[np.ndarray]:
        is_hdr = frame.color_trc in HDR
        try:
            planes = as_planes(frame, self._reformatter, bits=10 if is_hdr else 8)
        except FFmpegError as exc:
            raise SourceError(f"{self._shown}: its pictures ({frame.format.name}) cannot be converted") from exc
        return to_sdr(planes, frame.color_trc, is_full_range(frame)) if is_hdr else planes

    def _square(self, planes: list[np.ndarray]) -> list[np.ndarray]:
        height, width = planes[0].shape
        new_width, new_height = _square_size(width, height, self._aspect)
        sizes = [(new_width, new_height), *[(-(-new_width // 2), -(-new_height // 2))] * 2]
        return [cv2.resize(p, size, interpolation=cv2.INTER_LINEAR) for p, size in zip(planes, sizes, strict=True)]


def check_size(shown: str, width: int, height: int) -> None:
    """Raises SourceError, which names the file as `shown`, for a picture of more than 8192 x 8192 pixels."""
    if width * height > PIXELS_MAX:
        raise SourceError(f"{shown}: a picture of {width}x{height} px is larger than 8192x8192")


def _square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Width and height with square pixels: the side that is too short is stretched, nothing is thrown away."""
    return round(width * max(aspect, Fraction(1))), round(height * max(1 / aspect, Fraction(1)))


def _matrix(frame: VideoFrame) -> ColourMatrix:
    if frame.color_trc in HDR:
        return "bt709"
    return _MATRICES.get(frame.colorspace, "bt709" if frame.height >= 720 else "bt601")


def _one_field(plane: np.ndarray) -> np.ndarray:
    """The upper field of an interlaced plane at full height: half the lines, but of one moment."""
    return cv2.resize(plane[::2], plane.shape[::-1], interpolation=cv2.INTER_LINEAR)

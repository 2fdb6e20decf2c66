"""Frames as planes of numbers, and back."""

from typing import Literal

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

_AS_DECODED = {8: ("yuv420p", "yuvj420p"), 10: ("yuv420p10le",)}
_FORMATS = {np.dtype(np.uint8): "yuv420p", np.dtype(np.uint16): "yuv420p10le"}


def is_full_range(frame: VideoFrame) -> bool:
    """Whether luma runs over 0..255 and not over 16..235, or the like with more bits."""
    return frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG


def as_planes(frame: VideoFrame, reformatter: VideoReformatter, bits: Literal[8, 10] = 8) -> list[np.ndarray]:
    """I420 planes, (H, W) and twice half of it, uint8 or uint16, in the frame's range; copied only to be converted.

    Raises av.FFmpegError for frames that cannot be converted.
    """
    if frame.format.name not in _AS_DECODED[bits]:
        level = ColorRange.JPEG if is_full_range(frame) else ColorRange.MPEG
        frame = reformatter.reformat(
            frame,
            format=_AS_DECODED[bits][0],
            src_color_range=ColorRange.JPEG if frame.format.is_rgb else level,
            dst_color_range=level,
        )
    dtype = np.uint8 if bits == 8 else np.uint16
    lines = [np.frombuffer(plane, dtype).reshape(plane.height, -1) for plane in frame.planes[:3]]  # type: ignore[call-overload]
    return [line[:, : plane.width] for line, plane in zip(lines, frame.planes[:3], strict=True)]


def as_frame(planes: list[np.ndarray], *, like: VideoFrame) -> VideoFrame:
    """I420 planes, uint8 or uint16 of 10 bits, as a frame with the range and the colours of `like`."""
    frame = VideoFrame(planes[0].shape[1], planes[0].shape[0], _FORMATS[planes[0].dtype])
    for plane, pixels in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // pixels.itemsize), pixels.dtype)
        padded[:, : plane.width] = pixels
        plane.update(padded.tobytes())
    frame.color_range = ColorRange.JPEG if is_full_range(like) else ColorRange.MPEG
    frame.colorspace, frame.color_primaries, frame.color_trc = like.colorspace, like.color_primaries, like.color_trc
    return frame
